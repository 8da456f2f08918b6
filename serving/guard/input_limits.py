"""How much one request may ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from serving.errors import InvalidArgumentError

__all__ = ["InputLimits"]


@dataclass(frozen=True, kw_only=True)
class InputLimits:
    """Of the inputs of one request.

    Attributes:
        rows: of the batch; 0 = no limit.
        text_bytes: of each string: a text in UTF-8, or a serialized tf.Example; 0 = no limit.
    """

    rows: int = 0
    text_bytes: int = 0

    def check_arrays(self, arrays: Iterable[npt.NDArray[Any]]) -> None:
        """Raises InvalidArgumentError if the inputs of Predict go beyond a limit."""
        for array in arrays:
            if array.ndim:
                self._check_rows(len(array))
            if array.dtype == object:
                self._check_lengths(array.flat)

    def check_examples(self, examples: Sequence[bytes]) -> None:
        """Raises InvalidArgumentError if serialized tf.Examples go beyond a limit."""
        self._check_rows(len(examples))
        self._check_lengths(examples)

    def _check_rows(self, rows: int) -> None:
        if self.rows and rows > self.rows:
            raise InvalidArgumentError(
                f"the request has {rows} rows, at most {self.rows} are taken; divide it"
            )

    def _check_lengths(self, texts: Iterable[bytes]) -> None:
        if self.text_bytes and (longest := max(map(len, texts), default=0)) > self.text_bytes:
            raise InvalidArgumentError(
                f"a text has {longest} bytes, at most {self.text_bytes} are taken; shorten it"
            )
