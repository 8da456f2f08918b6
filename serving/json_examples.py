"""JSON to tf.Example: the wire form of REST classify and regress requests."""

from collections.abc import Mapping
from typing import Any

from tensorflow.core.example.example_pb2 import Example

from serving.errors import InvalidArgumentError
from serving.json_values import Json, decode_base64, describe_json, encode_string, is_base64, json_type

__all__ = ["examples_from_json"]


def examples_from_json(document: Mapping[str, Json]) -> list[bytes]:
    """Serialized tf.Examples of a classify or regress request.

    It is `{"examples": [{feature: value or list}], "context": {...}}`.

    Integers and booleans become int64, decimals float, strings and base64 objects bytes. The context's features are
    shared by all examples; an example's own win.

    Raises:
        InvalidArgumentError: the request is not of that form.
    """
    context = _to_example(document["context"]).SerializeToString() if "context" in document else b""
    if "examples" not in document:
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} When method is classify, key 'examples' is expected and was "
            "not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} 'examples' value is an empty array"
        )
    return [context + _to_example(example).SerializeToString() for example in examples]


def _to_example(value: Json) -> Any:
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"Example must be JSON object but got JSON {json_type(value)}")
    example = Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return example


def _add(feature: Any, name: str, item: Json) -> None:
    kind, value = _convert(name, item)
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        expected = present.removesuffix("_list")
        raise InvalidArgumentError(f"Unexpected element type in feature: {name} expecting type: {expected}")
    getattr(feature, kind).value.append(value)


def _convert(name: str, item: Json) -> tuple[str, Any]:
    if isinstance(item, str):
        return "bytes_list", encode_string(item)
    if is_base64(item):
        return "bytes_list", decode_base64(item)
    if isinstance(item, float):
        return "float_list", item
    if isinstance(item, int):
        if not -(2**63) <= item < 2**63:
            raise InvalidArgumentError(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return "int64_list", int(item)
    raise InvalidArgumentError(f"Feature: {name} has element with unexpected JSON type: {json_type(item)}")
