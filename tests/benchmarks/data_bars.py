"""The bars that the data stages are held to, each measured here and now, in one table.

    python -m tests.benchmarks.data_bars [--only transform leakage …] [--largest] [--shared-data DIR]

Takes about half an hour on two cores; `--largest` adds 4.3 million rows to the sizes. Exit code 1 if a bar is missed.
Each group of bars is also a script of its own beside this one, which tells more.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import data_stages, drift, duplicates, fuzz_sources, transform

ROWS_X_10 = "434k rows"


@dataclass(frozen=True)
class Bar:
    """One figure and what it is held to.

    Attributes:
        name: what was measured.
        value: the figure, as it is shown.
        limit: the bar, as it is shown.
        ok: whether it is met.
    """

    name: str
    value: str
    limit: str
    ok: bool


def at_least(name: str, value: float, limit: float, form: str = "{:,.2f}") -> Bar:
    return Bar(name, form.format(value), ">= " + form.format(limit), value >= limit)


def at_most(name: str, value: float, limit: float, form: str = "{:,.2f}") -> Bar:
    return Bar(name, form.format(value), "<= " + form.format(limit), value <= limit)


def transform_bars(options: argparse.Namespace) -> Iterator[Bar]:
    """The Transform stage against a plain loop around the Hugging Face batch encoder, both in one process."""
    rows = [list(row) for row in data_stages.read_train(options.shared_data / "goemotions" / "train.tsv")]
    peaks = []
    for factor in (1, 10, 100) if options.largest else (1, 10):
        with tempfile.TemporaryDirectory() as scratch:
            transform.write_examples(Path(scratch), rows, factor)
            result = data_stages.run_apart("tests.benchmarks.transform", "--run", scratch, str(factor == 10))
        peaks.append(result["peak_mib"])
        if factor == 10:
            rate = result["rows"] / result["seconds"]
            yield at_least(f"Transform, {ROWS_X_10}: rows/s", rate, 50_000, "{:,.0f}")
            for kind, seconds in (("wall", "seconds"), ("CPU", "cpu_seconds")):
                name = f"Transform against the plain loop, {kind} time: times as fast"
                yield at_least(name, result[f"peer_{seconds}"] / result[seconds], 1.5)
    yield at_most("Transform: peak memory, MiB", max(peaks), 1536, "{:,.0f}")
    yield at_most("Transform: peak memory, largest against smallest size", max(peaks) / peaks[0], 1.25)


def stage_bars(options: argparse.Namespace) -> Iterator[Bar]:
    """Raw CSV to validated, tokenized examples."""
    train = list(data_stages.read_train(options.shared_data / "goemotions" / "train.tsv"))
    before: dict[str, Any] | None = None
    for factor in (1, 10, 100) if options.largest else (1, 10):
        result = data_stages.measure_apart(train, factor)
        if factor == 10:
            yield at_most(f"all data stages, {ROWS_X_10}: seconds", result["seconds"], 60, "{:,.1f}")
        if before is not None:
            growth = result["seconds"] / result["rows"] / (before["seconds"] / before["rows"])
            yield at_most(
                f"all data stages: time a row, {result['rows']:,} against {before['rows']:,}", growth, 1.25
            )
        before = result


def leakage_bars(options: argparse.Namespace) -> Iterator[Bar]:
    """200 near-duplicates planted across splits."""
    for name, texts in duplicates.corpora(options.shared_data):
        scores = [duplicates.measure(texts, leaks=200, seed=seed) for seed in range(options.seeds)]
        yield at_least(f"planted leaks in {name}: least recall", min(score.recall for score in scores), 0.95)
        yield at_least(
            f"planted leaks in {name}: least precision", min(score.precision for score in scores), 0.95
        )


def drift_bars(options: argparse.Namespace) -> Iterator[Bar]:
    """False alarms on resamples, and labels whose prior was multiplied."""
    labels, rows = drift.read_goemotions(options.shared_data / "goemotions")
    for name, parts in (("large", drift.PARTS), ("small", drift.SMALL_PARTS)):
        alarms = sum(
            bool(drift.validate(rows, labels, parts, seed=seed)) for seed in range(options.resamples)
        )
        yield at_most(
            f"unshifted resamples with an alarm, {name} splits, of {options.resamples}",
            alarms,
            options.resamples // 20,
            "{:.0f}",
        )
    shifted = [label for label in labels if 0.02 <= drift.share(rows, label) < 0.10]
    found = sum(drift.is_found(rows, labels, label, 2.0, seed=seed) for seed, label in enumerate(shifted))
    yield at_least("labels whose prior was doubled: found", found, len(shifted), "{:.0f}")


def fuzz_bars(options: argparse.Namespace) -> Iterator[Bar]:
    """Damaged source files of all formats."""
    counts: Counter[str] = Counter()
    for begin in range(0, options.cases, fuzz_sources.BATCH):
        counts += fuzz_sources.run_process(begin, min(fuzz_sources.BATCH, options.cases - begin), 500)
    yield at_most(f"uncaught exceptions in {options.cases:,} fuzzed sources", counts["uncaught"], 0, "{:.0f}")


def broken_input_bars(_: argparse.Namespace) -> Iterator[Bar]:
    """Kinds of broken input, each with its own test."""
    yield from test_bars("kinds of broken input", 60, "tests/components/data/sources/test_broken_inputs.py")


def proof_bars(_: argparse.Namespace) -> Iterator[Bar]:
    """What is shown by tests rather than by a figure."""
    statistics = (
        "test_text_statistics.py",
        "test_token_statistics.py",
        "test_distribution.py",
        "test_facets.py",
    )
    files = [f"tests/components/data/{name}" for name in statistics]
    yield from test_bars("statistics: tests against numpy and in Facets", 1, *files)
    yield from test_bars("token ids equal everywhere: tests", 1, "tests/components/test_equal_ids.py")
    yield from test_bars("failed, lost and doubled bundles: tests", 1, "tests/components/test_beam_faults.py")
    yield from test_bars("kill -9 in every stage: tests", 1, "tests/integration/test_kill.py")
    yield from test_bars("other Beam runners: tests", 1, "tests/integration/test_beam_runners.py")


def test_bars(name: str, least: int, *files: str) -> Iterator[Bar]:
    """How many tests of these files pass, and that none fails or is left out."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    summary = done.stdout.splitlines()[-1]
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error|skipped)", summary)}
    yield at_least(f"{name}, passed", counts.pop("passed", 0), least, "{:.0f}")
    yield at_most(f"{name}, not passed", sum(counts.values()), 0, "{:.0f}")


GROUPS: dict[str, Callable[[argparse.Namespace], Iterator[Bar]]] = {
    "transform": transform_bars,
    "stages": stage_bars,
    "leakage": leakage_bars,
    "drift": drift_bars,
    "broken": broken_input_bars,
    "proofs": proof_bars,
    "fuzz": fuzz_bars,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--largest", action="store_true", help="measure 4.3 million rows, too")
    parser.add_argument("--resamples", type=int, default=100, help="of the drift bars")
    parser.add_argument("--seeds", type=int, default=3, help="of the leakage bars")
    parser.add_argument("--cases", type=int, default=100_000, help="of the fuzzed sources")
    options = parser.parse_args()
    missed = 0
    console = Console(highlight=False)
    for group in options.only:
        for bar in GROUPS[group](options):
            missed += not bar.ok
            verdict = "[green]met[/]" if bar.ok else "[red]MISSED[/]"
            console.print(f"{bar.name:<68} {bar.value:>10}  {bar.limit:<12} {verdict}", soft_wrap=True)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
