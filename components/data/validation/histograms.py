"""How far two histograms are apart, whatever their buckets; plain functions of edges and counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from serving.distances import jensen_shannon_divergence

__all__ = ["Histogram", "histogram_divergence", "kolmogorov_smirnov_distance", "kolmogorov_smirnov_test"]


@dataclass(frozen=True)
class Histogram:
    """Counts of numbers between edges.

    Attributes:
        edges: [n + 1], ascending.
        counts: [n], how many numbers are from one edge up to the next.
    """

    edges: Sequence[float]
    counts: Sequence[float]

    @classmethod
    def from_proto(cls, proto: Any) -> "Histogram":
        """Of a tensorflow-metadata `Histogram`; buckets without width or with an infinite end are left out."""
        edges: list[float] = []
        counts: list[float] = []
        for bucket in proto.buckets:
            low, high = bucket.low_value, bucket.high_value
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                continue
            if not edges:
                edges.append(low)
            elif low > edges[-1]:
                edges.append(low)
                counts.append(0.0)
            edges.append(high)
            counts.append(bucket.sample_count)
        return cls(edges, counts)

    @property
    def total(self) -> float:
        """How many numbers there are."""
        return sum(self.counts)

    def share_below(self, value: float) -> tuple[float, float]:
        """The least and the largest share (0-1) of numbers that can be below `value`; one number at an edge."""
        below = 0.0
        for low, high, count in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if high <= value:
                below += count
            elif low < value:
                return below / self.total, (below + count) / self.total
        return below / self.total, below / self.total

    def share_between(self, low: float, high: float) -> float:
        """The share (0-1) of numbers between two values that no edge divides, buckets being filled evenly."""
        for left, right, count in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if left <= low and high <= right:
                return count / self.total * (high - low) / (right - left)
        return 0.0


def kolmogorov_smirnov_distance(first: Histogram, second: Histogram) -> float:
    """The largest distance (0-1) of the two cumulative distributions that is certain, wherever in their buckets the
    numbers are; 0 if a histogram is empty.

    With equal edges it is the distance at the edges. With others, an edge inside a bucket of the other histogram counts
    only as far as the other's share lies apart for sure, so that buckets alone never make a difference.
    """
    if not first.total or not second.total:
        return 0.0
    distance = 0.0
    for edge in (*first.edges, *second.edges):
        (low, high), (other_low, other_high) = first.share_below(edge), second.share_below(edge)
        distance = max(distance, low - other_high, other_low - high)
    return distance


def kolmogorov_smirnov_test(distance: float, first_total: float, second_total: float) -> float:
    """p-value of two samples at this distance being drawn from one distribution, by Kolmogorov's limit distribution:
    2 sum (-1)^(k-1) exp(-2 k^2 n m / (n + m) D^2) (Smirnov 1948).

    For numbers that repeat, such as lengths, it is too large rather than too small (Noether 1963).
    """
    if not first_total or not second_total:
        return 1.0
    squared = distance**2 * first_total * second_total / (first_total + second_total)
    if squared < 0.04:  # the sum converges slowly where the result is 1 to nine digits
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * squared) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def histogram_divergence(first: Any, second: Any) -> float:
    """Jensen-Shannon divergence to base 2 of two tensorflow-metadata `Histogram`s; NaN if one is empty.

    As TFDV does it: both are cut at the edges of either, numbers being spread evenly in a bucket; a bucket without
    width is a value of its own; NaN and buckets with an infinite end are nothing that two histograms have in common.
    """
    wide = (Histogram.from_proto(first), Histogram.from_proto(second))
    edges = sorted({*wide[0].edges, *wide[1].edges})
    counted: list[dict[str, float]] = []
    for side, (proto, histogram) in enumerate(zip((first, second), wide, strict=True)):
        counts = {
            f"{low!r} to {high!r}": histogram.share_between(low, high) * histogram.total
            for low, high in pairwise(edges)
            if histogram.total
        }
        for bucket in proto.buckets:
            if not math.isfinite(bucket.low_value) or not math.isfinite(bucket.high_value):
                counts[f"infinite {side}"] = counts.get(f"infinite {side}", 0.0) + bucket.sample_count
            elif bucket.low_value == bucket.high_value:
                point = repr(bucket.low_value)
                counts[point] = counts.get(point, 0.0) + bucket.sample_count
        if proto.num_nan:
            counts[f"NaN {side}"] = float(proto.num_nan)
        counted.append(counts)
    return jensen_shannon_divergence(*counted)
