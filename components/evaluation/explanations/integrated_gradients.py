"""Integrated gradients: what every token of a text adds to a score."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluation.explanations.embedding_path import EmbeddingPath
from components.modeling.dataset import pad_tokens
from components.modeling.scorer import INPUT_SPEC

__all__ = ["Attribution", "IntegratedGradients", "Question", "Tolerance"]

_POINTS = 12
"""Gradients by part of the path: with MiniLM on GoEmotions a quarter of the texts need one part, the others 2 to 4."""

_TOKENS_AT_A_TIME = 2048
"""Tokens, padding counted, that are differentiated together; by its layers' sizes MiniLM keeps 0.5 GB for so many."""


@dataclass(frozen=True)
class Question:
    """A score to explain.

    Attributes:
        tokens: int32 [tokens], the ids that the network reads.
        segments: int32 [tokens], their segment ids.
        output: column of the score.
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32]
    output: int


@dataclass(frozen=True)
class Tolerance:
    """What attributions may miss: `share` x max(|score difference|, `floor` x unit).

    Attributes:
        share: 1 %; the authors ask for 5 % (Sundararajan et al., 2017, section 5).
        floor: the least difference that the share is taken of, in units of the score: 1 for a probability, the standard
            deviation for a number. At 0.05, less than 0.0005 of probability is never missed.
    """

    share: float = 0.01
    floor: float = 0.05

    def of(self, difference: float, *, unit: float) -> float:
        """In the score's unit."""
        return self.share * max(abs(difference), self.floor * unit)


@dataclass(frozen=True)
class Attribution:
    """What was found for a question.

    Attributes:
        values: float64 [tokens], what each token adds, in the score's unit; negative if it speaks against.
        score: of the text.
        baseline_score: of the text whose words are all hidden.
        steps: gradients that were taken.
        gap: sum of |what the values miss| over the parts of the path, in the score's unit: at least
            |sum of values - (score - baseline_score)|.
        complete: the gap is within the tolerance.
    """

    values: NDArray[np.float64]
    score: float
    baseline_score: float
    steps: int
    gap: float
    complete: bool


@dataclass(frozen=True)
class _Part:
    """A part of a question's path, with the scores at its ends."""

    question: int
    start: float
    end: float
    start_score: float
    end_score: float


@dataclass
class _Sum:
    """What is known of a question so far: of the parts that are done, and of those that may have to be halved."""

    values: NDArray[np.float64]
    gap: float = 0.0
    steps: int = 0
    rough: list[tuple[_Part, NDArray[np.float64], float]] = field(default_factory=list)


