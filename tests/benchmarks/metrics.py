"""What measuring stored predictions takes, against scikit-learn's report and AUROC of the same arrays.

Ours is all that `emotion evaluate` does: it reads the Evaluator's file, runs the Beam pipeline and ends with every
metric of `docs/evaluation.md`. scikit-learn's is `classification_report` and `roc_auc_score` alone, of arrays that are
in memory. Each side has a process of its own; memory is the most that it ever held, interpreter included.

    python -m tests.benchmarks.metrics [--rows 1000000] [--labels 28]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLD = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=28)
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is not None:
        print(json.dumps(SIDES[arguments.side](arguments.directory, arguments.rows, arguments.labels)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        options = ["--rows", str(arguments.rows), "--labels", str(arguments.labels), "--directory", scratch]
        made, ours, theirs = (in_own_process(side, options) for side in ("make", "ours", "sklearn"))
    print(f"{arguments.rows:,} x {arguments.labels} predictions, {made['megabytes']} MB stored")
    for name, side in (("ours", ours), ("scikit-learn", theirs)):
        print(f"{name:<13} {side['wall']:6.1f} s, {side['cpu']:6.1f} s CPU, peak {side['peak_mib']:,} MiB")
    print(f"of ours, without reading and Beam: {ours['accumulating_cpu']:.1f} s CPU")
    for what in ("wall", "cpu"):
        print(f"ratio of {what} time, theirs / ours: {theirs[what] / ours[what]:.2f}")
    for name in ("f1", "auroc"):
        apart = np.abs(np.subtract(ours[name], theirs[name])).max()
        print(f"largest difference of a label's {name}: {apart:.1e}")


def in_own_process(side: str, options: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.metrics", "--side", side, *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def make(directory: Path, rows: int, labels: int) -> dict[str, Any]:
    """Labels as rare as GoEmotions' are, and scores that know something of them."""
    from components.evaluation.labelled_texts import LabelledTexts
    from components.evaluation.predictions import write_predictions
    from components.modeling.heads import Head

    rng = np.random.default_rng(0)
    rates = np.clip(rng.pareto(1.2, labels) * 0.02, 0.003, 0.3).astype(np.float32)
    targets = (rng.random((rows, labels), dtype=np.float32) < rates).astype(np.float32)
    logits = rng.standard_normal((rows, labels), dtype=np.float32) + np.log(rates) + 2.5 * targets
    scores = 1 / (1 + np.exp(-logits))
    texts = LabelledTexts(ids=[f"row-{row}" for row in range(rows)], texts=[], targets=targets, slices={})
    heads = (Head(outputs=tuple(f"label {label}" for label in range(labels))),)
    write_predictions(directory / "predictions.npz", texts, scores, heads, [THRESHOLD] * labels)
    np.save(directory / "scores.npy", scores)
    np.save(directory / "targets.npy", targets.astype(np.uint8))
    return {"megabytes": (directory / "predictions.npz").stat().st_size // 1_000_000}


def measure_ours(directory: Path, rows: int, labels: int) -> dict[str, Any]:
    started, cpu = time.perf_counter(), time.process_time()
    from components.evaluation.stored_predictions import measure_predictions

    path = directory / "predictions.npz"
    (document,) = measure_predictions([path])
    result = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu, **peak()}
    result["f1"] = [row["f1"]["value"] for row in document["labels"]]
    result["auroc"] = [row["auroc"] for row in document["labels"]]
    result["accumulating_cpu"] = accumulate_alone(path)
    return result


def accumulate_alone(path: Path) -> float:
    """CPU seconds of the accumulators, from arrays in memory to the document."""
    from components.evaluation.accumulators.head_totals import ModelTotals
    from components.evaluation.head_measurement import measure_totals
    from components.evaluation.predictions import read_header, read_predictions

    header = read_header(path)
    batches = list(read_predictions(path))
    totals = ModelTotals(header.heads, header.thresholds)
    started = time.process_time()
    for batch in batches:
        totals.add(*batch)
    measured = measure_totals(header.heads[0], header.thresholds, totals.by_head[0])
    measured.headline()
    measured.tables()
    return time.process_time() - started


def measure_sklearn(directory: Path, rows: int, labels: int) -> dict[str, Any]:
    from sklearn.metrics import classification_report, roc_auc_score

    scores, targets = np.load(directory / "scores.npy"), np.load(directory / "targets.npy")
    started, cpu = time.perf_counter(), time.process_time()
    decisions = scores >= np.float32(THRESHOLD)
    report = classification_report(targets, decisions, zero_division=0, output_dict=True)
    auroc = roc_auc_score(targets, scores, average=None)
    result = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu, **peak()}
    result["f1"] = [report[str(label)]["f1-score"] for label in range(labels)]
    result["auroc"] = auroc.tolist()
    return result


def peak() -> dict[str, int]:
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


SIDES = {"make": make, "ours": measure_ours, "sklearn": measure_sklearn}


if __name__ == "__main__":
    main()
