"""What calibration and the objectives of thresholds are worth for a trained model of one multi-label head.

Everything is learned from the split `validation` and judged on `test`: the tables of docs/evaluation.md.

    python -m tests.benchmarks.calibration ROOT/trainer/model/19 ROOT/example_gen/examples/1
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.metrics import fbeta_score

from components.core.artifacts import Examples, Model
from components.evaluation.head_rows import HeadRows
from components.evaluation.labelled_texts import read_labelled_texts
from components.evaluation.metrics import Counts
from components.evaluation.platt import sigmoid
from components.evaluation.reliability import measure_reliability
from components.evaluation.thresholds_config import ThresholdsConfig
from components.modeling.calibration import calibrated
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.heads import Head
from components.modeling.training.learned import learn

Split = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Logits float32 [rows, labels] and targets 0 or 1, likewise."""

OBJECTIVES: Sequence[dict[str, Any]] = (
    {},
    {"objective": "f_beta", "beta": 0.5},
    {"objective": "f_beta", "beta": 2.0},
    *({"objective": "precision_floor", "precision": floor} for floor in (0.5, 0.6, 0.7, 0.8)),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("examples", type=Path)
    options = parser.parse_args()
    head, splits = score(options.model, options.examples)
    calibration(head, *splits)
    thresholds(head, *splits)


def score(model: Path, examples: Path) -> tuple[Head, tuple[Split, Split]]:
    """The head of a model, and its logits on the splits validation and test."""
    from components.modeling.classifier import load_model
    from components.modeling.scorer import Scorer
    from components.modeling.tokenization import token_rows

    loaded = load_model(Model(model))
    scorer = Scorer(loaded.network, loaded.config.heads)
    splits = []
    for split in ("validation", "test"):
        texts = read_labelled_texts(Examples(examples), split, loaded.config.heads)
        rows = token_rows(loaded.in_graph_tokenizer, texts.texts)
        splits.append((scorer.logits(rows, batch_size=64), texts.targets))
    return loaded.config.heads[0], (splits[0], splits[1])


def answers(head: Head, tuning: Split, unseen: Split, method: str, **objective: Any) -> tuple[HeadRows, Any]:
    """What a model that learned from one split answers on the other."""
    learned = learn(
        [head],
        *tuning,
        calibration=CalibrationConfig.model_validate({"method": method}),
        thresholds=ThresholdsConfig(**objective),
    )
    logits, targets = unseen
    scores = sigmoid(calibrated([head], learned.calibration, logits)).astype(np.float32)
    decisions = scores >= learned.thresholds
    rows = HeadRows(head, np.arange(len(scores)), scores, decisions, targets, learned.thresholds.tolist())
    return rows, learned.calibration


def calibration(head: Head, tuning: Split, unseen: Split) -> None:
    print("| `method` | ECE | ECE of a label, mean | Brier score | macro-F1 |\n|---|---|---|---|---|")
    for method in ("none", "temperature", "platt"):
        rows, learned = answers(head, tuning, unseen, method)
        found = measure_reliability(rows, learned, bins=10, resamples=1000, seed=0)["calibration"]
        ece, brier = (
            f"{found[name]['value']:.5f} ({found[name]['low']:.5f} to {found[name]['high']:.5f})"
            for name in ("ece", "brier")
        )
        of_labels = np.mean([row["ece"] for row in found["labels"]])
        macro_f1 = Counts.of(rows.decisions, rows.targets).macro_f1
        print(f"| `{method}` | {ece} | {of_labels:.5f} | {brier} | {macro_f1:.4f} |")


def thresholds(head: Head, tuning: Split, unseen: Split) -> None:
    print(
        "\n| objective | F0.5 | F1 | F2 | macro precision | macro recall | labels given | under the floor |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for objective in OBJECTIVES:
        rows, _ = answers(head, tuning, unseen, "platt", **objective)
        f = " | ".join(
            f"{fbeta_score(rows.targets, rows.decisions, beta=beta, average='macro', zero_division=0.0):.3f}"
            for beta in (0.5, 1, 2)
        )
        counts = Counts.of(rows.decisions, rows.targets)
        given = counts.predicted > 0
        below = ""
        if (floor := objective.get("precision")) is not None:
            chance = binom.cdf(counts.true_positives[given], counts.predicted[given], floor)
            below = f"{(counts.precision[given] < floor).sum()}, beyond chance {(chance < 0.05).sum()}"
        name = ", ".join(map(str, objective.values())) or "f1"
        print(
            f"| `{name}` | {f} | {counts.precision[given].mean():.3f} | {counts.recall.mean():.3f} | "
            f"{given.sum()} | {below} |"
        )


if __name__ == "__main__":
    main()