class IntegratedGradients:
    """Attributions by "Axiomatic Attribution for Deep Networks" (Sundararajan, Taly and Yan, 2017, eq. 1).

    The path is a straight line in the space of the word embeddings, from those of the hidden text to those of the
    text; positions and segments stay. Of several embeddings (the members of an ensemble) all move together.

    The integral is taken by Gauss-Legendre quadrature. That attributions sum up to the score's difference
    (completeness) holds on every part of the path, so that each part tells how wrong it is: those that miss more than
    their share are halved, and no error is hidden by one of the other sign elsewhere.
    """

    def __init__(
        self,
        network: keras.Model,
        embeddings: Sequence[keras.layers.Layer],
        *,
        hide: Callable[[NDArray[np.int32]], NDArray[np.int32]],
        units: Sequence[float],
        max_steps: int,
        tolerance: Tolerance = Tolerance(),
    ) -> None:
        """Prepares to explain a network.

        Args:
            network: from `token_ids`, `segment_ids` and `padding_mask` int32 [batch, seq_len] to scores float32
                [batch, outputs]; its rows do not influence each other.
            embeddings: its layers that look up token ids.
            hide: the token ids of the text whose words are hidden.
            units: by output, what a difference is measured in; see `Tolerance`.
            max_steps: gradients a question at most; attributions that are not complete by then say so.
            tolerance: when they are complete.
        """
        self._hide = hide
        self._units = tuple(units)
        self._max_steps = max_steps
        self._tolerance = tolerance
        rows = tf.TensorSpec([None, None], tf.int32)
        fractions, outputs = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)
        signature = [INPUT_SPEC, rows, fractions, outputs]
        path = EmbeddingPath(network, embeddings)
        self._score = tf.function(path.score, input_signature=signature, autograph=False)
        self._slope = tf.function(path.slope, input_signature=signature, autograph=False)

    def attribute(self, questions: Sequence[Question]) -> list[Attribution]:
        """Answers the questions, in their order."""
        everyone = range(len(questions))
        starts = self._scores_at(questions, [(index, 0.0) for index in everyone])
        ends = self._scores_at(questions, [(index, 1.0) for index in everyone])
        allowed = [
            self._tolerance.of(ends[index] - starts[index], unit=self._units[questions[index].output])
            for index in everyone
        ]
        sums = [_Sum(np.zeros(len(question.tokens))) for question in questions]
        parts = [_Part(index, 0.0, 1.0, starts[index], ends[index]) for index in everyone]
        while parts:
            for part, values in zip(parts, self._integrate(questions, parts), strict=True):
                gap = abs(float(values.sum()) - (part.end_score - part.start_score))
                sums[part.question].steps += _POINTS
                sums[part.question].rough.append((part, values, gap))
            to_halve = [part for index in everyone for part in self._settle(sums[index], allowed[index])]
            parts = self._halves(questions, to_halve)
        return [
            Attribution(own.values, ends[index], starts[index], own.steps, own.gap, own.gap <= allowed[index])
            for index, own in enumerate(sums)
        ]

    def _settle(self, own: _Sum, allowed: float) -> list[_Part]:
        """Adds up the parts that are good enough, or all of them if that is the end; returns those to halve."""
        affordable = (self._max_steps - own.steps) // (2 * _POINTS)
        total = own.gap + sum(gap for _, _, gap in own.rough)
        if total <= allowed or not np.isfinite(total):
            affordable = 0
        worst_first = sorted(own.rough, key=lambda entry: -entry[2])
        worst = [
            entry
            for entry in worst_first[:affordable]
            if entry[2] > allowed * (entry[0].end - entry[0].start)
        ]
        for entry in worst_first:
            if not any(entry is other for other in worst):
                own.values += entry[1]
                own.gap += entry[2]
        own.rough = []
        return [part for part, _, _ in worst]

    def _halves(self, questions: Sequence[Question], parts: Sequence[_Part]) -> list[_Part]:
        middles = [(part.start + part.end) / 2 for part in parts]
        scores = self._scores_at(
            questions, [(part.question, middle) for part, middle in zip(parts, middles, strict=True)]
        )
        halves = []
        for part, middle, score in zip(parts, middles, scores, strict=True):
            halves.append(_Part(part.question, part.start, middle, part.start_score, score))
            halves.append(_Part(part.question, middle, part.end, score, part.end_score))
        return halves

    def _scores_at(self, questions: Sequence[Question], points: Sequence[tuple[int, float]]) -> list[float]:
        """The scores at points (a question, a place 0-1 on its path)."""
        found = np.zeros(len(points))
        for chosen, arguments in self._batches(questions, points):
            found[chosen] = self._score(*arguments).numpy()
        return found.tolist()

    def _integrate(self, questions: Sequence[Question], parts: Sequence[_Part]) -> list[NDArray[np.float64]]:
        """What each token adds on each part, float64 [tokens]."""
        nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
        points = [
            (part.question, part.start + (part.end - part.start) * (node + 1) / 2)
            for part in parts
            for node in nodes
        ]
        totals = [np.zeros(len(questions[part.question].tokens)) for part in parts]
        for chosen, arguments in self._batches(questions, points):
            for point, slope in zip(chosen, self._slope(*arguments).numpy(), strict=True):
                place, node = divmod(point, _POINTS)
                width = parts[place].end - parts[place].start
                totals[place] += width / 2 * weights[node] * slope[: len(totals[place])]
        return totals

    def _batches(
        self, questions: Sequence[Question], points: Sequence[tuple[int, float]]
    ) -> Iterator[tuple[list[int], tuple[Any, ...]]]:
        """The positions of points of like length, and the arguments of `EmbeddingPath.score` for them."""
        lengths = [len(questions[index].tokens) for index, _ in points]
        for chosen in _chunks(lengths):
            own = [questions[points[point][0]] for point in chosen]
            inputs = pad_tokens([one.tokens for one in own], [one.segments for one in own])
            hidden = pad_tokens([self._hide(one.tokens) for one in own])["token_ids"]
            fractions = np.array([points[point][1] for point in chosen], np.float32)
            yield chosen, (inputs, hidden, fractions, np.array([one.output for one in own], np.int32))


def _chunks(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions by ascending length, in parts of at most `_TOKENS_AT_A_TIME` tokens when padded."""
    chunk: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda position: lengths[position]):
        if chunk and (len(chunk) + 1) * lengths[position] > _TOKENS_AT_A_TIME:
            yield chunk
            chunk = []
        chunk.append(position)
    if chunk:
        yield chunk
