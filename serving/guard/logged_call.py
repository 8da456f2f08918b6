"""One answered call, as logs and traces see it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from serving.data_plane import ModelSpec, Task
from serving.example_methods import Classification, Regression
from serving.guard.caller import Caller

__all__ = ["LoggedCall"]


@dataclass(kw_only=True)
class LoggedCall:
    """Is filled in while the call goes on.

    Attributes:
        method: `Predict`, `Classify`, `Regress` or `MultiInference`.
        spec: the model that was asked for.
        caller: None if the call came from no transport.
        inputs: of Predict, by name.
        output_filter: of Predict.
        examples: of the others, serialized tf.Examples.
        tasks: of MultiInference.
        time: when it began, seconds since 1970.
        seconds: that it took.
        status: a code of `serving.errors`, or OK.
        version: that answered; None if none did.
        outputs: of Predict, by name.
        answers: of the others, one a task.
    """

    method: str
    spec: ModelSpec
    caller: Caller | None
    inputs: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    output_filter: Sequence[str] = ()
    examples: Sequence[bytes] = ()
    tasks: Sequence[Task] = ()
    time: float = field(default_factory=time.time)
    seconds: float = 0.0
    status: str = "OK"
    version: int | None = None
    outputs: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    answers: Sequence[Classification | Regression] = ()

    @property
    def rows(self) -> int:
        """Of the batch."""
        return len(self.examples) or max(
            (array.shape[0] for array in self.inputs.values() if array.ndim), default=0
        )

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        arrays = [*self.inputs.values(), *self.outputs.values()]
        strings = sum(len(value) for array in arrays if array.dtype == object for value in array.flat)
        return strings + sum(array.nbytes for array in arrays) + sum(map(len, self.examples))
