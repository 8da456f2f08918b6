"""Functions of rows that are compiled once, however many rows a batch has."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

import tensorflow as tf

__all__ = ["RowFunction", "in_pieces"]

RowFunction: TypeAlias = Callable[..., tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]]
"""From tensors [rows, width], each row for itself, and others that all rows share: what belongs to each row, [rows,
width], and sums over the rows. A row of zeros must add nothing to the sums."""

_ROWS = 384
"""Of a piece: enough that the calls do not count, few enough to fill up and to stay in a cache."""
_AT_ONCE = 2


def in_pieces(
    function: RowFunction, by_row: Sequence[tf.Tensor], shared: Sequence[tf.Tensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Calls a function on pieces of the rows.

    XLA passes once over memory where TensorFlow's operations take ten turns, but compiles anew for every shape, and
    batches have as many as texts have lengths. All pieces have the same; the last one is filled up with zeros.

    Args:
        function: a `tf.function` with `jit_compile`.
        by_row: its first arguments, each [rows, width].
        shared: the others.

    Returns:
        The rows and the sums of all pieces.
    """
    found: tuple[list[tf.Tensor], list[tf.Tensor]] = _graph(function, _ROWS)(list(by_row), list(shared))
    return found


@cache
def _graph(function: RowFunction, size: int) -> Any:
    """Traced once for all layers of an encoder."""
    return tf.function(partial(_compute, function, size), autograph=False)


def _compute(
    function: RowFunction, size: int, by_row: Sequence[tf.Tensor], shared: Sequence[tf.Tensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    rows = tf.shape(by_row[0])[0]

    def compute(number: tf.Tensor) -> Any:
        own = [tensor[number * size : (number + 1) * size] for tensor in by_row]
        own = tf.cond((number + 1) * size <= rows, lambda: own, lambda: [_filled(part, size) for part in own])
        own = [tf.ensure_shape(part, [size, *part.shape[1:]]) for part in own]
        return function(*own, *shared)

    signature = tf.nest.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype),
        function.get_concrete_function(  # type: ignore[attr-defined]
            *(tf.TensorSpec([size, *tensor.shape[1:]], tensor.dtype) for tensor in by_row),
            *(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in shared),
        ).structured_outputs,
    )
    found, sums = tf.map_fn(
        compute, tf.range(-(-rows // size)), fn_output_signature=signature, parallel_iterations=_AT_ONCE
    )
    return (
        [tf.reshape(tensor, [-1, tensor.shape[-1]])[:rows] for tensor in found],
        [tf.reduce_sum(tensor, axis=0) for tensor in sums],
    )


def _filled(rows: tf.Tensor, size: int) -> tf.Tensor:
    return tf.pad(rows, [[0, size - tf.shape(rows)[0]], [0, 0]])
