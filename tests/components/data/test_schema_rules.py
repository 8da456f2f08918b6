import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data.example_proto import decode_columns, encode_example
from components.data.feature_protos import Detail
from components.data.schema_rules import compare_with_schema
from components.data.split_statistics import SplitCounter, StatisticsPlan

SCHEMA = """
feature { name: "id" type: BYTES value_count { min: 1 max: 1 } presence { min_fraction: 1 min_count: 1 } }
feature { name: "text" type: BYTES shape { dim { size: 1 } } }
feature { name: "labels" type: BYTES domain: "labels" value_count { min: 1 max: 2 } presence { min_count: 2 } }
feature { name: "weight" type: FLOAT }
string_domain { name: "labels" value: "joy" value: "fear" }
"""


def findings(examples, schema=SCHEMA):
    plan = StatisticsPlan(("joy", "fear", "sad"), None, None, Detail(20, 1000, 10))
    counter = SplitCounter(plan)
    if examples:
        full = [{"id": [b"1"], "text": [b"hi"], **example} for example in examples]
        counter.add_all(decode_columns(list(map(encode_example, full))))
    dataset = counter.finish().to_proto("test", plan)
    return compare_with_schema(dataset, text_format.Parse(schema, schema_pb2.Schema()))


FITTING = [{"labels": [b"joy"]}, {"labels": [b"joy", b"fear"]}, {"labels": []}]


def test_what_fits_gives_no_findings():
    assert findings(FITTING) == []


@pytest.mark.parametrize(
    ("examples", "schema", "feature", "kind", "message"),
    [
        (
            [*FITTING, {"labels": [b"joy", b"sad", b"sad"]}],
            SCHEMA.replace("max: 2", "max: 3"),
            "labels",
            "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
            r"33\.33% .*'sad' \(2\)",
        ),
        (
            [*FITTING, {"labels": [b"joy", b"joy", b"fear"]}],
            SCHEMA,
            "labels",
            "FEATURE_TYPE_HIGH_NUMBER_VALUES",
            "has 3 values where the schema allows 2",
        ),
        (
            FITTING,
            SCHEMA.replace("min: 1 max: 2", "min: 2"),
            "labels",
            "FEATURE_TYPE_LOW_NUMBER_VALUES",
            "has 1 values where the schema asks for at least 2",
        ),
        (
            FITTING,
            SCHEMA.replace("min_count: 2", "min_count: 5"),
            "labels",
            "FEATURE_TYPE_LOW_NUMBER_PRESENT",
            "2 examples have a value where the schema asks for 5",
        ),
        (
            FITTING,
            SCHEMA.replace("min_count: 2", "min_fraction: 0.9"),
            "labels",
            "FEATURE_TYPE_LOW_FRACTION_PRESENT",
            r"66\.67% of the examples",
        ),
        (
            [{**example, "weight": [3]} for example in FITTING],
            SCHEMA,
            "weight",
            "UNEXPECTED_DATA_TYPE",
            "expected FLOAT values, got INT",
        ),
        (
            FITTING,
            SCHEMA.replace("type: FLOAT", "type: FLOAT presence { min_count: 1 }"),
            "weight",
            "SCHEMA_MISSING_COLUMN",
            "no example has it",
        ),
        (
            [{**example, "slice/lang": [b"en"]} for example in FITTING],
            SCHEMA,
            "slice/lang",
            "SCHEMA_NEW_COLUMN",
            "not in the schema",
        ),
        (
            FITTING,
            SCHEMA + "dataset_constraints { min_examples_count: 4 }",
            "",
            "DATASET_LOW_NUM_EXAMPLES",
            "3 examples where the schema asks for 4",
        ),
    ],
)
def test_each_difference_gives_one_finding(examples, schema, feature, kind, message):
    import re

    (found,) = findings(examples, schema)
    assert (found.split, found.feature, found.type) == ("test", feature, kind)
    assert re.search(message, found.message)


def test_a_share_of_unexpected_values_can_be_allowed():
    examples = [*FITTING, {"labels": [b"sad"]}]
    lenient = SCHEMA.replace("presence { min_count: 2 }", "distribution_constraints { min_domain_mass: 0.7 }")
    strict = lenient.replace("0.7", "0.8")
    assert findings(examples, lenient) == []
    assert [found.type for found in findings(examples, strict)] == ["ENUM_TYPE_UNEXPECTED_STRING_VALUES"]


def test_an_empty_split_is_not_compared():
    assert findings([]) == []
