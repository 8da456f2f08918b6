"""StatisticsGen: what the examples of every split look like."""

from collections.abc import Mapping

from pydantic import Field

from components.core.artifacts import Examples, ExampleStatistics
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import StageError
from components.core.progress import NO_PROGRESS, Progress

__all__ = ["StatisticsGenConfig", "statistics_gen"]


class StatisticsGenConfig(Config):
    """How much is written down."""

    top_values: int = Field(default=20, ge=1)
    """How many of the most frequent strings are listed per feature; 20 as in TFDV."""

    rank_histogram_values: int = Field(default=1000, ge=1)
    """How many of the most frequent strings the rank histogram of a feature holds; 1000 as in TFDV. The values of a
    feature with a domain are checked against it up to this number."""

    histogram_buckets: int = Field(default=20, ge=1, le=1000)
    """Number of buckets of equal width in histograms of lengths and numbers."""


@component()
def statistics_gen(
    *,
    config: StatisticsGenConfig,
    examples: Examples,
    statistics: Output[ExampleStatistics],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Counts features, texts and labels of every split, merges the counts, and writes protos and `statistics.json`.

    Raises:
        StageError: an example was lost on the way, or a shard is corrupt.
    """
    from components.data.dataset_statistics import compute_statistics
    from components.data.split_statistics import Detail

    shards = [(split, shard) for split in examples.splits() for shard in examples.shards(split)]
    progress.update(f"counting {len(shards)} shard{'s' if len(shards) > 1 else ''}")
    detail = Detail(config.top_values, config.rank_histogram_values, config.histogram_buckets)
    compute_statistics(shards, statistics, label_names=examples.labels(), detail=detail)

    document = statistics.document()
    _require_all_rows(examples, {split: counted["rows"] for split, counted in document["splits"].items()})
    shared = sum(overlap["texts"] for overlap in document["overlaps"])
    return {
        "rows": sum(split["rows"] for split in document["splits"].values()),
        "surplus duplicates": sum(
            split["duplicates"]["surplus_rows"] for split in document["splits"].values()
        ),
        "texts in two splits": shared,
    }


def _require_all_rows(examples: Examples, counted: Mapping[str, int]) -> None:
    """Checks that every example was counted once."""
    for split, entry in examples.summary()["splits"].items():
        if counted.get(split) != entry["rows"]:
            raise StageError(
                f"split {split}: {entry['rows']} examples were written but {counted.get(split, 0)} counted; run again"
            )
