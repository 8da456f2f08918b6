"""Which rows a person should look at: out-of-fold answers of every head, and the doubts that follow from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.audit.doubts import HeadDoubts, Issue, doubts_of, issues_of
from components.evaluation.audit.linear_head import Matrix, design_matrix, out_of_fold
from components.modeling.heads import Head, columns, known_rows

__all__ = ["LabelAudit", "audit_labels"]

_PENALTY = 1.0
"""Of rows with a mean square length of 1; half or twice of it finds as many planted errors (docs/evaluation.md)."""


@dataclass(frozen=True)
class LabelAudit:
    """The doubts about all rows.

    Attributes:
        heads: what speaks against each head's part.
    """

    heads: tuple[HeadDoubts, ...]

    @cached_property
    def doubts(self) -> NDArray[np.float64]:
        """float64 [rows], nats: what speaks against the row's labels as a whole."""
        parts = [head.doubts.sum(axis=1, dtype=np.float64) for head in self.heads]
        total: NDArray[np.float64] = np.sum(parts, axis=0)
        return total

    def without(self, judged: NDArray[np.bool_]) -> "LabelAudit":
        """The audit without what a person has judged, bool [rows, outputs]."""
        own = columns(head.head for head in self.heads).values()
        return LabelAudit(
            tuple(
                replace(head, doubts=np.where(judged[:, part], np.float32(0), head.doubts))
                for head, part in zip(self.heads, own, strict=True)
            )
        )

    def ranking(self) -> NDArray[np.int64]:
        """The rows in which something is doubted, int64 [at most rows], the most doubtful first."""
        doubted = np.any([(head.doubts > 0).any(axis=1) for head in self.heads], axis=0)
        order: NDArray[np.int64] = np.argsort(-self.doubts, kind="stable")
        ranked: NDArray[np.int64] = order[doubted[order]]
        return ranked

    def issues(self, row: int) -> list[Issue]:
        """What a person should judge about a row, the strongest doubt first."""
        return issues_of(self.heads, row)


def audit_labels(
    heads: Sequence[Head],
    targets: Matrix,
    vectors: Matrix,
    folds: NDArray[np.int64],
    *,
    penalty: float = _PENALTY,
    progress: Progress = NO_PROGRESS,
) -> LabelAudit:
    """Fits every head on the other folds' rows, asks it about its own, and weighs the answers.

    Args:
        heads: what the labels are.
        targets: float32 [rows, outputs], as `components.modeling.heads.arrange_targets` has them.
        vectors: float32 [rows, width], of an encoder that has not learned from these labels.
        folds: int64 [rows], from `deal_folds`.
        penalty: of the linear heads.
        progress: is told of each fold.

    Raises:
        DataError: nothing is known of a head's outputs in some fold's training rows.
    """
    design = design_matrix(vectors)
    count = int(folds.max()) + 1
    fitted = _counter(progress, total=count * len(heads))
    doubts = []
    for head, own in zip(heads, columns(heads).values(), strict=True):
        known = known_rows(targets, own)
        if len(np.unique(folds[known])) < 2:
            raise DataError(
                f"too few rows are labelled for head {head.name!r} to audit them; audit more rows"
            )
        answers = np.full((len(targets), len(head.outputs)), np.nan, np.float32)
        answers[known] = out_of_fold(
            head.task,
            design if known.all() else design[known],
            targets[known, own],
            folds[known],
            penalty=penalty,
            done=lambda: next(fitted),
        )
        doubts.append(doubts_of(head, targets[:, own], answers))
    return LabelAudit(tuple(doubts))


def _counter(progress: Progress, *, total: int) -> Iterator[None]:
    for completed in range(total):
        progress.update(f"fold {completed + 1} of {total}", completed=completed + 1, total=total)
        yield
    while True:
        yield
