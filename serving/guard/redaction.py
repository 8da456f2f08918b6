"""What may be written down of a request: masked texts, or only that there were some.

The log never holds a text by accident. Of inputs only texts are kept, and only when somebody says how personal data is
masked in them; numbers are not, for they can be token ids. Of outputs, numbers with a fraction, decisions and the names
of labels are kept, but no other strings, for an explanation repeats the text.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError

__all__ = ["MaskText", "Redaction", "is_kept", "is_omitted"]

MaskText: TypeAlias = Callable[[str], str]
"""From a text to one without personal data."""

_LABELS = ("labels", "classes")
"""Outputs whose strings are names of labels."""
_OMITTED = "[text omitted: "


class Redaction:
    """How texts are written down.

    Args:
        mask: None = each text is left out; its length and a mark remain, which is the same for the same text until the
            server stops, and cannot be found by trying texts.
    """

    def __init__(self, mask: MaskText | None = None) -> None:
        self._mask = mask
        self._secret = secrets.token_bytes(32)

    def text(self, raw: bytes) -> str:
        """What stands for one text, UTF-8 if it is sound."""
        if self._mask is not None:
            try:
                return self._mask(raw.decode("utf-8"))
            except UnicodeDecodeError:
                pass
        mark = hashlib.blake2b(raw, key=self._secret, digest_size=8).hexdigest()
        return f"{_OMITTED}{len(raw)} bytes, {mark}]"

    def inputs(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.object_] | None]:
        """By name: strings as object arrays of bytes, of the same shape; None for what is left out."""
        return {
            name: self._strings(array) if array.dtype == object else None for name, array in inputs.items()
        }

    def example(self, raw: bytes) -> dict[str, list[str]]:
        """The texts of a serialized tf.Example by feature; none if it is broken."""
        try:
            example = tf.train.Example.FromString(raw)
        except DecodeError:
            return {}
        features = sorted(example.features.feature.items())
        return {
            name: [self.text(value) for value in feature.bytes_list.value]
            for name, feature in features
            if feature.HasField("bytes_list")
        }

    def _strings(self, array: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
        redacted = np.empty(array.shape, dtype=object)
        redacted.ravel()[:] = [self.text(value).encode() for value in np.ravel(array).tolist()]
        return redacted


def is_omitted(text: str) -> bool:
    """Whether this stands for a text that was left out."""
    return text.startswith(_OMITTED)


def is_kept(name: str, output: npt.NDArray[Any]) -> bool:
    """Whether an output is written down."""
    return output.dtype.kind in "fb" or (output.dtype == object and name in _LABELS)
