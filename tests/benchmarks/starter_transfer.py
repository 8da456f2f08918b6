"""Does a model trained on the starter corpus alone understand other people's texts?

Trains `pipeline/configs/starter.yaml` (or takes the cached model) and scores the GoEmotions test split, which the model
has never seen in any form, with the thresholds that were tuned on the starter corpus.

    python -m tests.benchmarks.starter_transfer [--shared-data DIR]
"""

import argparse
import csv
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import pipeline
from components.core.artifacts import Model
from components.data.presets import label_mapping
from components.evaluation.measurement import Estimate
from components.evaluation.metrics import Counts
from components.modeling.classifier import load_model
from pipeline.console import ConsoleObserver

STARTER = Path(pipeline.__file__).parent / "configs" / "starter.yaml"

Matrix = NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    arguments = parser.parse_args()

    with ConsoleObserver(Console()) as observer:
        result = pipeline.run(STARTER, to="trainer", observer=observer)
    model = result.stages["trainer"].outputs["model"]
    assert isinstance(model, Model)
    loaded = load_model(model)
    labels = loaded.config.labels
    texts, targets = read_goemotions(arguments.shared_data / "goemotions", labels)
    decisions = loaded.scores(texts) >= np.asarray(loaded.config.thresholds, np.float32)

    groups = {**{label: label for label in labels}, **label_mapping("goemotions-ekman")}
    report("28 labels", decisions, targets)
    report("Ekman + neutral", grouped(decisions, labels, groups), grouped(targets, labels, groups))


def report(name: str, decisions: Matrix, targets: Matrix) -> None:
    value, samples = Counts.of(decisions, targets).macro_f1, Counts.resampled(decisions, targets).macro_f1
    macro = Estimate.of(value, samples)
    print(f"GoEmotions test, {name}: macro-F1 {macro.value:.3f} (95 % {macro.low:.3f}-{macro.high:.3f})")


def read_goemotions(directory: Path, labels: tuple[str, ...]) -> tuple[list[str], Matrix]:
    """Texts and targets [rows, labels] of the test split."""
    names = (directory / "labels.txt").read_text(encoding="utf-8").split()
    with (directory / "test.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    targets = np.zeros((len(rows), len(labels)), np.bool_)
    for index, row in enumerate(rows):
        for label_id in row[1].split(","):
            targets[index, labels.index(names[int(label_id)])] = True
    return [row[0] for row in rows], targets


def grouped(marks: Matrix, labels: tuple[str, ...], groups: dict[str, str]) -> Matrix:
    """Marks by group, [rows, groups]: a group applies if one of its labels does."""
    names = sorted(set(groups.values()))
    result = np.zeros((len(marks), len(names)), np.bool_)
    for column, label in enumerate(labels):
        result[:, names.index(groups[label])] |= marks[:, column]
    return result


if __name__ == "__main__":
    main()
