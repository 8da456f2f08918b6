"""Does the validator find a shift that was planted, and is it silent where there is none?

Every case runs SchemaGen and ExampleValidator with all checks on: skew between splits and against serving data, drift
against an earlier run, and the comparators that an inferred schema suggests. The rows are GoEmotions' train split, with
a column of three values drawn at random beside them.

    python -m tests.benchmarks.drift [--resamples 100] [--shared-data DIR]

- unshifted: the earlier run, train, validation, test and serving data are disjoint random parts of one set; every
  anomaly is a false alarm.
- planted: test rows are drawn anew so that one label is twice as frequent (labels of 2 % to 10 %) or three times
  (0.5 % to 2 %), everything else following from that; found if the anomaly names the label.
"""

import argparse
import csv
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from components.core.artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema
from components.example_validator import ExampleValidatorConfig, example_validator
from components.schema_gen import SchemaGenConfig, schema_gen
from tests.components.written_statistics import Row, write_statistics

PARTS = {"train": 16_000, "validation": 4_000, "test": 4_000, "serving": 4_000}
SMALL_PARTS = {"train": 1_000, "validation": 120, "test": 120, "serving": 300}
PLANTED_ROWS = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--resamples", type=int, default=100)
    arguments = parser.parse_args()
    labels, rows = read_goemotions(arguments.shared_data / "goemotions")
    for name, parts in (("large", PARTS), ("small", SMALL_PARTS)):
        report_unshifted(name, rows, labels, parts, arguments.resamples)
    report_planted(rows, labels)


def read_goemotions(directory: Path) -> tuple[list[str], list[Row]]:
    """The label list, and the rows of the train split."""
    labels = (directory / "labels.txt").read_text(encoding="utf-8").split()
    draw = random.Random(0)
    with (directory / "train.tsv").open(encoding="utf-8", newline="") as stream:
        rows = [
            {
                "text": [text],
                "labels": [labels[int(number)] for number in ids.split(",")],
                "slice/origin": draw.choices(["web", "app", "mail"], [5, 3, 2]),
            }
            for text, ids, _ in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    return labels, rows


def report_unshifted(
    name: str, rows: Sequence[Row], labels: Sequence[str], parts: Mapping[str, int], resamples: int
) -> None:
    started, alarms, kinds = time.process_time(), 0, set()
    for seed in range(resamples):
        found = validate(rows, labels, parts, seed=seed)
        alarms += bool(found)
        kinds |= {anomaly["type"] for anomaly in found}
    seconds = (time.process_time() - started) / resamples
    sizes = ", ".join(f"{split} {count:,}" for split, count in parts.items())
    print(
        f"unshifted, {name} ({sizes}): {alarms} of {resamples} resamples with an alarm {sorted(kinds) or ''}"
    )
    print(f"  {seconds:.2f} CPU seconds a resample, statistics included")


def report_planted(rows: Sequence[Row], labels: Sequence[str]) -> None:
    for title, low, high, factor in (("doubled", 0.02, 0.10, 2.0), ("tripled", 0.005, 0.02, 3.0)):
        chosen = [label for label in labels if low <= share(rows, label) < high]
        missed = [
            label for seed, label in enumerate(chosen) if not is_found(rows, labels, label, factor, seed=seed)
        ]
        print(
            f"planted, {title}: found {len(chosen) - len(missed)} of {len(chosen)} labels with {low:.1%} to "
            f"{high:.1%} of {PLANTED_ROWS:,} texts {missed or ''}"
        )


def is_found(rows: Sequence[Row], labels: Sequence[str], label: str, factor: float, *, seed: int) -> bool:
    """Whether an anomaly of the test split names the label whose share in it was multiplied."""
    found = validate(rows, labels, PARTS, seed=seed, plant=(label, factor))
    return any(
        anomaly["split"] == "test" and re.search(rf"\b{label} \d", anomaly["message"]) is not None
        for anomaly in found
    )


def validate(
    rows: Sequence[Row],
    labels: Sequence[str],
    parts: Mapping[str, int],
    *,
    seed: int,
    plant: tuple[str, float] | None = None,
) -> list[dict[str, str]]:
    """The anomalies of one random division of the rows, half the size of which the earlier run had."""
    draw = random.Random(seed)
    shuffled = iter(draw.sample(list(rows), sum(parts.values()) * 3 // 2))
    now = {split: list(islice(shuffled, count)) for split, count in parts.items()}
    before = {
        split: list(islice(shuffled, count // 2)) for split, count in parts.items() if split != "serving"
    }
    if plant is not None:
        now["test"] = shift(draw, now["test"], *plant)
    serving = {"serving": now.pop("serving")}
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        earlier = write_statistics(directory / "before", before, labels)
        write_statistics(directory / "serving", serving, labels)
        return run_stages(
            directory,
            write_statistics(directory / "now", now, labels),
            schema_path=curate(directory, earlier),
            previous_statistics=str(earlier.path),
            serving_statistics=str(directory / "serving"),
        )


def run_stages(
    directory: Path, statistics: ExampleStatistics, *, schema_path: str, **settings: str
) -> list[dict[str, str]]:
    schema, anomalies = Schema(directory / "schema"), ExampleAnomalies(directory / "anomalies")
    examples = Examples(directory / "examples")
    for artifact in (schema, anomalies, examples):
        artifact.path.mkdir()
    examples.summary_path.write_text(json.dumps({"splits": {}, "dead_letters": 0}), encoding="utf-8")
    schema_gen(config=SchemaGenConfig(schema_path=schema_path), statistics=statistics, schema=schema)
    # Rare labels of small parts are no alarm here: they are rare.
    config = ExampleValidatorConfig(
        min_label_examples=0, severities={"LABEL_WITHOUT_EXAMPLES": "OFF"}, **settings
    )
    example_validator(
        config=config,
        statistics=statistics,
        schema=schema,
        examples=examples,
        baseline=None,
        anomalies=anomalies,
    )
    return anomalies.anomalies()


def curate(directory: Path, earlier: ExampleStatistics) -> str:
    """The schema of the earlier run, with the comparators switched on that it suggests."""
    inferred = Schema(directory / "inferred")
    inferred.path.mkdir()
    schema_gen(config=SchemaGenConfig(), statistics=earlier, schema=inferred)
    text = inferred.pbtxt_path.read_text(encoding="utf-8")
    curated = directory / "schema.pbtxt"
    curated.write_text(re.sub(r"# (?=(?:drift|skew)_comparator)", "", text), encoding="utf-8")
    return str(curated)


def shift(draw: random.Random, rows: Sequence[Row], label: str, factor: float) -> list[Row]:
    """Rows drawn anew so that the label is `factor` times as frequent."""
    usual = share(rows, label)
    wanted = min(0.95, usual * factor)
    weights = [wanted / usual if label in row["labels"] else (1 - wanted) / (1 - usual) for row in rows]
    return draw.choices(rows, weights, k=PLANTED_ROWS)


def share(rows: Sequence[Row], label: str) -> float:
    return sum(label in row["labels"] for row in rows) / len(rows)


if __name__ == "__main__":
    main()
