"""What is counted of texts and of a model's answers: of the training data once, of live traffic all the time."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.description import HeadDescription
from serving.distances import Counts
from serving.errors import SavedModelError
from serving.scripts import dominant_script

__all__ = ["REFERENCE_FILE", "Reference", "TrafficCounts", "read_reference", "write_reference"]

REFERENCE_FILE = "assets.extra/reference_statistics.json"
"""Path inside a SavedModel directory; TensorFlow Serving leaves `assets.extra` alone."""

_WORDS = np.array([1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 56, 80, 113, 160, 226])
_PROBABILITIES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 0.99])
_DEVIATIONS = np.linspace(-3.5, 3.5, 15)
"""Lower bounds of buckets, for the words of a text, for probabilities, and for numbers in standard deviations of the
training data; what is below the first makes one more bucket. The same for every model, so that counts can be compared
without a word about their buckets."""

_BUCKETS = 16


@dataclass
class TrafficCounts:
    """Accumulates in bounded memory: fixed buckets, and one number a script.

    Attributes:
        outputs: columns of the model's scores.
        texts: how many were seen.
        words: texts by number of words, int64 [16].
        total_words: of all texts.
        scripts: texts by dominant script.
        tokens: that the model read of them, without [CLS] and [SEP].
        unknown_tokens: how many of these are [UNK].
        answers: how often each output was answered, int64 [outputs].
        decided: how often each applied, int64 [outputs].
        scores: answers by score, int64 [outputs, 16].
        total_scores: sum of each output's scores, float64 [outputs].
    """

    outputs: int
    texts: int = 0
    words: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BUCKETS, np.int64))
    total_words: int = 0
    scripts: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    unknown_tokens: int = 0
    answers: npt.NDArray[np.int64] = field(init=False)
    decided: npt.NDArray[np.int64] = field(init=False)
    scores: npt.NDArray[np.int64] = field(init=False)
    total_scores: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.answers = np.zeros(self.outputs, np.int64)
        self.decided = np.zeros(self.outputs, np.int64)
        self.scores = np.zeros((self.outputs, _BUCKETS), np.int64)
        self.total_scores = np.zeros(self.outputs, np.float64)

    def add_texts(self, texts: Sequence[str]) -> None:
        """Counts texts, their words (divided at white space) and their scripts."""
        words = [len(text.split()) for text in texts]
        self.texts += len(texts)
        self.words += _count(np.array(words, np.int64), _WORDS)
        self.total_words += sum(words)
        self.scripts.update(map(dominant_script, texts))

    def add_tokens(
        self, token_ids: npt.NDArray[Any], padding_mask: npt.NDArray[Any], unknown_token_id: int
    ) -> None:
        """Counts the tokens where the mask is 1, int [batch, seq_len] both; two of each row are [CLS] and [SEP]."""
        is_token = padding_mask == 1
        self.tokens += int(np.maximum(is_token.sum(axis=1) - 2, 0).sum())
        self.unknown_tokens += int((is_token & (token_ids == unknown_token_id)).sum())

    def add_answers(
        self,
        scores: npt.NDArray[Any],
        columns: Sequence[int],
        heads: Sequence[HeadDescription],
        thresholds: Any,
    ) -> None:
        """Counts answers, and decides as the model does.

        Args:
            scores: float [batch, columns], of some of the outputs.
            columns: which outputs they are of.
            heads: of the model.
            thresholds: float [outputs], by which multi-label heads decide.
        """
        position = {column: index for index, column in enumerate(columns)}
        start = 0
        for head in heads:
            own = [column for column in range(start, start + len(head.outputs)) if column in position]
            start += len(head.outputs)
            if not own:
                continue
            values = scores[:, [position[column] for column in own]]
            self.answers[own] += len(values)
            self.total_scores[own] += values.sum(axis=0, dtype=np.float64)
            edges = _PROBABILITIES
            if head.is_regression:
                targets = [column - (start - len(head.outputs)) for column in own]
                values = (values - np.array(head.mean)[targets]) / np.maximum(
                    np.array(head.std)[targets], 1e-9
                )
                edges = _DEVIATIONS
            elif head.task == "multi_label":
                self.decided[own] += (values >= np.asarray(thresholds, np.float32)[own]).sum(axis=0)
            else:
                self.decided[own] += np.bincount(values.argmax(axis=1), minlength=len(own))
            self.scores[own] += _count_columns(values, edges)

    def add(self, other: "TrafficCounts") -> None:
        """Adds what `other` has counted of the same model."""
        self.texts += other.texts
        self.words += other.words
        self.total_words += other.total_words
        self.scripts.update(other.scripts)
        self.tokens += other.tokens
        self.unknown_tokens += other.unknown_tokens
        self.answers += other.answers
        self.decided += other.decided
        self.scores += other.scores
        self.total_scores += other.total_scores

    def word_counts(self) -> Counts:
        """Texts by bucket of their number of words."""
        return _by_bucket(self.words)

    def score_counts(self, column: int) -> Counts:
        """Answers by bucket of one output's score."""
        return _by_bucket(self.scores[column])


@dataclass(frozen=True)
class Reference:
    """What is usual for a model.

    Attributes:
        counts: of texts that it was trained on, and of its answers to texts that it was not trained on.
        unknown_token_id: the id of [UNK].
    """

    counts: TrafficCounts
    unknown_token_id: int


_NUMBERS = ("texts", "total_words", "tokens", "unknown_tokens")
_ARRAYS = ("words", "answers", "decided", "scores", "total_scores")


def write_reference(saved_model_dir: Path, reference: Reference) -> None:
    """Writes `REFERENCE_FILE` into a SavedModel directory."""
    counts = reference.counts
    document = {
        "unknown_token_id": reference.unknown_token_id,
        "outputs": counts.outputs,
        **{name: getattr(counts, name) for name in _NUMBERS},
        "scripts": dict(sorted(counts.scripts.items())),
        **{name: getattr(counts, name).tolist() for name in _ARRAYS},
    }
    (saved_model_dir / REFERENCE_FILE).write_text(json.dumps(document) + "\n", encoding="utf-8")


def read_reference(saved_model_dir: Path) -> Reference | None:
    """What `write_reference` wrote; None if the model came without.

    Raises:
        SavedModelError: the file is broken.
    """
    path = saved_model_dir / REFERENCE_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        counts = TrafficCounts(document["outputs"])
        for name in _NUMBERS:
            setattr(counts, name, int(document[name]))
        counts.scripts.update({str(name): int(count) for name, count in document["scripts"].items()})
        for name in _ARRAYS:
            expected = getattr(counts, name)
            array = np.array(document[name], expected.dtype)
            if array.shape != expected.shape:
                raise ValueError(f"{name} is {array.shape}, expected {expected.shape}")
            setattr(counts, name, array)
        return Reference(counts, int(document["unknown_token_id"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise SavedModelError(f"{path}: cannot be read ({err!r}); export the model again") from err


def _count(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=_BUCKETS).astype(np.int64)


def _count_columns(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """`_count` of each column of [rows, columns], int64 [columns, 16]."""
    columns = values.shape[1]
    places = np.searchsorted(edges, values, side="right") + _BUCKETS * np.arange(columns)
    counts = np.bincount(places.ravel(), minlength=_BUCKETS * columns)
    return counts.reshape(columns, _BUCKETS).astype(np.int64)


def _by_bucket(counts: npt.NDArray[np.int64]) -> Counts:
    return {str(bucket): count for bucket, count in enumerate(counts.tolist())}
