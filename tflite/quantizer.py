"""Weights in fewer bits: rewrites a float32 .tflite file where TensorFlow's converter has nothing to offer.

The weights of a FULLY_CONNECTED become int4 in blocks of 32 neighbouring inputs, each with a float16 scale of its own:
what XNNPACK multiplies with activations that it quantizes as they come. A table of embeddings, which GATHER reads only
as int8 or float32, is read by EMBEDDING_LOOKUP in the same blocks.

Or the weights are made float32 again when the file is opened, and nothing is quantized as it comes: how a kernel rounds
such activations is its own, differs from release to release and from processor to processor, and with it, now and then,
a decision beside its threshold.
"""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tflite.model_file import add_buffer, pack, read_buffer, unpack

__all__ = ["BLOCK", "Bits", "quantize"]

Bits: TypeAlias = Literal[4, 8]

BLOCK = 32
"""Neighbouring weights that share a scale: the smallest block that XNNPACK has kernels for."""

_MIN_WEIGHTS = 1024
"""Smaller constants stay float32, as the converter leaves them: they are no share of the file."""
_MIN_INT4_OUTPUTS = 32
"""A matrix of fewer outputs is int8 instead: a head's labels, each of which one row decides."""
_LARGEST = {8: 127, 4: 7}
_TINY = 6e-8
"""The smallest positive float16: a block of zeros has a scale, too."""
_HYBRID_VERSION = 12
"""Of FULLY_CONNECTED: float32 activations, weights with a scale a row."""
_BLOCKWISE_VERSION = 13
"""What TensorFlow 2.18 has, the first one that knows blocks. The runtime would take a lower number, and so would an
older runtime, which then reads the blocks as something else."""
_DEQUANTIZE_VERSION = 5
"""Scales by row."""
_EMBEDDING_VERSION = 4
"""Scales by row or by block; of 2.18, too."""
_MIN_RUNTIME = "2.18.0"
_MIN_RUNTIME_BUFFER = "min_runtime_version"
_MIN_RUNTIME_BYTES = 16

_Floats: TypeAlias = npt.NDArray[np.float32]
_Opcode = schema.BuiltinOperator


