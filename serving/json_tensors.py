"""JSON to arrays and back: the wire form of REST requests, with TensorFlow Serving's strictness and words.

Row format: `{"instances": [...]}` is answered by `{"predictions": [...]}`, one element an example. Columnar format:
`{"inputs": ...}` is answered by `{"outputs": ...}`, one tensor an input.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.errors import InvalidArgumentError, UnimplementedError
from serving.json_values import Json, decode_base64, describe_json, encode_string, is_base64, json_type
from serving.predictor import dtype_name

__all__ = ["array_to_json", "inputs_from_json", "outputs_to_json"]


def inputs_from_json(document: Mapping[str, Json], definition: Any) -> dict[str, npt.NDArray[Any]]:
    """The arrays that a predict request holds for a signature (its SignatureDef proto).

    Raises:
        InvalidArgumentError: the request does not fit the signature.
    """
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in sorted(definition.inputs.items())}
    if "instances" in document and "inputs" in document:
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if "instances" in document:
        return _from_rows(document["instances"], dtypes, document)
    if "inputs" in document:
        return _from_columns(document["inputs"], dtypes)
    raise InvalidArgumentError("Missing 'inputs' or 'instances' key")


def outputs_to_json(outputs: Mapping[str, npt.NDArray[Any]], *, rows: bool) -> dict[str, Json]:
    """The reply: `predictions` by row, or `outputs` by name; a single output stands bare.

    Raises:
        InvalidArgumentError: by row, but the outputs have no common batch size.
    """
    values = {
        name: array_to_json(array, as_base64=name.endswith("_bytes"))
        for name, array in sorted(outputs.items())
    }
    single = next(iter(values.values())) if len(values) == 1 else None
    if not rows:
        return {"outputs": values if single is None else single}
    batch_size: int | None = None
    for name, array in sorted(outputs.items()):
        if array.ndim == 0:
            raise InvalidArgumentError(f"Tensor name: {name} has no shape information ")
        if batch_size not in (None, array.shape[0]):
            raise InvalidArgumentError(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {batch_size}"
            )
        batch_size = array.shape[0]
    if single is not None:
        return {"predictions": single}
    return {
        "predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    }


def array_to_json(array: npt.NDArray[Any], *, as_base64: bool = False) -> Json:
    """Nested lists; float32 with the fewest digits that read back as the same float32."""
    if array.dtype == object:
        flat = [_bytes_to_json(value, as_base64) for value in np.ravel(array).tolist()]
        return _nest(flat, array.shape)
    if array.dtype == np.float32:
        return array.astype(np.str_).astype(np.float64).tolist()
    return array.tolist()


def _bytes_to_json(value: bytes, as_base64: bool) -> Json:
    if as_base64:
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value.decode("utf-8", errors="replace")


def _nest(flat: list[Json], shape: tuple[int, ...]) -> Json:
    if not shape:
        return flat[0]
    nested = np.empty(shape, dtype=object)
    nested.ravel()[:] = flat
    return nested.tolist()


def _from_rows(instances: Json, dtypes: Mapping[str, Any], document: Json) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(instances, list):
        raise InvalidArgumentError(
            f"JSON Value: {describe_json(document)} Expecting 'instances' to be an list/array"
        )
    if not instances:
        raise InvalidArgumentError(f"JSON Value: {describe_json(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(dtypes) > 1:
        raise InvalidArgumentError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_named(instances[0])
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in dtypes}
    for position, instance in enumerate(instances):
        if _is_named(instance) != named:
            expected, got = ("object", "list") if named else ("value/list", "object")
            raise InvalidArgumentError(f"Expecting {expected} but got {got} at item {position} of input list")
        items = instance if named else {next(iter(dtypes)): instance}
        for name, value in items.items():
            where = f"Failed to process element: {position}{f' key: {name}' if named else ''} of 'instances' list."
            try:
                _append(columns, name, value, dtypes)
            except InvalidArgumentError as err:
                raise InvalidArgumentError(f"{where} Error: INVALID_ARGUMENT: {err}") from err
        if set(items) != set(dtypes):
            raise InvalidArgumentError(
                f"Failed to process element: {position} of 'instances' list. JSON object: {describe_json(instance)} "
                f"keys must be equal to: {','.join(dtypes)}"
            )
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _append(
    columns: dict[str, list[npt.NDArray[Any]]], name: str, value: Json, dtypes: Mapping[str, Any]
) -> None:
    if name not in dtypes:
        raise InvalidArgumentError(f"JSON object: does not have named input: {name}")
    array = _to_array(value, dtypes[name])
    if columns[name]:
        first = columns[name][0]
        if first.size != array.size:
            raise InvalidArgumentError(f"Expecting tensor size: {first.size} but got: {array.size}")
        if first.shape != array.shape:
            raise InvalidArgumentError(f"Expecting shape {_shape(first)} but got: {_shape(array)}")
    columns[name].append(array)


def _shape(array: npt.NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _from_columns(value: Json, dtypes: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    if not _is_named(value):
        if len(dtypes) > 1:
            raise InvalidArgumentError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {name: _to_array(value, dtype) for name, dtype in dtypes.items()}
    for name in dtypes:
        if name not in value:
            raise InvalidArgumentError(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_array(value[name], dtype) for name, dtype in dtypes.items()}


def _is_named(value: Json) -> bool:
    """Whether an object maps input names to values, rather than being one value in base64."""
    return isinstance(value, dict) and not is_base64(value)


def _to_array(value: Json, dtype: Any) -> npt.NDArray[Any]:
    """One tensor; every list at one depth must have the same length."""
    shape: list[int] = []
    probe = value
    while isinstance(probe, list):
        shape.append(len(probe))
        probe = probe[0] if probe else None
    flat: list[Any] = []
    _flatten(value, 0, tuple(shape), dtype, flat)
    array = np.empty(len(flat), dtype=dtype.as_numpy_dtype)
    array[:] = flat
    return array.reshape(shape)


def _flatten(value: Json, level: int, shape: tuple[int, ...], dtype: Any, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidArgumentError(
                f"JSON Value: {describe_json(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_to_scalar(value, dtype))
        return
    if level >= len(shape):
        raise InvalidArgumentError(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise InvalidArgumentError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, level + 1, shape, dtype, flat)


def _to_scalar(value: Json, dtype: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype == tf.string:
        if isinstance(value, str):
            return encode_string(value)
        if isinstance(value, dict):
            return decode_base64(value)
    elif dtype in (tf.float32, tf.float64):
        with suppress(OverflowError):  # of an integer of hundreds of digits
            if number:
                return float(value)
    elif dtype == tf.bool:
        if isinstance(value, bool):
            return value
    elif dtype.is_integer:
        if number and isinstance(value, int) and _fits(value, dtype):
            return value
    else:
        raise UnimplementedError(
            f"Conversion of JSON Value: {describe_json(value)} to type: {dtype_name(dtype)}"
        )
    raise InvalidArgumentError(
        f"JSON Value: {describe_json(value)} Type: {json_type(value)} is not of expected type: {dtype_name(dtype)}"
    )


def _fits(value: int, dtype: Any) -> bool:
    return bool(dtype.min <= value <= dtype.max)
