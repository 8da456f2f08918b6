"""Statistics of the examples of one split: its features, texts, tokens, labels and raters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from components.core import features
from components.data.statistics.annotator_statistics import AnnotatorStatistics
from components.data.statistics.distribution import Distribution
from components.data.statistics.feature_protos import Detail, feature_proto, standard_histogram
from components.data.statistics.feature_statistics import (
    FeatureStatistics,
    Weight,
    WeightedStatistics,
    exact_weight,
)
from components.data.statistics.label_statistics import LabelStatistics
from components.data.statistics.profile import ROUNDING_ERROR
from components.data.statistics.sketches import StringCounts
from components.data.statistics.text_statistics import TextStatistics
from components.data.statistics.token_protos import add_token_protos, tokens_to_json
from components.data.statistics.token_statistics import TokenCounter, TokenStatistics
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["SplitCounter", "SplitStatistics", "StatisticsPlan"]

_TOKENIZED = (features.TEXT, features.CONTEXT)

_Columns = Mapping[str, Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class StatisticsPlan:
    """What is counted, and how much of it is written down.

    Attributes:
        label_names: the label list, by which the co-occurrence matrix is ordered.
        encoder: name of the encoder whose vocabulary it is.
        tokenizer: the vocabulary by which tokens are counted; None to leave them out.
        detail: how much is written down.
    """

    label_names: tuple[str, ...]
    encoder: str | None
    tokenizer: TokenizerSpec | None
    detail: Detail


@dataclass
class SplitStatistics:
    """What was counted of a split, or of a part of it.

    Attributes:
        labels: how often labels occur, alone and together.
        rows: number of examples.
        weighted_rows: sum of their weights; None while none has a weight of its own.
        by_feature: statistics of each feature, by name.
        texts: what the texts look like.
        tokens: what the vocabulary makes of each tokenized feature, by name.
        annotators: how far raters agree.
    """

    labels: LabelStatistics
    rows: int = 0
    weighted_rows: Weight | None = None
    by_feature: dict[str, FeatureStatistics] = field(default_factory=dict)
    texts: TextStatistics = field(default_factory=TextStatistics)
    tokens: dict[str, TokenStatistics] = field(default_factory=dict)
    annotators: AnnotatorStatistics = field(default_factory=AnnotatorStatistics)

    def add_all(self, columns: _Columns) -> None:
        """Counts examples, as `decode_columns` returns them; all but their tokens."""
        weights = _weights(columns.get(features.WEIGHT, ()))
        self._add_weights(weights, len(columns[features.TEXT]))
        for name, rows in columns.items():
            self.by_feature.setdefault(name, FeatureStatistics()).add_all(rows, weights)
        self.labels.add_all(columns[features.LABELS])
        self.texts.add_all([text[0].decode() for text in columns[features.TEXT]])
        if features.VOTE_LABELS in columns:
            votes = zip(columns[features.VOTE_LABELS], columns[features.VOTE_COUNTS], strict=True)
            self.annotators.add_all(votes)

    def merge(self, other: "SplitStatistics") -> None:
        """Adds what `other` has counted."""
        for name, statistics in other.by_feature.items():
            self.by_feature.setdefault(name, FeatureStatistics()).merge(statistics)
        if other.weighted_rows is None:
            self._add_weights(None, other.rows)
        else:
            self._add_weights([other.weighted_rows], other.rows)
        for name, tokens in other.tokens.items():
            self.tokens.setdefault(name, TokenStatistics()).merge(tokens)
        self.labels.merge(other.labels)
        self.texts.merge(other.texts)
        self.annotators.merge(other.annotators)

    def to_proto(self, name: str, plan: StatisticsPlan) -> Any:
        """The `DatasetFeatureStatistics` of the split, features by name."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        proto = statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=self.rows)
        weighted = None if self.weighted_rows is None else WeightedStatistics.as_float(self.weighted_rows)
        if weighted is not None:
            proto.weighted_num_examples = weighted
        for feature, statistics in sorted(self.by_feature.items()):
            filled = feature_proto(
                feature, statistics, rows=self.rows, weighted_rows=weighted, detail=plan.detail
            )
            if feature == features.TEXT:
                self._add_lengths(filled, plan.detail.buckets)
            if plan.tokenizer is not None and feature in self.tokens:
                add_token_protos(filled, self.tokens[feature], plan.tokenizer, plan.detail)
            proto.features.append(filled)
        return proto

    def to_json(self, plan: StatisticsPlan) -> dict[str, Any]:
        """The split's entry in `statistics.json`."""
        together, detail, lengths, tokens = self.labels.cooccurrence(), plan.detail, Distribution(), None
        if plan.tokenizer is not None:
            counted = self.tokens.get(features.TEXT, TokenStatistics())
            lengths = counted.lengths
            tokens = tokens_to_json(counted, plan.tokenizer, detail.top_values)
        return {
            "rows": self.rows,
            "label_counts": dict(zip(plan.label_names, together.diagonal().tolist(), strict=True)),
            "cooccurrence": together.tolist(),
            "labels_per_text": {str(size): count for size, count in self.labels.labels_per_text().items()},
            **self.texts.to_json(self.rows, buckets=detail.buckets, top=detail.top_values),
            "length_tokens": None if tokens is None else lengths.extract().to_json(detail.buckets),
            "tokens": tokens,
            "annotators": self.annotators.to_json(plan.label_names),
            "approximations": self._approximations(),
        }

    def _add_weights(self, weights: Sequence[Weight] | None, rows: int) -> None:
        one = exact_weight(1.0)
        if self.weighted_rows is None and weights is not None:
            self.weighted_rows = self.rows * one
        self.rows += rows
        if self.weighted_rows is not None:
            self.weighted_rows += rows * one if weights is None else sum(weights)

    def _add_lengths(self, feature: Any, buckets: int) -> None:
        for title, lengths in (
            ("length_characters", self.texts.characters),
            ("length_words", self.texts.words),
        ):
            feature.custom_stats.add(name=title, histogram=standard_histogram(lengths.extract(), buckets))

    def _approximations(self) -> dict[str, Any]:
        """How far off the figures are that come from sketches, by what was counted; empty while all are exact."""
        tokens = self.tokens.get(features.TEXT, TokenStatistics())
        strings = {name: statistics.strings for name, statistics in sorted(self.by_feature.items())}
        numbers = {name: statistics.numbers.finite for name, statistics in sorted(self.by_feature.items())}
        strings |= {"unknown_words": tokens.unknown_words}
        numbers |= {
            "length_characters": self.texts.characters,
            "length_words": self.texts.words,
            "length_tokens": tokens.lengths,
        }
        return {
            **{name: _string_errors(counts) for name, counts in strings.items() if not counts.is_exact},
            **{
                name: {"quantile_relative_error": ROUNDING_ERROR}
                for name, distribution in numbers.items()
                if not distribution.is_exact
            },
        }