def quantize(content: bytes, *, matrices: Bits, embeddings: Bits, weights_alone: bool = False) -> bytes:
    """Returns the float32 file with the weights of its matrix products and its large embedding tables in fewer bits.

    Args:
        content: a canonical float32 file; activations stay float32 between the operators.
        matrices: of the weights of FULLY_CONNECTED: 8 with a scale by output, 4 with one by block of 32 inputs. Where
            the inputs do not divide into blocks, or for fewer than 32 outputs, it is 8.
        embeddings: of tables that GATHER reads: 8 with a scale by row, 4 with one by block.
        weights_alone: whether FULLY_CONNECTED multiplies in float32; for matrices of 8 bits.

    Raises:
        ModelFileError: `content` is no .tflite file.
    """
    model = unpack(content)
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            replaced = [operator]
            match _builtin(model, operator):
                case _Opcode.FULLY_CONNECTED if weights_alone:
                    replaced = list(_store_matrix(model, graph, operator))
                case _Opcode.FULLY_CONNECTED:
                    _quantize_matrix(model, graph, operator, matrices)
                case _Opcode.GATHER:
                    replaced = list(_quantize_embedding(model, graph, operator, embeddings))
            operators += replaced
        graph.operators = operators
    return _with_min_runtime(pack(model, len(content) // 2))


def _with_min_runtime(content: bytes) -> bytes:
    known = (read_buffer(content, _MIN_RUNTIME_BUFFER) or b"").rstrip(b"\0").decode()
    newest = max(known, _MIN_RUNTIME, key=lambda version: [int(part) for part in version.split(".") if part])
    return add_buffer(content, _MIN_RUNTIME_BUFFER, newest.encode().ljust(_MIN_RUNTIME_BYTES, b"\0"))


def _builtin(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _quantize_matrix(model: Any, graph: Any, operator: Any, bits: Bits) -> None:
    weights = graph.tensors[operator.inputs[1]]
    values = _constant(model, weights)
    if values is None or values.size < _MIN_WEIGHTS:
        return
    if values.shape[1] % BLOCK or len(values) < _MIN_INT4_OUTPUTS:
        bits = 8
    _store(model, graph, weights, values, bits)
    operator.builtinOptions.asymmetricQuantizeInputs = True
    version = _BLOCKWISE_VERSION if bits == 4 else _HYBRID_VERSION
    operator.opcodeIndex = _operator_code(model, _Opcode.FULLY_CONNECTED, version)


def _store_matrix(model: Any, graph: Any, operator: Any) -> Iterator[Any]:
    """DEQUANTIZE of a constant, which a runtime does once, then FULLY_CONNECTED as it was."""
    weights = graph.tensors[operator.inputs[1]]
    values = _constant(model, weights)
    if values is not None and values.size >= _MIN_WEIGHTS:
        _store(model, graph, weights, values, 8)
        wide = _add_tensor(graph, values.shape, schema.TensorType.FLOAT32, buffer=0)
        code = _operator_code(model, _Opcode.DEQUANTIZE, _DEQUANTIZE_VERSION)
        yield schema.OperatorT(opcodeIndex=code, inputs=[operator.inputs[1]], outputs=[wide])
        operator.inputs = [operator.inputs[0], wide, *operator.inputs[2:]]
    yield operator


def _quantize_embedding(model: Any, graph: Any, operator: Any, bits: Bits) -> Iterator[Any]:
    """GATHER of [1, tokens] becomes RESHAPE to [tokens], EMBEDDING_LOOKUP, and RESHAPE to [1, tokens, width]."""
    table, ids = graph.tensors[operator.inputs[0]], operator.inputs[1]
    values = _constant(model, table)
    if values is None or values.size < _MIN_WEIGHTS or operator.builtinOptions.axis != 0:
        yield operator
        return
    width = values.shape[1]
    _store(model, graph, table, values, bits if width % BLOCK == 0 else 8)
    flat = _variable(graph, (1,), (-1,), schema.TensorType.INT32)
    rows = _variable(graph, (1, width), (-1, width), schema.TensorType.FLOAT32)
    yield _reshape(model, graph, ids, flat, (-1,))
    yield schema.OperatorT(
        opcodeIndex=_operator_code(model, _Opcode.EMBEDDING_LOOKUP, _EMBEDDING_VERSION),
        inputs=[flat, operator.inputs[0]],
        outputs=[rows],
    )
    yield _reshape(model, graph, rows, operator.outputs[0], (1, -1, width))


def _constant(model: Any, tensor: Any) -> _Floats | None:
    """The values of a constant float32 matrix."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or not len(data) or len(tensor.shape) != 2:
        return None
    return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)


def _store(model: Any, graph: Any, tensor: Any, values: _Floats, bits: Bits) -> None:
    """Puts quantized weights, float32 [rows, inputs], in the place of the tensor's own."""
    groups = values.reshape(len(values), -1, BLOCK if bits == 4 else values.shape[1])
    scales = np.maximum(np.abs(groups).max(axis=-1, keepdims=True) / _LARGEST[bits], _TINY)
    if bits == 4:
        scales = scales.astype(np.float16).astype(np.float32)
    rounded = np.rint(groups / scales).clip(-_LARGEST[bits] - 1, _LARGEST[bits]).astype(np.int8)
    quantization = schema.QuantizationParametersT(quantizedDimension=0)
    if bits == 8:
        tensor.type, data = schema.TensorType.INT8, rounded.tobytes()
        quantization.scale = scales.ravel()
        quantization.zeroPoint = np.zeros(len(values), np.int64)
    else:
        tensor.type, data = schema.TensorType.INT4, _nibbles(rounded).tobytes()
        blocks = _add_constant(model, graph, scales[..., 0].astype(np.float16), schema.TensorType.FLOAT16)
        quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
        quantization.details = schema.BlockwiseQuantizationT(scales=blocks, zeroPoints=-1, blockSize=BLOCK)
    model.buffers[tensor.buffer].data = np.frombuffer(data, np.uint8)
    tensor.quantization = quantization


def _nibbles(values: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Two a byte, the first in the low half."""
    pairs: npt.NDArray[np.uint8] = values.reshape(-1, 2).view(np.uint8) & np.uint8(0x0F)
    packed: npt.NDArray[np.uint8] = pairs[:, 0] | (pairs[:, 1] * np.uint8(16))
    return packed


def _add_constant(model: Any, graph: Any, values: npt.NDArray[Any], dtype: int) -> int:
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    return _add_tensor(graph, values.shape, dtype, buffer=len(model.buffers) - 1)


def _variable(graph: Any, shape: tuple[int, ...], signature: tuple[int, ...], dtype: int) -> int:
    return _add_tensor(graph, shape, dtype, buffer=0, shapeSignature=list(signature))


def _add_tensor(graph: Any, shape: tuple[int, ...], dtype: int, **fields: Any) -> int:
    name = f"t{len(graph.tensors)}"
    graph.tensors.append(schema.TensorT(shape=list(shape), type=dtype, name=name, hasRank=True, **fields))
    return len(graph.tensors) - 1


def _reshape(model: Any, graph: Any, source: int, target: int, shape: tuple[int, ...]) -> Any:
    sizes = _add_constant(model, graph, np.asarray(shape, np.int32), schema.TensorType.INT32)
    return schema.OperatorT(
        opcodeIndex=_operator_code(model, _Opcode.RESHAPE, 1), inputs=[source, sizes], outputs=[target]
    )


def _operator_code(model: Any, builtin: int, version: int) -> int:
    """Index of the operator code, added if it is new."""
    for index, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == (builtin, version):
            return index
    deprecated = min(builtin, _Opcode.PLACEHOLDER_FOR_GREATER_OP_CODES)
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=deprecated, version=version)
    )
    return len(model.operatorCodes) - 1
