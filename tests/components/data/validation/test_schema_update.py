from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data.validation.schema_rules import compare_with_schema
from components.data.validation.schema_update import update_schema
from tests.components.written_statistics import dataset

CURATED = """
feature { name: "text" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature {
  name: "labels" type: BYTES domain: "labels" presence { min_count: 5 } value_count { min: 1 max: 1 }
  drift_comparator { infinity_norm { threshold: 0.01 } }
}
feature { name: "slice/lang" type: BYTES string_domain { value: "en" } unique_constraints { min: 1 max: 1 } }
string_domain { name: "labels" value: "joy" }
dataset_constraints { min_examples_count: 10 }
"""
ROWS = [
    {"text": ["hi"], "labels": ["joy", "fear"], "slice/lang": ["en"], "context": ["so"]},
    {"text": ["ho"], "labels": ["joy"], "slice/lang": ["de"]},
    {"labels": ["anger"], "slice/lang": ["en"]},
]


def parse(text):
    return text_format.Parse(text, schema_pb2.Schema())


def anomalies(dataset, schema):
    return compare_with_schema(dataset, schema, {}, max_foreign_share=0.1)


def test_the_updated_schema_fits_and_says_what_has_changed():
    data = dataset("train", ROWS)
    curated = parse(CURATED)
    assert len(anomalies(data, curated)) == 8
    updated, changes = update_schema(curated, [data], ("anger", "fear", "joy"))
    assert anomalies(data, updated) == []
    assert changes == [
        "labels: min_count 5 -> 3",
        "labels: max 1 -> 2",
        "labels: new values 'anger', 'fear'",
        "slice/lang: max 1 -> 2",
        "slice/lang: new values 'de'",
        "text: min_fraction 1 -> 0.666667",
        "context: new feature",
        "dataset: min_examples_count 10 -> 3",
    ]
    assert curated == parse(CURATED), "the given schema stays as it was"


def test_what_a_person_decided_stays():
    updated, _ = update_schema(parse(CURATED), [dataset("train", ROWS)], ("anger", "fear", "joy"))
    labels = next(feature for feature in updated.feature if feature.name == "labels")
    assert labels.drift_comparator.infinity_norm.threshold == 0.01
    assert list(updated.string_domain[0].value) == ["joy", "anger", "fear"]


def test_a_schema_that_fits_is_not_touched():
    rows = [{"text": ["hi"], "labels": ["joy"], "slice/lang": ["en"]}] * 10
    updated, changes = update_schema(parse(CURATED), [dataset("train", rows)], ("joy",))
    assert changes == []
    assert updated == parse(CURATED)


def test_ranges_and_language_limits_are_widened():
    schema = parse(
        'feature { name: "n" type: INT int_domain { min: 0 max: 5 } }'
        'feature { name: "text" type: BYTES natural_language_domain { coverage { min_coverage: 0.9 } '
        "sequence_length_constraints { max_sequence_length: 10 } } }"
    )
    data = dataset("train", [{"text": ["hi"]}])
    number = data.features.add(name="n", type="INT").num_stats
    number.common_stats.num_non_missing = 1
    number.min, number.max = -3, 7
    statistics = statistics_pb2.NaturalLanguageStatistics(feature_coverage=0.7234567, max_sequence_length=20)
    data.features[0].custom_stats.add(name="nl_statistics").any.Pack(statistics)
    updated, changes = update_schema(schema, [data], ())
    assert changes == [
        "text: min_coverage 0.9 -> 0.723",
        "text: max_sequence_length 10 -> 20",
        "n: min 0 -> -3",
        "n: max 5 -> 7",
    ]
    assert anomalies(data, updated) == []
