"""How much speaks against the labels of a row: the evidence of out-of-fold answers, added up over its outputs.

A label is doubted by the logarithm of a ratio, in nats: how likely chance gives the label, against how likely the text
does. If wrong labels are drawn as often as right ones, whatever the text says, that is the only part of the odds of an
error that depends on the row (Bayes); 0 is a label that the text neither supports nor contradicts. A rare label with a
low probability is then no error as such, which confident learning ("Confident learning: estimating uncertainty in
dataset labels", Northcutt et al., 2021) reaches by a threshold for each label. A number is doubted by how far it is
from what its text says, in mean residuals, less 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.data.ingestion.corrections import ABSENT, PRESENT, IssueKind
from components.evaluation.audit.linear_head import Matrix
from components.modeling.head_settings import Task
from components.modeling.heads import Head

__all__ = ["HeadDoubts", "Issue", "doubts_of", "issues_of"]

_LEAST_PROBABILITY = 1e-4
"""Probabilities are not believed beyond that: a linear head is not so sure, and one label must not outweigh all."""

_LEAST_DOUBT = float(np.log(2.0))
"""Further lines of a row are told where chance is twice as likely as the text."""

_MAX_ISSUES = 3


@dataclass(frozen=True)
class HeadDoubts:
    """What speaks against a head's part of every row.

    Attributes:
        head: the head.
        targets: float32 [rows, outputs], as given; NaN where nothing is known.
        answers: float32 [rows, outputs], out of fold: probabilities of labels, numbers of a regression; NaN likewise.
        frequencies: float32 [outputs], share of the rows that have each label; means of numbers.
        doubts: float32 [rows, outputs], nats; 0 where nothing is known, and for labels of a single-label or ordinal
            head that the row does not have.
    """

    head: Head
    targets: Matrix
    answers: Matrix
    frequencies: Matrix
    doubts: Matrix


@dataclass(frozen=True)
class Issue:
    """One line for a person to judge.

    Attributes:
        row: position of the row.
        kind: a value of `IssueKind`.
        label: label or column of numbers.
        given: what the data say.
        suggested: what the model would say.
        probability: out-of-fold probability of the label, 0-1; None of numbers.
        doubt: nats.
        reason: in words.
    """

    row: int
    kind: str
    label: str
    given: str
    suggested: str
    probability: float | None
    doubt: float
    reason: str


def doubts_of(head: Head, targets: Matrix, answers: Matrix) -> HeadDoubts:
    """The doubts of a head; both arrays as in `HeadDoubts`."""
    known = ~np.isnan(targets).any(axis=1)
    doubts = np.zeros_like(targets)
    frequencies: Matrix = targets[known].mean(axis=0)
    doubts[known] = _doubts(head.task, targets[known], answers[known], frequencies)
    return HeadDoubts(head, targets, answers, frequencies, doubts)


def _doubts(task: Task, targets: Matrix, answers: Matrix, frequencies: Matrix) -> Matrix:
    if task == "regression":
        # Laplace's density: a normal one would make of every outlier a certain error.
        residuals = np.abs(targets - answers)
        doubts: Matrix = residuals / np.maximum(residuals.mean(axis=0), np.finfo(np.float32).tiny) - 1
        return doubts
    probabilities = _believed(answers)
    chances = _believed(frequencies)
    against_present = np.log(chances / probabilities)
    against_absent = np.log((1 - chances) / (1 - probabilities)) if task == "multi_label" else 0.0
    return np.where(targets > 0, against_present, against_absent)


def _believed(probabilities: Matrix) -> Matrix:
    return np.clip(probabilities, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)


def issues_of(heads: Sequence[HeadDoubts], row: int) -> list[Issue]:
    """The lines about a row, the strongest first, at most three; none if nothing speaks against it."""
    every = (issue for head in heads for issue in _issues(head, row) if issue.doubt > 0)
    found = sorted(every, key=lambda issue: -issue.doubt)
    return [issue for number, issue in enumerate(found) if not number or issue.doubt >= _LEAST_DOUBT][
        :_MAX_ISSUES
    ]


def _issues(head: HeadDoubts, row: int) -> Iterator[Issue]:
    given, answers = head.targets[row], head.answers[row]
    if np.isnan(given).any():
        return
    for column, label in enumerate(head.head.outputs):
        value, answer, doubt = float(given[column]), float(answers[column]), float(head.doubts[row, column])
        if head.head.task == "regression":
            reason = (
                f"given {value:.4g}, its text says {answer:.4g}; all rows have {head.frequencies[column]:.4g}"
            )
            told = (f"{value:.6g}", f"{answer:.4g}")
            yield Issue(row, IssueKind.NUMBER, label, *told, None, doubt, reason)
        elif head.head.task == "multi_label":
            kind, told = (
                (IssueKind.WRONG, (PRESENT, ABSENT)) if value else (IssueKind.MISSING, (ABSENT, PRESENT))
            )
            reason = _reason(label, answer, float(head.frequencies[column]))
            yield Issue(row, kind, label, *told, answer, doubt, reason)
        elif value:
            others = np.where(given > 0, -1.0, answers)
            best = int(others.argmax())
            other = head.head.outputs[best]
            reason = (
                f"{_reason(label, answer, float(head.frequencies[column]))}; "
                f"{_reason(other, float(answers[best]), float(head.frequencies[best]))}"
            )
            yield Issue(row, IssueKind.OTHER, label, label, other, answer, doubt, reason)


def _reason(label: str, probability: float, frequency: float) -> str:
    return f"{label} has probability {probability:.3f}, {frequency:.3f} over all rows"
