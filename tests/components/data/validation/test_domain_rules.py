import pytest

from tests.components.data.validation.test_schema_rules import feature, findings, number

INF, NAN = "inf", "nan"


def strings(*values, invalid=0):
    buckets = " ".join(f'buckets {{ label: "{value}" sample_count: 1 }}' for value in values)
    return feature(
        len(values) or 10, more=f"rank_histogram {{ {buckets} }} invalid_utf8_count: {invalid}", name="x"
    )


def histogram(*buckets, kind="STANDARD", nan=0):
    shown = " ".join(f"buckets {{ low_value: {a} high_value: {b} sample_count: {n} }}" for a, b, n in buckets)
    return f"histograms {{ type: {kind} num_nan: {nan} {shown} }}"


ENUM = 'string_domain { value: "joy" value: "fear" }'
FLOATS = "float_domain { min: 0 max: 1 }"
SANE = "float_domain { disallow_nan: true disallow_inf: true }"

DOMAINS = [
    (
        ENUM,
        strings("joy", "sad", "mad"),
        strings("joy"),
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "'sad' (1), 'mad' (1)",
    ),
    (
        ENUM,
        strings("joy", invalid=3),
        strings("fear"),
        "ENUM_TYPE_INVALID_UTF8",
        "got 3 values that are none",
    ),
    (
        f"{ENUM} distribution_constraints {{ min_domain_mass: 0.5 }}",
        strings("joy", "sad", "mad"),
        strings("joy", "sad"),
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "66.67% of the values",
    ),
    ("bool_domain {}", number(low=-1), number(), "BOOL_TYPE_SMALL_INT", "expected 0 or more, got -1"),
    ("bool_domain {}", number(high=2), number(), "BOOL_TYPE_BIG_INT", "expected 1 or less, got 2"),
    ("bool_domain {}", number("FLOAT", high=0.5), number("FLOAT"), "BOOL_TYPE_UNEXPECTED_FLOAT", "got 0.5"),
    (
        "bool_domain {}",
        number("FLOAT", more=histogram((0, 1, 9), nan=1)),
        number("FLOAT", more=histogram((0, 1, 9))),
        "BOOL_TYPE_UNEXPECTED_FLOAT",
        "got NaN",
    ),
    (
        "bool_domain {}",
        number("FLOAT", more=histogram((0, 0.2, 3), (0.2, 0.7, 3), kind="QUANTILES")),
        number("FLOAT", more=histogram((0, 0, 3), (0, 1, 3), kind="QUANTILES")),
        "BOOL_TYPE_UNEXPECTED_FLOAT",
        "values from 0.2 to 0.7",
    ),
    (
        'bool_domain { true_value: "yes" false_value: "no" }',
        strings("yes", "maybe"),
        strings("yes", "no"),
        "BOOL_TYPE_UNEXPECTED_STRING",
        "expected 'yes' or 'no', got 'maybe' (1)",
    ),
    (
        "int_domain { min: 2 }",
        number(low=1, high=5),
        number(low=2, high=5),
        "INT_TYPE_SMALL_INT",
        "2 or more, got 1",
    ),
    ("int_domain { max: 4 }", number(high=5), number(high=4), "INT_TYPE_BIG_INT", "4 or less, got 5"),
    ("int_domain { max: 4 }", strings("1", "5"), strings("1", "4"), "INT_TYPE_BIG_INT", "4 or less, got 5"),
    ("int_domain {}", strings("1", "x"), strings("1", "-2"), "INT_TYPE_NOT_INT_STRING", "got 'x' (1)"),
    ("int_domain {}", number("FLOAT"), number(), "DOMAIN_INVALID_FOR_TYPE", "the values are floats"),
    (
        FLOATS,
        number("FLOAT", low=-0.5),
        number("FLOAT"),
        "FLOAT_TYPE_SMALL_FLOAT",
        "expected 0 or more, got -0.5",
    ),
    (
        FLOATS,
        number("FLOAT", high=1.5),
        number("FLOAT"),
        "FLOAT_TYPE_BIG_FLOAT",
        "expected 1 or less, got 1.5",
    ),
    (FLOATS, strings("0.5", "2"), strings("0.5", "1"), "FLOAT_TYPE_BIG_FLOAT", "expected 1 or less, got 2"),
    (FLOATS, strings("0.5", "much"), strings("0.5"), "FLOAT_TYPE_STRING_NOT_FLOAT", "got 'much' (1)"),
    (SANE, number("FLOAT", high=INF), number("FLOAT"), "FLOAT_TYPE_HAS_INF", "allows no infinity"),
    (
        SANE,
        number("FLOAT", more=histogram((0, 1, 9), nan=1)),
        number("FLOAT", more=histogram((0, 1, 9))),
        "FLOAT_TYPE_HAS_NAN",
        "allows no NaN",
    ),
    (SANE, strings("1", "nan"), strings("1"), "FLOAT_TYPE_HAS_NAN", "allows no NaN"),
    (
        'string_domain { value: "a" value: "a" }',
        strings("a"),
        "",
        "INVALID_DOMAIN_SPECIFICATION",
        "'a' more than once",
    ),
    (
        'bool_domain { true_value: "a" false_value: "a" }',
        strings("a"),
        "",
        "INVALID_DOMAIN_SPECIFICATION",
        "for both true and false",
    ),
    ('domain: "moods"', strings("a"), "", "INVALID_DOMAIN_SPECIFICATION", "names a string_domain 'moods'"),
]


@pytest.mark.parametrize(("domain", "broken", "fitting", "kind", "message"), DOMAINS)
def test_values_outside_the_domain(domain, broken, fitting, kind, message):
    schema = f'feature {{ name: "x" {domain} }}'
    (found,) = findings(schema, broken)
    assert (found.feature, found.type) == ("x", kind)
    assert message in found.message
    assert findings(schema, fitting) == []


def test_a_domain_that_features_share():
    schema = 'feature { name: "x" domain: "moods" } string_domain { name: "moods" value: "joy" }'
    assert findings(schema, strings("joy")) == []
    assert [found.type for found in findings(schema, strings("sad"))] == [
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    ]


def test_a_domain_without_values_allows_all():
    assert findings('feature { name: "x" string_domain {} }', strings("joy")) == []
