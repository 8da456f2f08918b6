"""One minimal schema with statistics that break it, and with statistics that do not, for every kind of anomaly."""

import re

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data.validation.schema_rules import compare_with_schema


def findings(schema, statistics, *, rows=10, document=None):
    dataset = text_format.Parse(statistics, statistics_pb2.DatasetFeatureStatistics())
    dataset.name, dataset.num_examples = "test", rows
    parsed = text_format.Parse(schema, schema_pb2.Schema())
    return compare_with_schema(dataset, parsed, document or {}, max_foreign_share=0.1)


def feature(present=10, missing=0, fewest=1, greatest=1, *, more="", name="x"):
    """A feature of strings."""
    common = (
        f"num_non_missing: {present} num_missing: {missing} min_num_values: {fewest} max_num_values: {greatest} "
        f"tot_num_values: {present * greatest}"
    )
    return f'features {{ name: "{name}" type: STRING string_stats {{ common_stats {{ {common} }} {more} }} }}'


def number(kind="INT", *, low=0, high=1, more="", name="x"):
    common = (
        "common_stats { num_non_missing: 10 min_num_values: 1 max_num_values: 1 tot_num_values: 10 }"
        f" min: {low} max: {high} {more}"
    )
    return f'features {{ name: "{name}" type: {kind} num_stats {{ {common} }} }}'


FITTING = feature()

PRESENCE = [
    ("type: BYTES presence { min_fraction: 1 }", "", FITTING, "SCHEMA_MISSING_COLUMN", "no example has it"),
    (
        "presence { min_count: 1 }",
        feature(0, 10, 0, 0),
        FITTING,
        "FEATURE_TYPE_NOT_PRESENT",
        "every example is without",
    ),
    (
        "presence { min_fraction: 0.9 }",
        feature(8, 2),
        feature(9, 1),
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
        r"80\.00% of the examples have a value where the schema asks for 90\.00%",
    ),
    (
        "presence { min_count: 9 }",
        feature(8, 2),
        feature(9, 1),
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        "8 examples have a value where the schema asks for 9",
    ),
    (
        "value_count { min: 2 }",
        FITTING,
        feature(fewest=2, greatest=3),
        "FEATURE_TYPE_LOW_NUMBER_VALUES",
        "has 1 values where the schema asks for at least 2",
    ),
    (
        "value_count { max: 2 }",
        feature(greatest=3),
        feature(greatest=2),
        "FEATURE_TYPE_HIGH_NUMBER_VALUES",
        "has 3 values where the schema allows 2",
    ),
    (
        "shape { dim { size: 2 } }",
        FITTING,
        feature(fewest=2, greatest=2),
        "INVALID_FEATURE_SHAPE",
        "expected 2 in every",
    ),
    ("shape {}", feature(9, 1), FITTING, "INVALID_FEATURE_SHAPE", "none in 1 examples"),
    ("type: FLOAT", number("INT"), number("FLOAT"), "UNEXPECTED_DATA_TYPE", "expected FLOAT values, got INT"),
    (
        "unique_constraints { min: 3 max: 5 }",
        feature(more="unique: 2"),
        feature(more="unique: 3"),
        "FEATURE_TYPE_LOW_UNIQUE",
        "expected 3 different values or more, got 2",
    ),
    (
        "unique_constraints { min: 3 max: 5 }",
        feature(more="unique: 6"),
        feature(more="unique: 5"),
        "FEATURE_TYPE_HIGH_UNIQUE",
        "expected 5 different values or fewer, got 6",
    ),
    (
        "unique_constraints { min: 1 max: 5 }",
        number(),
        feature(more="unique: 5"),
        "FEATURE_TYPE_NO_UNIQUE",
        "not counted",
    ),
]


@pytest.mark.parametrize(("schema", "broken", "fitting", "kind", "message"), PRESENCE)
def test_presence_type_and_valency(schema, broken, fitting, kind, message):
    schema = f'feature {{ name: "x" {schema} }}'
    (found,) = findings(schema, broken)
    assert (found.split, found.feature, found.type) == ("test", "x", kind)
    assert re.search(message, found.message)
    assert findings(schema, fitting) == []


def test_new_columns():
    (found,) = findings('feature { name: "y" }', FITTING)
    assert (found.feature, found.type) == ("x", "SCHEMA_NEW_COLUMN")
    assert "not in the schema" in found.message
    assert findings('feature { name: "x" }', FITTING) == []


@pytest.mark.parametrize(
    "unused", ["deprecated: true", "lifecycle_stage: DEPRECATED", "lifecycle_stage: PLANNED"]
)
def test_features_that_are_not_in_use_are_not_checked(unused):
    assert (
        findings(f'feature {{ name: "x" type: FLOAT presence {{ min_count: 99 }} {unused} }}', FITTING) == []
    )


@pytest.mark.parametrize(
    ("constraint", "kind", "message"),
    [
        ("min_examples_count: 11", "DATASET_LOW_NUM_EXAMPLES", "10 examples where the schema asks for 11"),
        ("max_examples_count: 9", "DATASET_HIGH_NUM_EXAMPLES", "10 examples where the schema allows 9"),
    ],
)
def test_the_size_of_the_data_set(constraint, kind, message):
    (found,) = findings(f"dataset_constraints {{ {constraint} }}", "")
    assert (found.feature, found.type) == ("", kind)
    assert message in found.message
    assert findings("dataset_constraints { min_examples_count: 10 max_examples_count: 10 }", "") == []


def test_an_empty_split_is_not_compared():
    assert findings('feature { name: "x" presence { min_count: 1 } }', "", rows=0) == []
