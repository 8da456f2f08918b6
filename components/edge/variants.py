"""The names of .tflite variants: how weights are stored, which vocabulary, which length."""

import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

__all__ = ["CANDIDATES", "VariantName", "VariantSpec"]

_WEIGHTS = ("float32", "float16", "int8", "int8_per_tensor", "int8_weights", "int8_int4", "int4")

CANDIDATES = (
    "float32",
    "float16",
    "int8",
    "int8_per_tensor",
    "int8_int4",
    "int8_vocab99",
    "int8_int4_vocab99",
    "int4",
    "int4_vocab99",
    "int4_vocab98",
)
"""Variants that are tried where none are named: from the most exact to the smallest."""

_NAME = re.compile(
    rf"(?P<weights>{'|'.join(_WEIGHTS)})(?:_vocab(?P<percent>\d{{1,2}}(?:\.\d+)?))?(?P<fixed>_fixed)?(?P<text>_text)?"
)


@dataclass(frozen=True)
class VariantSpec:
    """What one .tflite file is made of.

    Attributes:
        weights: `tflite.converter.Variant`.
        coverage: share of the pieces of the training texts, 0-1, that the vocabulary keeps whole; None keeps every row.
        fixed_length: whether it takes the model's longest sequence and no other length.
        takes_text: whether the tokenizer is inside.
    """

    weights: str
    coverage: float | None = None
    fixed_length: bool = False
    takes_text: bool = False

    @classmethod
    def parse(cls, name: str) -> "VariantSpec":
        """Reads `int8`, `int4_vocab99` (99 % of the pieces stay), `int8_fixed`, `int8_vocab98.5_text`.

        Raises:
            ValueError: the name is none of a variant.
        """
        if (found := _NAME.fullmatch(name)) is None:
            raise ValueError(
                f"{name!r} is no variant; expected one of {', '.join(_WEIGHTS)}, and behind it, if wanted, "
                "_vocab99 for a vocabulary that covers 99 % of the training texts, and _fixed for a fixed length or "
                "_text for the tokenizer inside"
            )
        if found["fixed"] and found["text"]:
            raise ValueError(
                f"{name!r}: a file with the tokenizer inside has no fixed length; leave _fixed out"
            )
        percent = found["percent"]
        return cls(
            found["weights"],
            None if percent is None else float(percent) / 100,
            found["fixed"] is not None,
            found["text"] is not None,
        )


def _check_name(name: str) -> str:
    VariantSpec.parse(name)
    return name


VariantName: TypeAlias = Annotated[str, AfterValidator(_check_name)]
"""As `VariantSpec.parse` reads it; the file is `emotion_<name>.tflite`."""
