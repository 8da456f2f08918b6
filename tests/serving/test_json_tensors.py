"""JSON to arrays and back, in TensorFlow Serving's words."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.errors import InvalidArgumentError
from serving.json_tensors import array_to_json, inputs_from_json, outputs_to_json
from serving.json_values import parse_object


def signature(**inputs: tf.DType) -> SignatureDef:
    definition = SignatureDef()
    for name, dtype in inputs.items():
        definition.inputs[name].dtype = dtype.as_datatype_enum
    return definition


TEXT = signature(text=tf.string)
FLOAT = signature(x=tf.float32)
TWO = signature(ids=tf.int32, mask=tf.int32)


def read(body: str, definition: SignatureDef) -> dict[str, np.ndarray]:
    return inputs_from_json(parse_object(body.encode()), definition)


@pytest.mark.parametrize(
    ("body", "definition", "expected"),
    [
        ('{"instances": ["a", "ü"]}', TEXT, {"text": [b"a", "ü".encode()]}),
        ('{"instances": [{"text": "a"}]}', TEXT, {"text": [b"a"]}),
        ('{"instances": [{"b64": "AP8="}]}', TEXT, {"text": [b"\x00\xff"]}),
        ('{"inputs": ["a", "b"]}', TEXT, {"text": [b"a", b"b"]}),
        ('{"inputs": {"text": ["a"]}}', TEXT, {"text": [b"a"]}),
        ('{"inputs": {"b64": "YQ"}}', TEXT, {"text": b"a"}),
        ('{"instances": [[1, 2.5], [3, 4]]}', FLOAT, {"x": [[1.0, 2.5], [3.0, 4.0]]}),
        ('{"instances": [{"ids": [1, 2], "mask": [1, 1]}]}', TWO, {"ids": [[1, 2]], "mask": [[1, 1]]}),
        ('{"inputs": {"ids": [[1]], "mask": [[0]]}}', TWO, {"ids": [[1]], "mask": [[0]]}),
        ('{"inputs": []}', TEXT, {"text": []}),
        ('{"instances": [true, false]}', signature(x=tf.bool), {"x": [True, False]}),
        (
            '{"signature_name": "s", "instances": [9223372036854775807]}',
            signature(x=tf.int64),
            {"x": [2**63 - 1]},
        ),
    ],
)
def test_rows_and_columns(body: str, definition: SignatureDef, expected: dict[str, object]) -> None:
    inputs = read(body, definition)
    assert {name: array.tolist() for name, array in inputs.items()} == expected
    for name, array in inputs.items():
        assert tf.as_dtype(array.dtype).as_datatype_enum == definition.inputs[name].dtype


def test_nan_and_infinity_are_taken_and_given() -> None:
    array = read('{"instances": [NaN, Infinity, -Infinity]}', FLOAT)["x"]
    assert math.isnan(array[0])
    assert array[1:].tolist() == [math.inf, -math.inf]
    assert (
        json.dumps(outputs_to_json({"y": array}, rows=True)) == '{"predictions": [NaN, Infinity, -Infinity]}'
    )


def test_bytes_that_are_no_utf8_arrive_as_they_were_sent() -> None:
    assert inputs_from_json(parse_object(b'{"instances": ["\xff"]}'), TEXT)["text"].tolist() == [b"\xff"]


@pytest.mark.parametrize(
    ("body", "definition", "message"),
    [
        ("", TEXT, "JSON Parse error: The document is empty"),
        (" \n", TEXT, "JSON Parse error: The document is empty"),
        ("{", TEXT, "JSON Parse error: Invalid value"),
        ('{"instances": [x]}', TEXT, "JSON Parse error: Invalid value. at offset: 15"),
        ("[1]", TEXT, "Is not object"),
        ("[" * 100_000, TEXT, "JSON Parse error"),
        ('{"instances": ["\\ud800"]}', TEXT, "The surrogate pair in string is invalid."),
        ('{"signature_name": 3, "instances": ["a"]}', TEXT, "'signature_name' key must be a string value."),
        ("{}", TEXT, "Missing 'inputs' or 'instances' key"),
        ('{"instances": ["a"], "inputs": ["a"]}', TEXT, "expecting only one of 'inputs' or 'instances'"),
        ('{"instances": "a"}', TEXT, "Expecting 'instances' to be an list/array"),
        ('{"instances": []}', TEXT, "No values in 'instances' array"),
        ('{"instances": [1]}', TEXT, "JSON Value: 1 Type: Number is not of expected type: string"),
        ('{"instances": [null]}', TEXT, "Type: Null is not of expected type: string"),
        (f'{{"instances": [1{"0" * 400}]}}', FLOAT, "Type: Number is not of expected type: float"),
        ('{"instances": ["a"]}', FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ('{"instances": [true]}', FLOAT, "Type: True is not of expected type: float"),
        ('{"instances": [1.0]}', signature(x=tf.int32), "is not of expected type: int32"),
        ('{"instances": [2147483648]}', signature(x=tf.int32), "is not of expected type: int32"),
        ('{"instances": [1]}', signature(x=tf.bool), "is not of expected type: bool"),
        ('{"instances": [{"b64": "a-_b"}]}', TEXT, "Unable to base64 decode"),
        ('{"instances": [{"b64": "YQ=="}]}', FLOAT, "is not of expected type: float"),
        ('{"instances": [[1, 2], [3]]}', FLOAT, "Expecting tensor size: 2 but got: 1"),
        ('{"instances": [[1, 2], [[3], [4]]]}', FLOAT, "Expecting shape [2] but got: [2,1]"),
        ('{"instances": [[1, [2]]]}', FLOAT, "Encountered list at unexpected level: 1 expected < 1"),
        (
            '{"instances": [[[1], 2]]}',
            FLOAT,
            "found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        ('{"inputs": [[1, 2], [3]]}', FLOAT, "unexpected size: 1 at level: 1 expected size: 2"),
        (
            '{"instances": [{"text": "a"}, "b"]}',
            TEXT,
            "Expecting object but got list at item 1 of input list",
        ),
        (
            '{"instances": ["a", {"text": "b"}]}',
            TEXT,
            "Expecting value/list but got object at item 1 of input list",
        ),
        ('{"instances": [{"word": "a"}]}', TEXT, "JSON object: does not have named input: word"),
        ('{"instances": [{"ids": [1]}]}', TWO, "keys must be equal to: ids,mask"),
        ('{"instances": [[1]]}', TWO, "instances is a plain list, but expecting list of objects"),
        ('{"inputs": [[1]]}', TWO, "inputs is a plain value/list, but expecting an object"),
        ('{"inputs": {"ids": [[1]]}}', TWO, "Missing named input: mask in 'inputs' object."),
    ],
)
def test_what_does_not_fit(body: str, definition: SignatureDef, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        read(body, definition)
    assert message in str(error.value)
    assert len(str(error.value)) < 1000, "a large body must not come back whole"


def test_float32_is_written_with_the_fewest_digits_that_read_back() -> None:
    array = np.float32([0.1, 3, 1e-7, 123456.79, np.finfo(np.float32).max])
    text = json.dumps(array_to_json(array))
    assert text.startswith("[0.1, 3.0, 1e-07, 123456.79, ")
    assert np.float32(json.loads(text)).tolist() == array.tolist()


OUTPUTS = {
    "scores": np.float32([[0.5, 1], [0, 0.25]]),
    "predicted": np.array([[True, False], [False, True]]),
    "labels": np.array([[b"a", b"b"], [b"a", b"b"]], object),
}


def test_outputs_by_row() -> None:
    assert outputs_to_json(OUTPUTS, rows=True) == {
        "predictions": [
            {"labels": ["a", "b"], "predicted": [True, False], "scores": [0.5, 1.0]},
            {"labels": ["a", "b"], "predicted": [False, True], "scores": [0.0, 0.25]},
        ]
    }


def test_outputs_by_column() -> None:
    assert outputs_to_json(OUTPUTS, rows=False) == {
        "outputs": {
            "labels": [["a", "b"], ["a", "b"]],
            "predicted": [[True, False], [False, True]],
            "scores": [[0.5, 1.0], [0.0, 0.25]],
        }
    }


def test_a_single_output_stands_bare() -> None:
    assert outputs_to_json({"y": np.float32([1, 2])}, rows=True) == {"predictions": [1.0, 2.0]}
    assert outputs_to_json({"y": np.float32([[1], [2]])}, rows=False) == {"outputs": [[1.0], [2.0]]}


def test_outputs_named_bytes_are_base64() -> None:
    array = np.array([b"\xff"], object)
    assert outputs_to_json({"audio_bytes": array}, rows=True) == {"predictions": [{"b64": "/w=="}]}


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (
            {"a": np.float32([1]), "b": np.float32([1, 2])},
            "Tensor name: b has inconsistent batch size: 2 expecting: 1",
        ),
        ({"a": np.float32(1)}, "Tensor name: a has no shape information"),
    ],
)
def test_outputs_that_have_no_rows(outputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        outputs_to_json(outputs, rows=True)


def test_empty_string_arrays_keep_their_shape() -> None:
    assert array_to_json(np.empty((0, 3), object)) == []
    assert array_to_json(np.empty((2, 0), object)) == [[], []]
