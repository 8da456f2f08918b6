"""What an exported SavedModel holds, readable at once: no TensorFlow needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import SavedModelError

__all__ = [
    "DESCRIPTION_FILE",
    "Description",
    "HeadDescription",
    "SignatureDescription",
    "TensorDescription",
    "describe",
]

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
class HeadDescription:
    """Neighbouring columns of the scores that belong together.

    Attributes:
        name: unique in the model.
        task: `multi_label` (each label applies or not), `single_label` and `ordinal` (one of the labels applies),
            `regression` (a number an output).
        outputs: names of its columns, in the order of the scores.
        mean: of each regression target in the training data, in its own unit; empty for other tasks.
        std: standard deviation, likewise.
    """

    name: str
    task: str
    outputs: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Whether the scores are numbers and no probabilities."""
        return self.task == "regression"


@dataclass(frozen=True)
class Description:
    """The facts about an exported model.

    Attributes:
        labels: names of all outputs, in the order of the scores.
        thresholds: probability 0-1 from which on a label of a multi-label head is predicted, one a column; 0 where
            nothing is decided by a threshold.
        heads: which columns belong together, and what their scores mean.
        max_tokens: longer texts are truncated to this many tokens, [CLS] and [SEP] included.
        segments: 2 if the model reads what was said before (`context`) beside the text, else 1.
        signatures: by name.
        skips_padding: whether padding costs next to nothing, so that texts of different lengths go well together.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    heads: tuple[HeadDescription, ...]
    max_tokens: int
    segments: int
    signatures: Mapping[str, SignatureDescription]
    skips_padding: bool = False


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
            heads=tuple(_head(value) for value in document["heads"]),
            max_tokens=document["max_tokens"],
            segments=document["segments"],
            signatures={name: _signature(value) for name, value in document["signatures"].items()},
            skips_padding=document.get("skips_padding", False),
        )
    except FileNotFoundError as err:
        raise SavedModelError(
            f"{saved_model_dir}: holds no {DESCRIPTION_FILE}; export the model again"
        ) from err
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SavedModelError(f"{path}: cannot be read ({err!r}); export the model again") from err


def _head(document: Mapping[str, Any]) -> HeadDescription:
    columns = {name: tuple(document[name]) for name in ("outputs", "mean", "std")}
    return HeadDescription(document["name"], document["task"], **columns)


def _signature(document: Mapping[str, Any]) -> SignatureDescription:
    def tensors(values: Mapping[str, Any]) -> dict[str, TensorDescription]:
        return {
            name: TensorDescription(value["dtype"], tuple(value["shape"])) for name, value in values.items()
        }

    return SignatureDescription(document["method"], tensors(document["inputs"]), tensors(document["outputs"]))
