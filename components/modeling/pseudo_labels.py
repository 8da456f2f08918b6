"""Semi-supervised learning: what a model is sure of becomes a label (Lee, 2013, "Pseudo-Label")."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.heads import Head, decide, output_names
from components.modeling.selection import certainty

__all__ = ["PseudoLabels", "choose_pseudo_labels", "label_columns"]


@dataclass(frozen=True)
class PseudoLabels:
    """The rows that a model is sure enough of.

    Attributes:
        rows: their positions, ascending.
        decisions: bool [rows, outputs] of all texts.
        confidence: float64 [rows] of all texts: how sure the least sure of a text's decisions is, 0-1.
        unsure: texts below the confidence that was asked for.
        unlabelled: texts to which no label applies.
        over_cap: texts whose label has enough others.
    """

    rows: NDArray[np.int64]
    decisions: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    unsure: int
    unlabelled: int
    over_cap: int


def choose_pseudo_labels(
    heads: Sequence[Head],
    scores: NDArray[np.float32],
    thresholds: Sequence[float],
    *,
    min_confidence: float,
    per_label: int | None,
) -> PseudoLabels:
    """Keeps texts of which every decision is sure, the surest first where a label has more than its cap.

    Args:
        heads: of the model.
        scores: float32 [rows, outputs].
        thresholds: by output.
        min_confidence: least confidence, 0-1; as in `components.modeling.selection.certainty`.
        per_label: most rows that may have a label; None for any number.

    Raises:
        ConfigError: a head answers numbers, of which nobody can say how sure they are.
    """
    if numbers := [head.name for head in heads if head.task == "regression"]:
        raise ConfigError(
            f"head {numbers[0]!r} answers numbers without saying how sure it is; pseudo-label with a model of labels"
        )
    decisions = decide(heads, scores, thresholds)
    confidence = certainty(heads, scores, thresholds).min(axis=1)
    is_sure: NDArray[np.bool_] = confidence >= min_confidence
    is_labelled: NDArray[np.bool_] = np.asarray(decisions.any(axis=1))
    kept, counts, over_cap = [], Counter[int](), 0
    for row in np.argsort(-confidence, kind="stable"):
        if not (is_sure[row] and is_labelled[row]):
            continue
        labels = np.flatnonzero(decisions[row]).tolist()
        if per_label is not None and max(counts[label] for label in labels) >= per_label:
            over_cap += 1
            continue
        counts.update(labels)
        kept.append(row)
    return PseudoLabels(
        rows=np.sort(np.array(kept, np.int64)),
        decisions=decisions,
        confidence=confidence,
        unsure=int((~is_sure).sum()),
        unlabelled=int((is_sure & ~is_labelled).sum()),
        over_cap=over_cap,
    )


def label_columns(heads: Sequence[Head], decisions: NDArray[np.bool_]) -> dict[str, list[str]]:
    """The labels of a row, bool [outputs], by the column that ExampleGen reads them from.

    Labels of a head whose names all begin with `sentiment/` come from the column `sentiment` and are named there
    without it (`example_gen.columns.more_labels`); all others from `labels`.
    """
    columns: dict[str, list[str]] = {}
    decided = dict(zip(output_names(heads), decisions.tolist(), strict=True))
    for head in heads:
        prefixes = {name.partition("/")[0] if "/" in name else "" for name in head.outputs}
        prefix = prefixes.pop() if len(prefixes) == 1 else ""
        names = [
            name.removeprefix(f"{prefix}/") if prefix else name for name in head.outputs if decided[name]
        ]
        columns.setdefault(prefix or "labels", []).extend(names)
    return columns
