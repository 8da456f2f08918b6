"""What is asked of a model in a behavioural test, and when its answer is a failure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.modeling.heads import Head, columns, output_names

__all__ = ["Answer", "Failure", "Judge", "Kind", "Probe"]

Kind: TypeAlias = Literal["invariance", "directional", "minimum functionality"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One case of a test. Outputs are positions among the model's.

    Attributes:
        test: the name of its test.
        what: what the test is about, a sentence for a person.
        unit: what the case was made from; cases of one unit are no independent evidence.
        before: the text, or the text before the change.
        after: the changed text; None if there is none.
        context: what was said before it.
        row: of the split, if `before` comes from there.
        falls: outputs whose score must be lower after the change; those of a label that is not given before do not
            count, as there is nothing to take away.
        rises: outputs whose score must be higher after the change.
        expect: outputs of which at least one must be given.
        reject: outputs that must not be given.
        within: outputs with the lowest and the highest number that is right.
    """

    test: str
    what: str
    unit: str
    before: str
    after: str | None = None
    context: str = ""
    row: int | None = None
    falls: tuple[int, ...] = ()
    rises: tuple[int, ...] = ()
    expect: tuple[int, ...] = ()
    reject: tuple[int, ...] = ()
    within: tuple[tuple[int, float, float], ...] = ()

    @property
    def kind(self) -> Kind:
        """What kind of test it belongs to."""
        if self.after is None:
            return "minimum functionality"
        return "directional" if self.falls or self.rises else "invariance"


@dataclass(frozen=True)
class Answer:
    """What the model says of one text.

    Attributes:
        scores: float32 [outputs].
        decisions: bool [outputs].
    """

    scores: NDArray[np.float32]
    decisions: NDArray[np.bool_]


@dataclass(frozen=True)
class Failure:
    """What is wrong with an answer.

    Attributes:
        output: the output that shows it most.
        label: its name.
        size: how wrong, in what a score may move without meaning anything; to show the worst first.
        why: a sentence for a person.
    """

    output: int
    label: str
    size: float
    why: str


class Judge:
    """Knows what a failure is for the outputs of a model."""

    def __init__(self, heads: Sequence[Head], *, tolerance: float, regression_tolerance: float) -> None:
        """`tolerance` is of scores 0-1, `regression_tolerance` of numbers, in their standard deviations."""
        self._outputs = output_names(heads)
        self._is_number = np.zeros(len(self._outputs), np.bool_)
        self._tolerances = np.full(len(self._outputs), tolerance)
        for head, own in zip(heads, columns(heads).values(), strict=True):
            if head.task == "regression":
                self._is_number[own] = True
                self._tolerances[own] = regression_tolerance * np.asarray(head.std)

    def applies(self, probe: Probe, before: Answer) -> bool:
        """Whether the case can fail: a label that is not given cannot be taken away."""
        return not probe.falls or bool(probe.rises) or bool(self._given(probe.falls, before))

    def failure(self, probe: Probe, before: Answer, after: Answer | None) -> Failure | None:
        """What is wrong, if anything.

        Args:
            probe: the case.
            before: what the model says of its text.
            after: of its changed text; None if there is none.
        """
        if after is None:
            return self._functional(probe, before)
        if probe.falls or probe.rises:
            return self._directional(probe, before, after)
        return self._invariance(before, after)

    def _given(self, outputs: Sequence[int], before: Answer) -> list[int]:
        return [output for output in outputs if before.decisions[output] or self._is_number[output]]

    def _invariance(self, before: Answer, after: Answer) -> Failure | None:
        """A decision flips with a score that moves by more than its tolerance, or a number moves so."""
        moves = self._moves(before, after)
        flips = (before.decisions != after.decisions) | self._is_number
        moved = np.where(flips & (np.abs(moves) > 1), np.abs(moves), 0.0)
        output = int(moved.argmax())
        if not moved[output]:
            return None
        if self._is_number[output]:
            why = f"moves by {after.scores[output] - before.scores[output]:+.2f}"
        else:
            why = "is given after the change only" if after.decisions[output] else "is no longer given"
        return self._of(output, float(moved[output]), why)

    def _directional(self, probe: Probe, before: Answer, after: Answer) -> Failure | None:
        moves = self._moves(before, after)
        wrong = {output: 1 + moves[output] for output in self._given(probe.falls, before)}
        wrong |= {output: 1 - moves[output] for output in probe.rises if not self._is_full(output, after)}
        if not wrong:
            return None
        output = max(wrong, key=lambda output: wrong[output])
        if wrong[output] <= 0:
            return None
        direction = "fall" if output in probe.falls else "rise"
        moved = after.scores[output] - before.scores[output]
        why = f"does not {direction} by at least {self._tolerances[output]:.2g}, it moves by {moved:+.2f}"
        return self._of(output, float(wrong[output]), why)

    def _is_full(self, output: int, after: Answer) -> bool:
        """Whether a score cannot be asked to rise any further."""
        return not self._is_number[output] and after.scores[output] >= 1 - self._tolerances[output]

    def _functional(self, probe: Probe, answer: Answer) -> Failure | None:
        for output, low, high in probe.within:
            score = float(answer.scores[output])
            off = max(low - score, score - high)
            if not off <= 0:
                size = off / self._tolerances[output] if self._tolerances[output] else off
                bounds = f"at least {low:g}" if score < low else f"at most {high:g}"
                return self._of(output, size, f"is {score:.2f}, expected {bounds}")
        for output in probe.reject:
            if answer.decisions[output]:
                return self._of(output, float(answer.scores[output]), "is given")
        if probe.expect and not answer.decisions[list(probe.expect)].any():
            given = [self._outputs[output] for output in np.flatnonzero(answer.decisions)]
            size = 1 - float(answer.scores[list(probe.expect)].max())
            return self._of(probe.expect[0], size, f"is missing; given is {', '.join(given) or 'nothing'}")
        return None

    def _of(self, output: int, size: float, why: str) -> Failure:
        label = self._outputs[output]
        return Failure(output, label, size, f"{label} {why}")

    def _moves(self, before: Answer, after: Answer) -> NDArray[np.float64]:
        """By how many tolerances every score moves, float64 [outputs]; NaN moves without bound."""
        change = after.scores.astype(np.float64) - before.scores
        moves = change / np.maximum(self._tolerances, np.finfo(np.float64).tiny)
        found: NDArray[np.float64] = np.where(np.isnan(moves), np.inf, moves)
        return found
