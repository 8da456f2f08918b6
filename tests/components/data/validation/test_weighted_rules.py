import pytest

from tests.components.data.validation.test_schema_rules import feature, findings

PAIR = 'feature { name: "x" } feature { name: "w" }'
WEIGHTED = 'weighted_feature { name: "xw" feature { step: "x" } weight_feature { step: "w" } }'


def own(name, value):
    return f'features {{ name: "xw" string_stats {{}} custom_stats {{ name: "{name}" num: {value} }} }}'


@pytest.mark.parametrize(
    ("broken", "kind", "message"),
    [
        (
            feature(name="x") + feature(7, 3, name="w"),
            "WEIGHTED_FEATURE_MISSING_WEIGHT",
            "3 examples have a x but no w",
        ),
        (
            feature(6, 4, name="x") + feature(name="w"),
            "WEIGHTED_FEATURE_MISSING_VALUE",
            "4 examples have a w but no x",
        ),
        (
            feature(name="x", greatest=2) + feature(name="w"),
            "WEIGHTED_FEATURE_LENGTH_MISMATCH",
            "more or fewer values of w than of x",
        ),
        (own("missing_weight", 2), "WEIGHTED_FEATURE_MISSING_WEIGHT", "2 examples"),
        (own("missing_value", 2), "WEIGHTED_FEATURE_MISSING_VALUE", "2 examples"),
        (
            own("max_weight_length_diff", 2),
            "WEIGHTED_FEATURE_LENGTH_MISMATCH",
            "expected one weight for each value",
        ),
    ],
)
def test_values_and_weights_that_do_not_match(broken, kind, message):
    (found,) = findings(PAIR + WEIGHTED, broken)
    assert (found.feature, found.type) == ("xw", kind)
    assert message in found.message


@pytest.mark.parametrize(
    "fitting",
    [
        feature(name="x") + feature(name="w"),
        feature(7, 3, name="x") + feature(7, 3, name="w"),
        own("missing_weight", 0),
    ],
)
def test_values_and_weights_that_match(fitting):
    assert findings(PAIR + WEIGHTED, fitting) == []


def test_a_name_that_is_taken():
    (found,) = findings(PAIR + WEIGHTED.replace('"xw"', '"x"'), feature(name="x"))
    assert (found.feature, found.type) == ("x", "WEIGHTED_FEATURE_NAME_COLLISION")


def test_a_pair_that_is_no_pair():
    (found,) = findings(PAIR + 'weighted_feature { name: "xw" }', feature(name="x"))
    assert (found.feature, found.type) == ("xw", "INVALID_DOMAIN_SPECIFICATION")
