"""What runs a model's signatures: the one place where a request's tensors become outputs.

An engine may wrap another: one that gathers the requests of several callers into a batch is an engine too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

__all__ = ["Engine", "EngineWrapper", "LoadOptions", "Tensors"]

Tensors: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Arrays by name; strings are object arrays of bytes."""


class Engine(Protocol):
    """A loaded model. Thread-safe; `close` it when no call runs any more."""

    signature_defs: Mapping[str, Any]
    """SignatureDef protos by name."""

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs a signature on inputs whose names and dtypes fit it; returns the outputs named.

        Raises:
            ServingError: the graph refuses the inputs' content, or fails.
        """

    def close(self) -> None:
        """Frees the model."""


EngineWrapper: TypeAlias = Callable[[Engine, Path], Engine]
"""Puts an engine around that of a model directory, such as one that batches."""


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How models are loaded.

    Attributes:
        tags: of the meta graph to load.
        session_config: a TensorFlow `ConfigProto`; None = TensorFlow's defaults.
        prefer_tflite: take `model.tflite` of a version directory where there is one.
        wrap: puts another engine around the model's own.
    """

    tags: tuple[str, ...] = ("serve",)
    session_config: Any = None
    prefer_tflite: bool = False
    wrap: EngineWrapper | None = None
