"""What an exported SavedModel holds, readable at once: no TensorFlow needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import SavedModelError

__all__ = ["DESCRIPTION_FILE", "Description", "SignatureDescription", "TensorDescription", "describe"]

DESCRIPTION_FILE = "assets.extra/emotion.json"
"""Path inside a SavedModel directory; TensorFlow Serving leaves `assets.extra` alone."""


@dataclass(frozen=True)
class TensorDescription:
    """One input or output.

    Attributes:
        dtype: TensorFlow's name, `float32`, `string`.
        shape: size of each axis; None = any.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class SignatureDescription:
    """One signature: its method (`tensorflow/serving/predict`) and its inputs and outputs by name."""

    method: str
    inputs: Mapping[str, TensorDescription]
    outputs: Mapping[str, TensorDescription]


@dataclass(frozen=True)
class Description:
    """The facts about an exported model.

    Attributes:
        labels: names, in the order of the scores.
        thresholds: probability 0-1 from which on a label is predicted, one a label.
        max_tokens: longer texts are truncated to this many tokens, [CLS] and [SEP] included.
        signatures: by name.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    max_tokens: int
    signatures: Mapping[str, SignatureDescription]


def describe(saved_model_dir: Path | str) -> Description:
    """Reads what the exporter wrote about the SavedModel in `saved_model_dir`.

    Raises:
        SavedModelError: there is no such description, or it is broken.
    """
    path = Path(saved_model_dir) / DESCRIPTION_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Description(
            labels=tuple(document["labels"]),
            thresholds=tuple(document["thresholds"]),
            max_tokens=document["max_tokens"],
            signatures={name: _signature(value) for name, value in document["signatures"].items()},
        )
    except FileNotFoundError as err:
        raise SavedModelError(
            f"{saved_model_dir}: holds no {DESCRIPTION_FILE}; export the model again"
        ) from err
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SavedModelError(f"{path}: cannot be read ({err!r}); export the model again") from err


def _signature(document: Mapping[str, Any]) -> SignatureDescription:
    def tensors(values: Mapping[str, Any]) -> dict[str, TensorDescription]:
        return {
            name: TensorDescription(value["dtype"], tuple(value["shape"])) for name, value in values.items()
        }

    return SignatureDescription(document["method"], tensors(document["inputs"]), tensors(document["outputs"]))
