from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data.validation.schema_inference import infer_schema
from components.data.validation.schema_rules import compare_with_schema
from tests.components.written_statistics import dataset


def row(*labels, **features):
    return {"id": ["1"], "text": ["hi"], "labels": labels, **features}


def inferred(*datasets):
    schema = infer_schema(datasets, ("joy", "fear"))
    return schema, {feature.name: feature for feature in schema.feature}


def with_weights(name, rows, present):
    proto = dataset(name, rows)
    common = proto.features.add(name="weight", type="FLOAT").num_stats.common_stats
    common.num_non_missing, common.num_missing = present, len(rows) - present
    common.min_num_values = common.max_num_values = 1
    return proto


def test_types_presence_and_valency():
    schema, features = inferred(
        with_weights("train", [row("joy", "fear"), row()], 2),
        with_weights("validation", [row("joy")], 1),
    )
    assert list(features) == ["id", "labels", "text", "weight"]
    text, labels, weight = features["text"], features["labels"], features["weight"]
    assert (text.type, weight.type) == (schema_pb2.BYTES, schema_pb2.FLOAT)
    assert (text.presence.min_fraction, text.presence.min_count) == (1.0, 1)
    assert (text.value_count.min, text.value_count.max) == (1, 1)
    assert not labels.presence.HasField("min_fraction")
    assert (labels.value_count.min, labels.value_count.HasField("max")) == (1, False)
    assert labels.domain == "labels"
    assert [(domain.name, list(domain.value)) for domain in schema.string_domain] == [
        ("labels", ["joy", "fear"])
    ]
    assert not text.HasField("natural_language_domain")


def test_single_labels_stay_single():
    _, features = inferred(dataset("train", [row("joy"), row("fear")]))
    assert features["labels"].value_count.max == 1


def test_a_feature_of_one_split_only_is_optional():
    _, features = inferred(
        dataset("train", [row("joy", context=["before"])]),
        dataset("test", [row("joy")]),
        dataset("empty", []),
    )
    assert not features["context"].HasField("presence")
    assert features["text"].presence.min_fraction == 1.0


def test_slices_with_few_values_are_enumerations():
    many = [
        row("joy", **{"slice/lang": [lang], "slice/user": [str(n)]})
        for n in range(101)
        for lang in ("en", "de")
    ]
    schema, features = inferred(dataset("train", many))
    assert features["slice/lang"].domain == "slice/lang"
    assert list(schema.string_domain[1].value) == ["de", "en"]
    assert not features["slice/user"].domain


LANGUAGE = """
feature_coverage: 0.9 avg_token_length: 4 min_sequence_length: 2 max_sequence_length: 30
token_statistics { string_token: "[UNK]" fraction_of_sequences: 0.02 per_sequence_max_frequency: 3 }
token_statistics { string_token: "[CLS]" fraction_of_sequences: 1 per_sequence_max_frequency: 1 }
token_statistics { string_token: "the" fraction_of_sequences: 0.5 }
"""


def spoken(name, language):
    proto = dataset(name, [row("joy")])
    text = next(feature for feature in proto.features if feature.name == "text")
    statistics = text_format.Parse(language, statistics_pb2.NaturalLanguageStatistics())
    text.custom_stats.add(name="nl_statistics").any.Pack(statistics)
    return proto


def test_a_language_domain_with_headroom():
    datasets = [spoken("train", LANGUAGE), spoken("test", LANGUAGE.replace("0.9", "0.8"))]
    schema, features = inferred(*datasets)
    domain = features["text"].natural_language_domain
    assert round(domain.coverage.min_coverage, 4) == 0.76
    assert round(domain.coverage.min_avg_token_length, 4) == 3.8
    limits = domain.sequence_length_constraints
    assert (limits.min_sequence_length, limits.max_sequence_length) == (1, 45)
    (token,) = domain.token_constraints
    assert token.string_value == "[UNK]"
    assert round(token.max_fraction_of_sequences, 4) == 0.05
    for one in datasets:
        assert compare_with_schema(one, schema, {}, max_foreign_share=0.1) == []


def test_no_language_domain_if_a_split_was_not_tokenized():
    _, features = inferred(spoken("train", LANGUAGE), dataset("test", [row("joy")]))
    assert not features["text"].HasField("natural_language_domain")
