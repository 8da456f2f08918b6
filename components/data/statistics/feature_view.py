"""What the statistics of one feature say, whichever of tensorflow-metadata's messages says it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["FeatureView"]


@dataclass(frozen=True)
class FeatureView:
    """Reads a `FeatureNameStatistics`.

    Attributes:
        statistics: the proto.
    """

    statistics: Any

    @property
    def name(self) -> str:
        """The feature's name; the last step of its path if it has one."""
        steps = self.statistics.path.step
        return str(steps[-1] if steps else self.statistics.name)

    @property
    def common(self) -> Any:
        """`CommonStatistics`, empty if there are none."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        kind = self.statistics.WhichOneof("stats")
        return getattr(self.statistics, kind).common_stats if kind else statistics_pb2.CommonStatistics()

    @property
    def type(self) -> int:
        """The `FeatureType` of a schema that these statistics speak of."""
        from tensorflow_metadata.proto.v0 import schema_pb2

        names = {
            self.statistics.INT: schema_pb2.INT,
            self.statistics.FLOAT: schema_pb2.FLOAT,
            self.statistics.STRUCT: schema_pb2.STRUCT,
        }
        return int(names.get(self.statistics.type, schema_pb2.BYTES))

    @property
    def has_strings(self) -> bool:
        """Whether values were counted as strings."""
        return bool(self.statistics.WhichOneof("stats") == "string_stats")

    @property
    def numbers(self) -> Any | None:
        """`NumericStatistics` of a feature of numbers, else None."""
        return self.statistics.num_stats if self.statistics.WhichOneof("stats") == "num_stats" else None

    @property
    def unique(self) -> int | None:
        """How many different values there are; None if they were not counted, as those of numbers are not."""
        return int(self.statistics.string_stats.unique) if self.has_strings else None

    @cached_property
    def counts(self) -> dict[str, float]:
        """How often each string occurred, the most frequent ones; empty for numbers."""
        if not self.has_strings:
            return {}
        strings = self.statistics.string_stats
        if strings.rank_histogram.buckets:
            return {bucket.label: bucket.sample_count for bucket in strings.rank_histogram.buckets}
        return {top.value: top.frequency for top in strings.top_values}

    @property
    def language(self) -> Any | None:
        """`NaturalLanguageStatistics`, which TFDV packs into a custom statistic; None if there are none."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        for custom in self.statistics.custom_stats:
            if custom.WhichOneof("val") == "any":
                found = statistics_pb2.NaturalLanguageStatistics()
                if custom.any.Unpack(found):
                    return found
        return None

    def custom_number(self, name: str) -> float:
        """A custom statistic that is a number; 0 if it is not there."""
        return next((custom.num for custom in self.statistics.custom_stats if custom.name == name), 0.0)

    def custom_histogram(self, name: str) -> Any | None:
        """A custom statistic that is a histogram; None if it is not there."""
        for custom in self.statistics.custom_stats:
            if custom.name == name and custom.WhichOneof("val") == "histogram":
                return custom.histogram
        return None
