"""An engine that computes requests of several callers together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.batch_queue import Row
from serving.batcher import Batcher, BatchFailedError, Request
from serving.call import current_call
from serving.description import DESCRIPTION_FILE, describe
from serving.engine import Engine, Tensors
from serving.errors import InternalError

__all__ = ["BatchingEngine"]

_BYTES_A_TOKEN = 4
"""In English."""


class BatchingEngine:
    """An `Engine` around that of a model: the same answers, up to rounding, at a lower price.

    A signature is batched if its rows are independent by what it declares: the first dimension of every input and
    output is free, and of the outputs it is the only one, so that no answer has the shape of another's. All other
    requests, and those whose batch failed, are computed alone by the model's own engine.

    Rows are grouped by length; strings by their bytes. Grouped by bytes, 16 GoEmotions texts in batches of 4 hold 17 %
    padding, by tokens 13 %; by nothing, 33 %. To tokenize them first would take 0.05 ms each.

    Args:
        batcher: is shared by all models of a server.
        engine: the model's own.
        directory: of the model.
    """

    def __init__(self, batcher: Batcher, engine: Engine, directory: Path) -> None:
        self._batcher = batcher
        self._engine = engine
        self.signature_defs: Mapping[str, Any] = engine.signature_defs
        self._batched = {
            name for name, definition in self.signature_defs.items() if _has_independent_rows(definition)
        }
        description = describe(directory) if (directory / DESCRIPTION_FILE).is_file() else None
        self._max_tokens = description.max_tokens if description else None
        self._skips_padding = description is not None and description.skips_padding

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs a signature on the rows of a request, in whichever batches they fit best."""
        count = _row_count(inputs) if signature_name in self._batched else 0
        if count == 0:
            return self._engine.compute(signature_name, inputs, outputs)
        lengths = _lengths(inputs, count, self._max_tokens)
        if count == 1:
            with self._batcher.alone(lengths[0]) as alone:
                if alone:
                    current_call().check()
                    return self._engine.compute(signature_name, inputs, outputs)
        request, lane = Request(inputs, lengths), self._lane(signature_name, inputs, outputs)
        try:
            found = self._batcher.run(
                request, owner=self, key=lane, compute=lane.compute, skips_padding=self._skips_padding
            )
        except BatchFailedError:
            request.call.check()
            return self._engine.compute(signature_name, inputs, outputs)
        return {name: found[name] for name in outputs}

    def close(self) -> None:
        """Frees the model."""
        self._engine.close()

    def _lane(self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]) -> "_Lane":
        settings = self._batcher.settings
        shapes = tuple((name, array.shape[1:]) for name, array in sorted(inputs.items()))
        return _Lane(
            self._engine,
            signature_name,
            outputs,
            settings.allowed_batch_sizes,
            () if settings.pad_variable_length_inputs else shapes,
        )


@dataclass(frozen=True)
class _Lane:
    """What rows of a batch have in common, and how they are computed.

    Attributes:
        engine: the model's own.
        signature_name: what computes them.
        outputs: names of what is wanted.
        allowed_batch_sizes: ascending; empty = any size.
        shapes: of a row, by input name; empty = any, the shorter ones are filled up.
    """

    engine: Engine
    signature_name: str
    outputs: tuple[str, ...]
    allowed_batch_sizes: tuple[int, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def compute(self, rows: Sequence[Row[Request]]) -> dict[str, npt.NDArray[Any]]:
        """Computes a batch."""
        size = next((size for size in self.allowed_batch_sizes if size >= len(rows)), len(rows))
        inputs = {name: self._gather(name, rows, size) for name in rows[0].request.inputs}
        outputs = self.engine.compute(self.signature_name, inputs, self.outputs)
        for name, values in outputs.items():
            if values.shape[:1] != (size,):
                raise InternalError(
                    f"output {name} of {self.signature_name} has shape {values.shape} for a batch of {size} rows"
                )
        return outputs

    def _gather(self, name: str, rows: Sequence[Row[Request]], size: int) -> npt.NDArray[Any]:
        values = [row.request.inputs[name][row.index] for row in rows]
        dtype = rows[0].request.inputs[name].dtype
        shapes = [np.shape(value) for value in values]
        longest = [max(sizes) for sizes in zip(*shapes, strict=True)]
        batch = np.full((size, *longest), b"" if dtype.hasobject else 0, dtype)
        for position, (value, shape) in enumerate(zip(values, shapes, strict=True)):
            place: tuple[Any, ...] = (position, *map(slice, shape))
            batch[place] = value
        batch[len(rows) :] = batch[0]
        return batch


def _has_independent_rows(definition: Any) -> bool:
    def dims(infos: Mapping[str, Any]) -> list[list[int]]:
        return [[dim.size for dim in info.tensor_shape.dim] for info in infos.values()]

    infos = (*definition.inputs.values(), *definition.outputs.values())
    known = bool(definition.inputs) and not any(info.tensor_shape.unknown_rank for info in infos)
    return (
        known
        and all(shape[:1] == [-1] for shape in dims(definition.inputs))
        and all(shape[:1] == [-1] and -1 not in shape[1:] for shape in dims(definition.outputs))
    )


def _row_count(inputs: Tensors) -> int:
    """How many rows all inputs have; 0 if they do not agree, for the graph to refuse."""
    counts = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    return counts.pop() if len(counts) == 1 else 0


def _lengths(inputs: Tensors, count: int, max_tokens: int | None) -> list[int]:
    """Of each row about how many tokens it has, at least one: the most of an input.

    Args:
        inputs: values of strings count by their bytes, others as one token each.
        count: of rows.
        max_tokens: more are cut off; None where nothing is known of the model.
    """
    lengths = [1] * count
    for array in inputs.values():
        if array.dtype.hasobject:
            rows = array.reshape(count, -1).tolist()
            sizes = [sum(map(len, row)) // _BYTES_A_TOKEN for row in rows]
        else:
            sizes = [array.size // count] * count
        lengths = list(map(max, lengths, sizes))
    return lengths if max_tokens is None else [min(length, max_tokens) for length in lengths]
