"""From raw CSV to validated, tokenized examples: seconds, rows a second and peak memory of all data stages.

Writes GoEmotions' train split (43,410 rows) as one CSV file, as many times over as `--factors` says, and runs
ExampleGen, StatisticsGen, SchemaGen, ExampleValidator and Transform on it, each size in a process of its own.

    python -m tests.benchmarks.data_stages [--factors 1 10 100] [--distinct] [--shared-data DIR]

With `--distinct`, no text occurs twice: the rows after the first copy are made of halves of two texts, which is harder
on the search for duplicates than copies are.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipeline
from pipeline.config import parse_config


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--distinct", action="store_true", help="no text occurs twice")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run is not None:
        print(json.dumps(measure(arguments.run)))
        return
    train = list(read_train(arguments.shared_data / "goemotions" / "train.tsv"))
    first: dict[str, Any] | None = None
    for factor in arguments.factors:
        result = measure_apart(train, factor, distinct=arguments.distinct)
        first = first or result
        report(result, first)


def measure_apart(train: list[tuple[str, str]], factor: int, *, distinct: bool = False) -> dict[str, Any]:
    """Runs the data stages on `factor` copies of the rows, in a process of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        write_csv(Path(scratch) / "texts.csv", train, factor, distinct=distinct)
        return run_apart("tests.benchmarks.data_stages", "--run", scratch)


def run_apart(module: str, *arguments: str) -> dict[str, Any]:
    """What a script prints last, as JSON; the libraries' chatter is shown only if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def read_train(path: Path) -> Iterator[tuple[str, str]]:
    """Text and label ids of every row."""
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row[0], row[1]


def write_csv(path: Path, train: list[tuple[str, str]], factor: int, *, distinct: bool) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "labels"))
        for copy in range(factor):
            for number, (text, labels) in enumerate(train):
                if distinct and copy:
                    text = join_halves(text, train[(number + 7919 * copy) % len(train)][0])
                writer.writerow((text, labels))


def join_halves(first: str, second: str) -> str:
    """The first half of one text and the second half of another."""
    head, tail = first.split(), second.split()
    return " ".join([*head[: len(head) // 2 + 1], *tail[len(tail) // 2 :]])


def measure(directory: Path) -> dict[str, Any]:
    """Runs the data stages on `texts.csv` in the directory."""
    started = time.perf_counter()
    config = parse_config(
        {
            "name": "data-stages",
            "root": "root",
            "example_gen": {"source": "texts.csv", "preset": None},
            "transform": {"encoder": "minilm"},
        },
        base=directory,
    )
    config = config.model_copy(update={"root": str(directory / "root")})
    result = pipeline.run(config, to="transform")
    assert str(result.state) == "COMPLETE", result.refusals
    rows = sum(
        int(value or 0) for name, value in result.stages["statistics_gen"].summary.items() if name == "rows"
    )
    return {
        "rows": rows,
        "seconds": time.perf_counter() - started,
        "peak_mib": max(stage.peak_memory_mib for stage in result.stages.values()),
        "stages": {name: stage.seconds for name, stage in result.stages.items()},
    }


def report(result: dict[str, Any], first: dict[str, Any]) -> None:
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["stages"].items())
    per_row = result["seconds"] / result["rows"]
    growth = per_row / (first["seconds"] / first["rows"])
    print(
        f"{result['rows']:>9,} rows  {result['seconds']:6.1f} s  {result['rows'] / result['seconds']:>7,.0f} rows/s  "
        f"peak {result['peak_mib']:,.0f} MiB  time a row {growth:.2f} x the first size's  ({stages})",
        flush=True,
    )


if __name__ == "__main__":
    main()
