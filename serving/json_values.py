"""Single JSON values of REST requests: parsing, strings, base64, and how errors quote them."""

import base64
import binascii
import json
from typing import Any, TypeAlias

from serving.errors import InvalidArgumentError

__all__ = [
    "Json",
    "decode_base64",
    "describe_json",
    "encode_string",
    "is_base64",
    "json_type",
    "parse_object",
]

Json: TypeAlias = Any
"""What `json.loads` returns."""


def parse_object(body: bytes) -> dict[str, Json]:
    """Parses a request body, which must be a JSON object; NaN and Infinity are taken.

    Raises:
        InvalidArgumentError: it is not.
    """
    if not body.strip():
        raise InvalidArgumentError("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8", errors="surrogateescape"))
    except json.JSONDecodeError as err:
        raise InvalidArgumentError(f"JSON Parse error: Invalid value. at offset: {err.pos}") from err
    except (RecursionError, ValueError) as err:
        raise InvalidArgumentError("JSON Parse error: nested too deeply, or a number too long") from err
    if not isinstance(document, dict):
        raise InvalidArgumentError(f"JSON Value: {describe_json(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return document


def encode_string(value: str) -> bytes:
    """The bytes of a JSON string; raw bytes that are no UTF-8 come back as they were sent.

    Raises:
        InvalidArgumentError: it holds half of a surrogate pair.
    """
    try:
        return value.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError as err:
        raise InvalidArgumentError("JSON Parse error: The surrogate pair in string is invalid.") from err


def decode_base64(value: Json) -> bytes:
    """The bytes of `{"b64": "..."}`, in the standard alphabet; padding may be left out.

    Raises:
        InvalidArgumentError: it is not such an object.
    """
    if not is_base64(value):
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(value)} not formatted correctly for base64 data"
        )
    text: str = value["b64"].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as err:
        raise InvalidArgumentError("Unable to base64 decode") from err


def describe_json(value: Json) -> str:
    """A value for an error message, cut to 256 characters."""
    return json.dumps(value, ensure_ascii=True)[:256]


def json_type(value: Json) -> str:
    """RapidJSON's name of the value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    kinds = {dict: "Object", list: "Array", str: "String"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "Number")


def is_base64(value: Json) -> bool:
    """Whether a value stands for bytes: an object with the one key `b64`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)
