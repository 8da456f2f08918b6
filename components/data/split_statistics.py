"""Statistics of the examples of one split: its features, texts and labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.core import features
from components.data.distribution import Distribution
from components.data.feature_statistics import FeatureStatistics, feature_proto, standard_histogram
from components.data.label_statistics import LabelStatistics
from components.data.splits import normalize_text

__all__ = ["Detail", "SplitStatistics"]


@dataclass(frozen=True)
class Detail:
    """How much is written down.

    Attributes:
        top_values: most frequent strings listed per feature.
        ranks: most frequent strings in the rank histogram of a feature.
        buckets: buckets of equal width in a histogram.
    """

    top_values: int
    ranks: int
    buckets: int


@dataclass
class SplitStatistics:
    """Accumulates examples; the same in any order and any division into parts.

    Attributes:
        rows: number of examples.
        by_feature: statistics of each feature, by name.
        labels: how often labels occur, alone and together.
        characters: code points per text.
        words: words per text, divided at white space.
    """

    rows: int = 0
    by_feature: dict[str, FeatureStatistics] = field(default_factory=dict)
    labels: LabelStatistics = field(default_factory=LabelStatistics)
    characters: Distribution = field(default_factory=Distribution)
    words: Distribution = field(default_factory=Distribution)

    def add(self, example: Mapping[str, Sequence[Any]]) -> None:
        """Counts one example, as `decode_example` returns it."""
        self.rows += 1
        for name, values in example.items():
            self.by_feature.setdefault(name, FeatureStatistics()).add(values)
        self.labels.add(tuple(label.decode() for label in example[features.LABELS]))
        text = example[features.TEXT][0].decode()
        self.characters.add(len(text))
        self.words.add(len(text.split()))

    def merge(self, other: "SplitStatistics") -> None:
        """Adds what `other` has counted."""
        self.rows += other.rows
        for name, statistics in other.by_feature.items():
            self.by_feature.setdefault(name, FeatureStatistics()).merge(statistics)
        self.labels.merge(other.labels)
        self.characters.merge(other.characters)
        self.words.merge(other.words)

    def texts(self) -> Counter[str]:
        """Rows by text, texts that differ in case and white space only being one."""
        counts: Counter[str] = Counter()
        if features.TEXT in self.by_feature:
            for text, count in self.by_feature[features.TEXT].values.items():
                counts[normalize_text(text.decode())] += count
        return counts

    def to_proto(self, name: str, detail: Detail) -> Any:
        """The `DatasetFeatureStatistics` of the split, features by name."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        proto = statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=self.rows)
        for feature, statistics in sorted(self.by_feature.items()):
            proto.features.append(
                feature_proto(
                    feature,
                    statistics,
                    rows=self.rows,
                    top_values=detail.top_values,
                    ranks=detail.ranks,
                    buckets=detail.buckets,
                )
            )
            if feature == features.TEXT:
                for title, lengths in (("length_characters", self.characters), ("length_words", self.words)):
                    histogram = standard_histogram(lengths.extract(), detail.buckets, name=title)
                    proto.features[-1].custom_stats.add(name=title, histogram=histogram)
        return proto

    def to_json(self, label_names: Sequence[str], texts: Counter[str], detail: Detail) -> dict[str, Any]:
        """The split's entry in `statistics.json`.

        Args:
            label_names: the label list, by which the co-occurrence matrix is ordered.
            texts: what `texts()` returned.
            detail: how much is written down.
        """
        together = self.labels.cooccurrence(label_names)
        repeated = [count for count in texts.values() if count > 1]
        return {
            "rows": self.rows,
            "label_counts": dict(zip(label_names, together.diagonal().tolist(), strict=True)),
            "cooccurrence": together.tolist(),
            "labels_per_text": {str(size): count for size, count in self.labels.labels_per_text().items()},
            "length_characters": self.characters.extract().to_json(detail.buckets),
            "length_words": self.words.extract().to_json(detail.buckets),
            "duplicates": {"texts": len(repeated), "surplus_rows": sum(repeated) - len(repeated)},
        }
