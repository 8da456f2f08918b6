"""Runs the data stages on small files, for tests of them and of what comes after."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Examples, ExampleStatistics
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.example_gen import ExampleGenConfig, example_gen
from components.statistics_gen import StatisticsGenConfig, statistics_gen

SHARED_DATA = Path(os.environ.get("EMOTION_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"no shared data at {SHARED_DATA}; set EMOTION_SHARED_DATA"
)


def write(path: Path, content: str | bytes) -> str:
    """Writes a file, its directories too, and returns its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def generate(directory: Path, **settings: Any) -> Examples:
    """Runs ExampleGen with these settings into `directory`/examples."""
    examples = Examples(directory / "examples")
    examples.path.mkdir(parents=True)
    example_gen(config=ExampleGenConfig.model_validate(settings), examples=examples)
    return examples


def profile(directory: Path, examples: Examples) -> ExampleStatistics:
    """Runs StatisticsGen into `directory`/statistics."""
    statistics = ExampleStatistics(directory / "statistics")
    statistics.path.mkdir(parents=True)
    statistics_gen(config=StatisticsGenConfig(), examples=examples, statistics=statistics)
    return statistics


def read_split(examples: Examples, split: str) -> list[dict[str, list[Any]]]:
    """The examples of a split in order, bytes as text."""
    return [
        {
            name: [value.decode() if isinstance(value, bytes) else value for value in values]
            for name, values in decode_example(record).items()
        }
        for shard in examples.shards(split)
        for record in read_records(shard)
    ]


def read_all(examples: Examples) -> Mapping[str, dict[str, list[Any]]]:
    """The examples of all splits by id."""
    return {
        example["id"][0]: example for split in examples.splits() for example in read_split(examples, split)
    }
