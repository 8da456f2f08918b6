"""Statistics written by hand, as StatisticsGen and TFDV write them, for tests of what reads them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.core.artifacts import ExampleStatistics

Row = Mapping[str, Sequence[str]]


def dataset(name: str, rows: Sequence[Row]) -> Any:
    """The `DatasetFeatureStatistics` of rows of strings, of what the rules read."""
    proto = statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=len(rows))
    for feature in sorted({feature for row in rows for feature in row}):
        values = [row.get(feature, ()) for row in rows]
        strings = proto.features.add(name=feature, type="STRING").string_stats
        present = [len(given) for given in values if given]
        strings.common_stats.num_non_missing = len(present)
        strings.common_stats.num_missing = len(rows) - len(present)
        strings.common_stats.min_num_values = min(present, default=0)
        strings.common_stats.max_num_values = max(present, default=0)
        strings.common_stats.tot_num_values = sum(present)
        counts = Counter(value for given in values for value in given)
        strings.unique = len(counts)
        for rank, (value, count) in enumerate(counts.most_common(1000)):
            strings.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=count)
    return proto


def document(rows: Sequence[Row], labels: Sequence[str]) -> dict[str, Any]:
    """The split's entry in `statistics.json`."""
    counts = Counter(label for row in rows for label in row.get("labels", ()))
    lengths = [len(text.split()) for row in rows for text in row["text"]]
    return {
        "rows": len(rows),
        "label_counts": {label: counts[label] for label in labels},
        "labels_per_text": dict(Counter(str(len(row.get("labels", ()))) for row in rows)),
        "length_words": _profile(lengths),
    }


def write_statistics(
    directory: Path, splits: Mapping[str, Sequence[Row]], labels: Sequence[str]
) -> ExampleStatistics:
    """The artifact with the protos of all splits and `statistics.json`."""
    statistics = ExampleStatistics(directory)
    for split, rows in splits.items():
        path = statistics.stats_path(split)
        path.parent.mkdir(parents=True)
        proto = statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset(split, rows)])
        path.write_bytes(proto.SerializeToString(deterministic=True))
    content = {
        "labels": list(labels),
        "splits": {split: document(rows, labels) for split, rows in splits.items()},
    }
    statistics.json_path.write_text(json.dumps(content), encoding="utf-8")
    return statistics


def _profile(lengths: Sequence[int]) -> dict[str, Any]:
    """Buckets of equal whole width from the shortest on, at most 20, as StatisticsGen cuts them."""
    if not lengths:
        return {"min": None, "max": None, "histogram": None}
    low, high = min(lengths), max(lengths)
    width = -(-(high - low + 1) // 20)
    edges = list(range(low, high + width + 1, width))
    counts = [0] * (len(edges) - 1)
    for length, count in Counter(lengths).items():
        counts[(length - low) // width] += count
    return {"min": low, "max": high, "histogram": {"edges": edges, "counts": counts}}
