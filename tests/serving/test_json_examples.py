"""JSON to tf.Example."""

import json

import pytest
import tensorflow as tf

from serving.errors import InvalidArgumentError
from serving.json_examples import examples_from_json


def features(record: bytes) -> dict[str, list[object]]:
    example = tf.train.Example.FromString(record)
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in example.features.feature.items()
    }


def test_json_types_choose_the_feature_kind() -> None:
    (record,) = examples_from_json(
        {"examples": [{"text": "ü", "raw": {"b64": "/w=="}, "n": [1, True], "x": 0.5, "many": ["a", "b"]}]}
    )
    assert features(record) == {
        "text": ["ü".encode()],
        "raw": [b"\xff"],
        "n": [1, 1],
        "x": [0.5],
        "many": [b"a", b"b"],
    }


def test_the_context_is_shared_and_the_example_wins() -> None:
    records = examples_from_json({"context": {"text": "c", "lang": "en"}, "examples": [{"text": "a"}, {}]})
    assert [features(record) for record in records] == [
        {"text": [b"a"], "lang": [b"en"]},
        {"text": [b"c"], "lang": [b"en"]},
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": ["a"]}, "Example must be JSON object but got JSON String"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {"y": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [1, "a"]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": 2**63}]}, "Only int64_t is supported"),
    ],
)
def test_what_does_not_fit(document: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        examples_from_json(json.loads(json.dumps(document)))
    assert message in str(error.value)
