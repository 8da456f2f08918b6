"""What is known and what was answered of one head: the part of the answers that its measurement takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError
from components.evaluation.scoring import Answers
from components.modeling.heads import Head, columns, known_rows

__all__ = ["HeadRows", "require_known", "split_by_head"]


@dataclass(frozen=True)
class HeadRows:
    """The rows of which a head's truth is known.

    Attributes:
        head: the head.
        rows: int64 [known], their positions among all rows, ascending.
        scores: float32 [known, outputs].
        decisions: bool [known, outputs].
        targets: float32 [known, outputs], without NaN.
        thresholds: by output.
    """

    head: Head
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    targets: NDArray[np.float32]
    thresholds: Sequence[float]

    def __len__(self) -> int:
        return len(self.rows)

    def within(self, chosen: NDArray[np.bool_]) -> "HeadRows":
        """Those of them that are chosen, bool [all rows]."""
        kept = chosen[self.rows]
        return replace(
            self,
            rows=self.rows[kept],
            scores=self.scores[kept],
            decisions=self.decisions[kept],
            targets=self.targets[kept],
        )

    def answered(self, answers: Answers, own: slice, thresholds: Sequence[float]) -> "HeadRows":
        """The same rows as another model answered them.

        Args:
            answers: of all rows.
            own: the head's columns among that model's outputs.
            thresholds: that model's, by output of the head.
        """
        scores, decisions = answers.scores[self.rows, own], answers.decisions[self.rows, own]
        return replace(self, scores=scores, decisions=decisions, thresholds=thresholds)


def split_by_head(
    heads: Sequence[Head], answers: Answers, targets: NDArray[np.float32], thresholds: Sequence[float]
) -> list[HeadRows]:
    """What each head answered where its truth is known.

    Args:
        heads: of the model.
        answers: of all rows.
        targets: float32 [rows, outputs], NaN = unknown.
        thresholds: by output.
    """
    parts = []
    for head, own in zip(heads, columns(heads).values(), strict=True):
        rows = np.flatnonzero(known_rows(targets, own))
        parts.append(
            HeadRows(
                head,
                rows,
                answers.scores[rows, own],
                answers.decisions[rows, own],
                targets[rows, own],
                thresholds[own],
            )
        )
    return parts


def require_known(parts: Sequence[HeadRows], split: str) -> None:
    """Raises a `DataError` if the split knows nothing of what a head answers."""
    for part in parts:
        if not len(part):
            raise DataError(
                f"split {split!r} has no row of which the truth is known for head {part.head.name!r} "
                f"({', '.join(part.head.outputs[:3])}, …); label some, or change evaluator.split"
            )
