"""What every tracker can do."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Image", "Parameters", "PrCurve", "Tracker", "flat_parameters"]

Image: TypeAlias = NDArray[np.uint8]
"""uint8 [height, width, 3]."""

Parameters: TypeAlias = Mapping[str, str | int | float | bool]
"""Settings by dotted key."""


@dataclass(frozen=True)
class PrCurve:
    """Precision and recall of a label at evenly spaced thresholds from 0 to 1.

    Attributes:
        label: the label.
        true_positives: int64 [thresholds]: labelled texts with a score of at least the threshold.
        false_positives: int64 [thresholds]: the same of texts that are not labelled.
        positives: labelled texts.
        negatives: texts that are not.
    """

    label: str
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int
    negatives: int

    @classmethod
    def of(
        cls, label: str, scores: NDArray[np.float32], targets: NDArray[Any], *, steps: int = 100
    ) -> "PrCurve":
        """Counts scores float32 [rows] in 0-1 against targets [rows], 1 = labelled, at `steps` + 1 thresholds."""
        bins = np.floor(np.clip(scores, 0, 1) * steps).astype(np.int64)
        is_positive = np.asarray(targets) > 0.5
        counts = [np.bincount(bins[chosen], minlength=steps + 1) for chosen in (is_positive, ~is_positive)]
        at_least = [np.cumsum(count[::-1])[::-1] for count in counts]
        return cls(label, at_least[0], at_least[1], int(counts[0].sum()), int(counts[1].sum()))

    @property
    def thresholds(self) -> NDArray[np.float64]:
        return np.linspace(0, 1, len(self.true_positives))

    @property
    def precision(self) -> NDArray[np.float64]:
        """float64 [thresholds]; 0 where nothing reaches the threshold."""
        reached = np.maximum(self.true_positives + self.false_positives, 1)
        quotient: NDArray[np.float64] = self.true_positives / reached
        return quotient

    @property
    def recall(self) -> NDArray[np.float64]:
        """float64 [thresholds]; 0 without labelled texts."""
        quotient: NDArray[np.float64] = self.true_positives / max(self.positives, 1)
        return quotient


class Tracker(Protocol):
    """Takes what is known of a training. `step` counts the steps of the optimizer."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each named curve."""

    def parameters(self, values: Parameters) -> None:
        """Writes down what the training is configured with; called once, before anything else."""

    def image(self, step: int, name: str, image: Image) -> None:
        """Adds a figure."""

    def pr_curves(self, step: int, curves: Sequence[PrCurve]) -> None:
        """Adds the precision-recall curves of labels."""

    def document(self, name: str, content: Mapping[str, Any]) -> None:
        """Keeps a JSON file with the run."""

    def close(self, *, failed: bool) -> None:
        """Writes what is waiting and ends the run."""


def flat_parameters(document: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Settings, as JSON values, by dotted key; None is left out, lists are JSON."""
    return dict(_flatten(document, ""))


def _flatten(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | int | float | bool]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (str, int, float)):
            yield f"{prefix}{key}", value
        elif value:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)
