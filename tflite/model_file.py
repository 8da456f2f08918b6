"""What is inside a .tflite flatbuffer, and how a named buffer is added to it."""

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from tflite.errors import ModelFileError

__all__ = [
    "Content",
    "ModelDescription",
    "TensorDescription",
    "add_buffer",
    "describe",
    "describe_inputs",
    "map_file",
    "pack",
    "read_buffer",
]

Content: TypeAlias = bytes | mmap.mmap
"""A .tflite file's bytes, in memory or mapped."""

FILE_IDENTIFIER = b"TFL3"
_MALFORMED = (struct.error, IndexError, TypeError, ValueError, OverflowError, AttributeError)
_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_DTYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
_PER_CHANNEL_HYBRID = 12
"""FULLY_CONNECTED with float inputs and a scale for each output (tensorflow/lite/tools/versioning/op_version.cc)."""
_BUFFER_ALIGNMENT = 16
"""Bytes: `force_align` of Buffer.data in the TFLite schema; Python's flatbuffers does not know of it."""


@dataclass(frozen=True)
class TensorDescription:
    """One input or output of the model.

    Attributes:
        name: its name in the signature (`ids`); consumers map by it, as the order of the tensors is the converter's.
        dtype: `int32`, `float32`, …
        shape: sizes; -1 where the size is set at run time.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelDescription:
    """What a .tflite file holds.

    Attributes:
        inputs: in the order in which the file has them.
        outputs: likewise.
        subgraphs: number of graphs; more than one means control flow or several signatures.
        operators: how many of each builtin operator, by name.
        operator_versions: the highest version of each that it needs: what the file states, or more where its tensors
            need more than some writers state.
        custom_operators: names of operators that need code outside the runtime (Flex among them).
        constant_bytes: size of all constants inside the flatbuffer, so of the weights.
        outside_buffers: number of constants that lie behind the flatbuffer or in another file.
        tensor_dtypes: dtypes of the tensors that are computed.
        constant_dtypes: dtypes that constants are stored in.
        min_runtime: the oldest TensorFlow Lite version that knows all operators, as the converter says.
    """

    inputs: tuple[TensorDescription, ...]
    outputs: tuple[TensorDescription, ...]
    subgraphs: int
    operators: Mapping[str, int]
    operator_versions: Mapping[str, int]
    custom_operators: tuple[str, ...]
    constant_bytes: int
    outside_buffers: int
    tensor_dtypes: frozenset[str]
    constant_dtypes: frozenset[str]
    min_runtime: str


@contextmanager
def map_file(path: Path) -> Iterator[Content]:
    """Maps a file into memory; what is raised inside names the file.

    Raises:
        ModelFileError: there is no such file, or it is empty.
    """
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise ModelFileError("is empty; export it again")
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        yield content
    except OSError as err:
        raise ModelFileError(f"{path}: cannot be read ({err.strerror}); check the path") from err
    except ModelFileError as err:
        raise ModelFileError(f"{path}: {err}") from err
    # Not closed: what an error's traceback still holds of the map may forbid it. It goes when nothing holds it.


def describe(content: Content) -> ModelDescription:
    """Reads the structure of a .tflite file without running it.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    model = _open(content)
    try:
        graph = model.Subgraphs(0)
        names = _signature_names(model)
        operators = list(_operators(model))
        builtin = Counter(name for name, version in operators if version)
        buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
        tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
        sizes = [buffer.DataLength() for buffer in buffers]
        return ModelDescription(
            inputs=_inputs(graph, names),
            outputs=tuple(_tensor(graph, graph.Outputs(i), names) for i in range(graph.OutputsLength())),
            subgraphs=model.SubgraphsLength(),
            operators=dict(sorted(builtin.items())),
            operator_versions={
                name: max(version for other, version in operators if other == name)
                for name in sorted(builtin)
            },
            custom_operators=tuple(sorted({name for name, version in operators if not version})),
            constant_bytes=sum(sizes),
            outside_buffers=sum(buffer.Offset() > 1 for buffer in buffers)
            + sum(tensor.ExternalBuffer() != 0 for tensor in tensors),
            tensor_dtypes=frozenset(_dtype(one) for one in tensors if not sizes[one.Buffer()]),
            constant_dtypes=frozenset(_dtype(one) for one in tensors if sizes[one.Buffer()]),
            min_runtime=(read_buffer(content, "min_runtime_version") or b"").rstrip(b"\0").decode(),
        )
    except _MALFORMED as err:
        raise ModelFileError(f"the .tflite file is damaged ({err}); export it again") from err


