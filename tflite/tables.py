"""Rows of constant tables that no text reads: left out of a .tflite file."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite.model_file import pack, unpack

__all__ = ["drop_positions", "keep_vocabulary"]

_Opcode = schema.BuiltinOperator
_MATRIX = 2
_BITS = {
    schema.TensorType.FLOAT32: 32,
    schema.TensorType.FLOAT16: 16,
    schema.TensorType.INT8: 8,
    schema.TensorType.INT4: 4,
}


def drop_positions(content: bytes, max_tokens: int) -> bytes:
    """Returns the file with the first `max_tokens` rows of its position embeddings: the graph cuts texts there.

    BERT has 512 positions, float32 even where all else is int8: 0.8 MB of MiniLM.

    Args:
        content: a file whose position embeddings are a constant matrix that SLICE takes rows from.
        max_tokens: of the graph's truncation.

    Raises:
        ModelFileError: `content` is no .tflite file.
    """
    return _cut_tables(
        content, {_Opcode.SLICE: 0}, lambda size: np.arange(max_tokens) if size > max_tokens else None
    )


def keep_vocabulary(content: bytes, vocabulary_size: int, rows: Sequence[int]) -> bytes:
    """Returns the file with the given rows of its word embeddings, so that token id i is what `rows[i]` was.

    Args:
        content: a file in which GATHER or EMBEDDING_LOOKUP reads the word embeddings, in any of the variants.
        vocabulary_size: rows of the table, by which it is known.
        rows: those to keep, in their new order.

    Raises:
        ModelFileError: `content` is no .tflite file.
    """
    kept = np.asarray(rows)
    readers = {_Opcode.GATHER: 0, _Opcode.EMBEDDING_LOOKUP: 1}
    return _cut_tables(content, readers, lambda size: kept if size == vocabulary_size else None)


def _cut_tables(content: bytes, readers: dict[int, int], choose: Callable[[int], Any]) -> bytes:
    """Cuts constant matrices.

    Args:
        content: the file.
        readers: which input is the table, by the operator that takes rows from one.
        choose: which rows of how many are kept; None for all.
    """
    model = unpack(content)
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            place = readers.get(max(code.builtinCode, code.deprecatedBuiltinCode))
            table = None if place is None else _constant_table(model, graph, operator.inputs[place])
            if table is not None and (rows := choose(int(table.shape[0]))) is not None:
                _cut(model, graph, table, rows)
    return pack(model, len(content))


def _cut(model: Any, graph: Any, table: Any, rows: Any) -> None:
    buffer = model.buffers[table.buffer]
    row_bytes = int(table.shape[1]) * _BITS[table.type] // 8
    buffer.data = np.frombuffer(bytes(buffer.data), np.uint8).reshape(-1, row_bytes)[rows].ravel()
    quantization, whole = table.quantization, int(table.shape[0])
    table.shape = [len(rows), int(table.shape[1])]
    if quantization is not None and quantization.scale is not None and len(quantization.scale) == whole > 1:
        quantization.scale = np.asarray(quantization.scale)[rows]
        quantization.zeroPoint = np.asarray(quantization.zeroPoint)[rows]
    if quantization is not None and quantization.details is not None:
        _cut(model, graph, graph.tensors[quantization.details.scales], rows)


def _constant_table(model: Any, graph: Any, index: int) -> Any:
    """The constant matrix behind a tensor, through the DEQUANTIZE of float16 weights; None if there is none."""
    for operator in graph.operators:
        if index in operator.outputs:
            return None if len(operator.inputs) != 1 else _constant_table(model, graph, operator.inputs[0])
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    is_matrix = tensor.shape is not None and len(tensor.shape) == _MATRIX and tensor.type in _BITS
    return tensor if is_matrix and data is not None and len(data) else None
