"""One form for one network: the same weights give the same .tflite bytes, whenever they are converted."""

from collections.abc import Iterable, Iterator
from typing import Any

from tflite.model_file import pack, unpack

__all__ = ["canonical_form"]

_ABSENT = -1
"""Tensor index of an optional input that is left out."""


def canonical_form(content: bytes) -> bytes:
    """Returns the file with tensors, buffers and operator codes in the order of their use, and plain tensor names.

    Keras and TensorFlow number their names over the life of the process, and the converter sorts constants by them,
    so that the second conversion of a network gives other bytes than the first. Inputs and outputs are named as in
    the signature, all other tensors by their number; tensors that nothing uses are left out.

    Raises:
        ModelFileError: these bytes are no .tflite file.
    """
    model = unpack(content)
    for number, graph in enumerate(model.subgraphs):
        signatures = [
            signature for signature in model.signatureDefs or [] if signature.subgraphIndex == number
        ]
        _order_tensors(graph, signatures)
    _order_operator_codes(model)
    _order_buffers(model)
    return pack(model, len(content))


def _order_tensors(graph: Any, signatures: Iterable[Any]) -> None:
    new = _numbered(_tensor_uses(graph))
    new[_ABSENT] = _ABSENT
    graph.tensors = _picked(graph.tensors, new)
    graph.inputs = [new[index] for index in graph.inputs]
    graph.outputs = [new[index] for index in graph.outputs]
    for operator in graph.operators:
        for name in ("inputs", "outputs", "intermediates"):
            indices = getattr(operator, name)
            setattr(operator, name, None if indices is None else [new[index] for index in indices])
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}"
    for signature in signatures:
        for entry in [*signature.inputs, *signature.outputs]:
            entry.tensorIndex = new[entry.tensorIndex]
            graph.tensors[entry.tensorIndex].name = entry.name


def _tensor_uses(graph: Any) -> Iterator[int]:
    yield from graph.inputs
    for operator in graph.operators:
        for indices in (operator.inputs, operator.outputs, operator.intermediates):
            yield from (index for index in ([] if indices is None else indices) if index != _ABSENT)
    yield from graph.outputs


def _order_operator_codes(model: Any) -> None:
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    new = _numbered(operator.opcodeIndex for operator in operators)
    model.operatorCodes = _picked(model.operatorCodes, new)
    for operator in operators:
        operator.opcodeIndex = new[operator.opcodeIndex]


def _order_buffers(model: Any) -> None:
    """Buffer 0 stays: it is the empty one by the schema's rule."""
    holders = [tensor for graph in model.subgraphs for tensor in graph.tensors] + list(model.metadata or [])
    new = _numbered([0, *(holder.buffer for holder in holders)])
    model.buffers = _picked(model.buffers, new)
    for holder in holders:
        holder.buffer = new[holder.buffer]


def _numbered(uses: Iterable[int]) -> dict[int, int]:
    """New number by old one, in the order of first use."""
    return {int(old): number for number, old in enumerate(dict.fromkeys(uses))}


def _picked(items: list[Any], new: dict[int, int]) -> list[Any]:
    return [items[old] for old in new if old != _ABSENT]