def describe_inputs(content: Content) -> tuple[TensorDescription, ...]:
    """The inputs alone, in the order in which the file has them: what opening a file needs, at once.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    model = _open(content)
    try:
        return _inputs(model.Subgraphs(0), _signature_names(model))
    except _MALFORMED as err:
        raise ModelFileError(f"the .tflite file is damaged ({err}); export it again") from err


def read_buffer(content: Content, name: str) -> bytes | None:
    """The content of the metadata buffer `name`; None if the file has none of that name.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    model = _open(content)
    try:
        for i in range(model.MetadataLength()):
            entry = model.Metadata(i)
            if entry.Name() == name.encode():
                buffer = model.Buffers(entry.Buffer())
                return b"" if buffer.DataIsNone() else bytes(buffer.DataAsNumpy())
    except _MALFORMED as err:
        raise ModelFileError(f"the .tflite file is damaged ({err}); export it again") from err
    return None


def add_buffer(content: bytes, name: str, payload: bytes) -> bytes:
    """Returns the file with one more metadata buffer, in place of one of the same name.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    model = unpack(content)
    model.metadata = model.metadata or []
    known = {entry.name: entry.buffer for entry in model.metadata}
    if (index := known.get(name.encode())) is not None:
        model.buffers[index].data = payload
    else:
        model.metadata.append(schema.MetadataT(name=name, buffer=len(model.buffers)))
        model.buffers.append(schema.BufferT(data=payload))
    return pack(model, len(content) + len(payload))


class _AlignedBuffer:
    """A Buffer table whose data start at a multiple of 16 bytes, as the runtime's kernels may ask."""

    def __init__(self, data: Any) -> None:
        self._data = None if data is None else bytes(data)

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the name that ModelT.Pack calls
        data = None if self._data is None else self._write(builder, self._data)
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))

    @staticmethod
    def _write(builder: flatbuffers.Builder, data: bytes) -> int:
        builder.StartVector(1, len(data), _BUFFER_ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        return int(builder.EndVector())


def unpack(content: bytes) -> Any:
    """The file as `schema.ModelT`, the generated classes' form that can be changed.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    _open(content)
    try:
        return schema.ModelT.InitFromPackedBuf(content, 0)
    except _MALFORMED as err:
        raise ModelFileError(f"the .tflite file is damaged ({err}); export it again") from err


def pack(model: Any, size_hint: int) -> bytes:
    """The bytes of a `schema.ModelT`; `size_hint` is about their number."""
    model.buffers = [_AlignedBuffer(buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(size_hint + (1 << 16))
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _open(content: Content) -> Any:
    if len(content) < 8 or content[4:8] != FILE_IDENTIFIER:
        raise ModelFileError(
            "not a .tflite file (its identifier is not TFL3); name a file that was exported for devices"
        )
    try:
        return schema.Model.GetRootAs(content, 0)
    except _MALFORMED as err:
        raise ModelFileError(f"the .tflite file is damaged ({err}); export it again") from err


def _signature_names(model: Any) -> dict[int, str]:
    """Names in the first signature by tensor index."""
    if model.SignatureDefsIsNone() or model.SignatureDefsLength() == 0:
        return {}
    signature = model.SignatureDefs(0)
    maps = [signature.Inputs(i) for i in range(signature.InputsLength())]
    maps += [signature.Outputs(i) for i in range(signature.OutputsLength())]
    return {entry.TensorIndex(): entry.Name().decode() for entry in maps}


def _inputs(graph: Any, names: Mapping[int, str]) -> tuple[TensorDescription, ...]:
    return tuple(_tensor(graph, graph.Inputs(i), names) for i in range(graph.InputsLength()))


def _tensor(graph: Any, index: int, names: Mapping[int, str]) -> TensorDescription:
    tensor = graph.Tensors(index)
    shape = tensor.ShapeAsNumpy() if tensor.ShapeSignatureIsNone() else tensor.ShapeSignatureAsNumpy()
    sizes = tuple(int(size) for size in shape) if tensor.ShapeLength() else ()
    return TensorDescription(names.get(index, tensor.Name().decode()), _dtype(tensor), sizes)


def _dtype(tensor: Any) -> str:
    return str(_DTYPE_NAMES.get(tensor.Type(), f"type {tensor.Type()}"))


def _operators(model: Any) -> Iterator[tuple[str, int]]:
    """Name and version of each operator; version 0 for one that is not builtin."""
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.OperatorsLength()):
            operator = graph.Operators(j)
            code = model.OperatorCodes(operator.OpcodeIndex())
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            if number == schema.BuiltinOperator.CUSTOM:
                yield code.CustomCode().decode(), 0
            else:
                name = _OPERATOR_NAMES.get(number, f"operator {number}")
                yield name, max(1, code.Version(), _least_version(graph, operator, number))


def _least_version(graph: Any, operator: Any, number: int) -> int:
    """An older kernel takes the first of many scales for all, without a word."""
    if number != schema.BuiltinOperator.FULLY_CONNECTED:
        return 1
    inputs, weights = (graph.Tensors(operator.Inputs(position)) for position in (0, 1))
    scales = weights.Quantization()
    per_channel = scales is not None and scales.ScaleLength() > 1
    return _PER_CHANNEL_HYBRID if per_channel and inputs.Type() == schema.TensorType.FLOAT32 else 1
