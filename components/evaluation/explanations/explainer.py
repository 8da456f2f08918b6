"""Explains a model's answers: what each word of a text adds to a score."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from components.evaluation.explanations.alignment import ReadWord, read_words
from components.evaluation.explanations.integrated_gradients import (
    Attribution,
    IntegratedGradients,
    Question,
)
from components.evaluation.explanations.settings import MAX_STEPS
from components.modeling.classifier import LoadedModel
from components.modeling.ensembles.average import member_name
from components.modeling.training.trainable import find_encoder
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

__all__ = [
    "Asked",
    "Explainer",
    "Explanation",
    "Word",
    "coloured_parts",
    "hidden_id",
    "word_embeddings",
]


@dataclass(frozen=True)
class Asked:
    """A score to explain.

    Attributes:
        text: as a user would send it.
        output: position of the score among the model's outputs.
        context: what was said before; only a model of two segments reads it.
    """

    text: str
    output: int
    context: str = ""


@dataclass(frozen=True)
class Word:
    """A word as typed.

    Attributes:
        text: the word.
        start: its first character (code point) in the text.
        end: one behind its last.
        value: what it adds to the score, in the score's unit; negative if it speaks against. None if the model did not
            read it, since the text is too long.
    """

    text: str
    start: int
    end: int
    value: float | None


@dataclass(frozen=True)
class Explanation:
    """What the words of a text add to a score.

    Attributes:
        words: of the text, in its order.
        context_words: of what was said before.
        score: of the text; probability 0-1 of a label, or a number.
        baseline_score: of the same text with every word hidden.
        steps: gradients that were taken.
        gap: what the values miss of `score - baseline_score`, at most.
        complete: they miss less than 1 % of it (`Tolerance`).
    """

    words: tuple[Word, ...]
    context_words: tuple[Word, ...]
    score: float
    baseline_score: float
    steps: int
    gap: float
    complete: bool


@dataclass(frozen=True)
class _Read:
    """A text and its context as the network reads them.

    Attributes:
        tokens: ids, with [CLS] and [SEP].
        segments: as many.
        text: positions of the text's pieces.
        context: positions of the context's pieces; empty if nothing of it is left.
        context_start: position where the context's first piece would stand if nothing of it were cut off.
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32]
    text: range
    context: range
    context_start: int


class Explainer:
    """Explains scores of a model by `IntegratedGradients`.

    A hidden word is [MASK], which pretraining made mean "some word, not known": the encoder has seen it, between
    others, in millions of texts. [PAD] it has never been asked to read, and embeddings of 0 are no text at all. Where
    the vocabulary has no [MASK] it is [PAD]. [CLS] and [SEP] stay, and add nothing.
    """

    def __init__(self, model: LoadedModel, *, max_steps: int = MAX_STEPS) -> None:
        """`max_steps`: gradients a score at most."""
        self._tokenizer = HostTokenizer(model.tokenizer)
        self._gradients = IntegratedGradients(
            model.scoring_network,
            word_embeddings(model),
            hide=_Hide(model.tokenizer),
            units=[unit for head in model.config.heads for unit in head.std or (1.0,) * len(head.outputs)],
            max_steps=max_steps,
        )

    def explain(self, asked: Sequence[Asked]) -> list[Explanation]:
        """Explains scores, in their order, many at a time."""
        read = [self._read(one) for one in asked]
        questions = [
            Question(row.tokens, row.segments, one.output) for row, one in zip(read, asked, strict=True)
        ]
        found = self._gradients.attribute(questions)
        return [self._explanation(*row) for row in zip(asked, read, found, strict=True)]

    def _read(self, asked: Asked) -> _Read:
        tokenizer = self._tokenizer
        told = asked.context if tokenizer.spec.segments == 2 else ""
        ids, segments = tokenizer.encode_pair(asked.text, told)
        text, context = range(1, len(ids) - 1), range(0)
        if 1 in segments:
            second = segments.index(1)
            text, context = range(second, len(ids) - 1), range(1, second - 1)
            if tokenizer.spec.context_position == "after":
                text, context = context, text
        pieces = sum(len(tokenizer.word_ids(word)) for word in tokenizer.words(told))
        return _Read(
            np.array(ids, np.int32), np.array(segments, np.int32), text, context, context.stop - pieces
        )

    def _explanation(self, asked: Asked, read: _Read, found: Attribution) -> Explanation:
        words = read_words(asked.text, self._tokenizer)
        before = read_words(asked.context, self._tokenizer) if self._tokenizer.spec.segments == 2 else []
        return Explanation(
            _valued(asked.text, words, found.values, read.text.start, read.text),
            _valued(asked.context, before, found.values, read.context_start, read.context),
            found.score,
            found.baseline_score,
            found.steps,
            found.gap,
            found.complete,
        )


class _Hide:
    """Replaces every token but [CLS] and [SEP]; a text cannot spell these."""

    def __init__(self, spec: TokenizerSpec) -> None:
        self._stays = np.array([spec.start_id, spec.end_id], np.int32)
        self._hidden = np.int32(hidden_id(spec))

    def __call__(self, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(np.isin(tokens, self._stays), tokens, self._hidden)


def hidden_id(spec: TokenizerSpec) -> int:
    """The token that stands for a hidden word's pieces."""
    return spec.id_by_token.get("[MASK]", spec.pad_id)


def word_embeddings(model: LoadedModel) -> list[keras.layers.Layer]:
    """What looks words up: of a network, or of every member of an average."""
    if model.config.members == 1:
        return [find_encoder(model.network).token_embedding]
    members = (model.network.get_layer(member_name(number)) for number in range(model.config.members))
    return [find_encoder(member).token_embedding for member in members]


def _valued(
    text: str, words: Sequence[ReadWord], values: NDArray[np.float64], start: int, kept: range
) -> tuple[Word, ...]:
    """The words with the sums of their pieces' values.

    Args:
        text: as typed.
        words: of it.
        values: by position of the row.
        start: position in the row of the text's first piece; negative positions were cut off.
        kept: positions in the row of what was not cut off.
    """
    found = []
    for word in words:
        positions = [start + piece for piece in word.pieces if start + piece in kept]
        value = float(values[positions].sum()) if positions else None
        found.append(Word(text[word.start : word.end], word.start, word.end, value))
    return tuple(found)


def coloured_parts(text: str, words: Sequence[Word]) -> list[tuple[str, float | None]]:
    """The whole text in parts, each with its value: words, and what stands between them (None)."""
    parts: list[tuple[str, float | None]] = []
    end = 0
    for word in words:
        if end < word.start:
            parts.append((text[end : word.start], None))
        parts.append((word.text, word.value))
        end = word.end
    return [*parts, (text[end:], None)] if end < len(text) else parts