class SplitCounter:
    """Counts the examples of one part of a split, batch by batch."""

    def __init__(self, plan: StatisticsPlan) -> None:
        self._statistics = SplitStatistics(LabelStatistics(plan.label_names))
        self._tokenizer = plan.tokenizer
        self._counters: dict[str, TokenCounter] = {}

    def add_all(self, columns: _Columns) -> None:
        """Counts examples, as `decode_columns` returns them.

        Raises:
            KeyError, IndexError, ValueError: they are none of ExampleGen's.
        """
        self._statistics.add_all(columns)
        if self._tokenizer is None:
            return
        for name in _TOKENIZED:
            texts = [value.decode() for value in chain.from_iterable(columns.get(name, ()))]
            if texts:
                if name not in self._counters:
                    self._counters[name] = TokenCounter(self._tokenizer)
                self._counters[name].add_all(texts)

    def finish(self) -> SplitStatistics:
        """What was counted."""
        self._statistics.tokens = {name: counter.finish() for name, counter in self._counters.items()}
        return self._statistics


def _string_errors(counts: StringCounts) -> dict[str, Any]:
    found = counts.extract(0)
    return {
        "unique": found.unique,
        "unique_95": list(found.unique_bounds),
        "count_max_error": found.max_error,
    }


def _weights(rows: Sequence[Sequence[float]]) -> list[Weight] | None:
    """The weight of each example, 1 for one without; None if all are without."""
    if not any(rows):
        return None
    return [exact_weight(weight[0] if weight else 1.0) for weight in rows]
