import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.core.errors import DataError
from components.data.example_proto import decode_columns, encode_example
from components.data.feature_protos import Detail
from components.data.schema_inference import format_schema, infer_schema, parse_schema
from components.data.split_statistics import SplitCounter, StatisticsPlan

PLAN = StatisticsPlan(("joy", "fear"), None, None, Detail(top_values=20, ranks=1000, buckets=10))


def dataset(name, examples):
    counter = SplitCounter(PLAN)
    if examples:
        counter.add_all(decode_columns([encode_example({"id": [b"1"], **row}) for row in examples]))
    return counter.finish().to_proto(name, PLAN)


def row(*labels, **features):
    return {"text": [b"hi"], "labels": [label.encode() for label in labels], **features}


def inferred(*datasets):
    schema = infer_schema(datasets, ("joy", "fear"))
    return schema, {feature.name: feature for feature in schema.feature}


def test_types_presence_and_valency():
    schema, features = inferred(
        dataset("train", [row("joy", "fear", weight=[0.5]), row(weight=[1.0])]),
        dataset("validation", [row("joy", weight=[1.0])]),
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


def test_single_labels_stay_single():
    _, features = inferred(dataset("train", [row("joy"), row("fear")]))
    assert features["labels"].value_count.max == 1


def test_a_feature_of_one_split_only_is_optional():
    _, features = inferred(
        dataset("train", [row("joy", context=[b"before"])]),
        dataset("test", [row("joy")]),
        dataset("empty", []),
    )
    assert not features["context"].HasField("presence")
    assert features["text"].presence.min_fraction == 1.0


def test_slices_with_few_values_are_enumerations():
    many = [
        row("joy", **{"slice/lang": [lang], "slice/user": [str(n).encode()]})
        for n in range(101)
        for lang in (b"en", b"de")
    ]
    schema, features = inferred(dataset("train", many))
    assert features["slice/lang"].domain == "slice/lang"
    assert list(schema.string_domain[1].value) == ["de", "en"]
    assert not features["slice/user"].domain


def test_the_text_form_is_read_back():
    schema, _ = inferred(dataset("train", [row("joy")]))
    schema.string_domain[0].value.append("fröhlich")
    text = format_schema(schema)
    assert "fröhlich" in text
    assert parse_schema(text, "s") == schema


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature { nam: 1 }", r"s\.pbtxt: no tensorflow-metadata schema in text form: 1:11"),
        ('feature { name: "text" }', "describes no feature 'labels', only text"),
        ("", "describes no feature 'text', only none at all"),
    ],
)
def test_what_is_no_schema_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        parse_schema(text, "s.pbtxt")
