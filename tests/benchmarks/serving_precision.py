"""What float32, bfloat16 and int8 weights cost a server, side by side.

Exports a trained model in each precision and prints size, memory, speed and how its answers differ; `--mixed_precision`
and the int8 .tflite file stand beside it. Speed is that of one process whose models take turns, batch by batch, so that
whatever else the machine does slows all of them, and of each batch the fastest round counts. The texts are those of
GoEmotions' test split, in batches of 32 that are sorted by length, and one by one. Macro-F1 is printed if the model has
GoEmotions' labels.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.serving_precision MODEL [--texts 1000] [--rounds 3]

`MODEL` is a Model artifact: `runs/NAME/trainer/model/N`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PRECISIONS = ("float32", "bfloat16", "int8")
MIXED = "float32, --mixed_precision"
TFLITE = "int8 .tflite, 1 thread"

_BATCH = 32
_ALONE = 30

_RESIDENT = """
import sys
from pathlib import Path
from serving.engine import LoadOptions
from serving.warmup import load_warm

predictor = load_warm(Path(sys.argv[1]), LoadOptions(), iterations=1) if sys.argv[1] else None
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""

Answer = Callable[[Sequence[str]], tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""From texts to scores and decisions, each [texts, outputs]."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("model", type=Path)
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    texts, targets = read_rows(arguments.shared_data, arguments.texts)
    with tempfile.TemporaryDirectory() as scratch:
        exports = export(arguments.model, Path(scratch))
        answers = load(exports)
        seconds, scores, decided, alone_ms = measure(answers, texts, arguments.rounds)
        bare = resident_mb(None)
        print(
            f"{'':<28}{'files MB':>9}{'RSS MB':>8}{'texts/s':>9}{'ratio':>7}{'one ms':>8}{'ratio':>7}"
            f"{'farthest':>10}{'RMS':>9}{'agree %':>9}{'macro-F1':>9}"
        )
        reference = PRECISIONS[0]
        for name in answers:
            difference = np.abs(scores[name] - scores[reference])
            directory = exports.get(name)
            memory = (
                f"{resident_mb(directory) - bare:8.0f}" if directory and directory.is_dir() else f"{'':8}"
            )
            files = f"{size_mb(directory):9.1f}" if directory else f"{'':9}"
            print(
                f"{name:<28}{files}{memory}{len(texts) / seconds[name]:9.1f}"
                f"{seconds[reference] / seconds[name]:7.2f}{alone_ms[name]:8.2f}"
                f"{alone_ms[name] / alone_ms[reference]:7.2f}{difference.max():10.4f}"
                f"{np.sqrt(np.square(difference).mean()):9.5f}"
                f"{(decided[name] == decided[reference]).mean() * 100:9.3f}{macro_f1(decided[name], targets):9.4f}",
                flush=True,
            )
        print(f"RSS is beyond the {bare:.0f} MB of the server's code without a model")


def read_rows(shared_data: Path, count: int) -> tuple[list[str], NDArray[np.bool_]]:
    """The first texts, and their labels, bool [texts, 28]."""
    lines = (shared_data / "goemotions" / "test.tsv").read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t") for line in lines if line][:count]
    targets = np.zeros((len(rows), 28), bool)
    for number, row in enumerate(rows):
        targets[number, [int(label) for label in row[1].split(",")]] = True
    return [row[0] for row in rows], targets


def export(model: Path, scratch: Path) -> dict[str, Path]:
    """By name, the directory of a SavedModel or a .tflite file."""
    from components.core.artifacts import Model, SavedModelExport, TFLiteExport
    from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
    from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter

    found = {}
    for precision in PRECISIONS:
        made = SavedModelExport(scratch / precision)
        made.path.mkdir()
        config = SavedModelExporterConfig.model_validate({"precision": precision})
        saved_model_exporter(config=config, model=Model(model), export=made)
        found[precision] = made.saved_model_dir
    tflite = TFLiteExport(scratch / "tflite")
    tflite.path.mkdir()
    tflite_exporter(config=TFLiteExporterConfig(variants=("int8",)), model=Model(model), export=tflite)
    return {**found, TFLITE: tflite.model_path("int8")}


def load(exports: Mapping[str, Path]) -> dict[str, Answer]:
    from serving.config import ServerConfig
    from serving.engine import LoadOptions
    from serving.metrics import Metrics
    from serving.predictor import Predictor
    from serving.setup import load_options
    from tflite.heads import decide
    from tflite.interpreter import TextClassifier

    def of_saved_model(directory: Path, options: LoadOptions) -> Answer:
        predictor = Predictor(directory, options)

        def answer(texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
            found = predictor.predict(texts, batch_size=_BATCH)
            return np.array([one.scores for one in found], np.float32), np.array(
                [one.decided for one in found]
            )

        return answer

    classifier = TextClassifier(exports[TFLITE])

    def of_tflite(texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        scores = classifier.scores_of(texts)
        return scores, decide(classifier.heads, scores, classifier.thresholds)

    mixed = load_options(ServerConfig(mixed_precision="bfloat16"), Metrics())
    found = {precision: of_saved_model(exports[precision], LoadOptions()) for precision in PRECISIONS}
    return {**found, MIXED: of_saved_model(exports["float32"], mixed), TFLITE: of_tflite}


def measure(
    answers: Mapping[str, Answer], texts: Sequence[str], rounds: int
) -> tuple[dict[str, float], dict[str, NDArray[np.float32]], dict[str, NDArray[np.bool_]], dict[str, float]]:
    """Seconds for all texts; scores and decisions; the median of a text alone in milliseconds.

    Of each batch and each text the fastest round counts: the one that other programs disturbed least.
    """
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    batches = [order[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    batches += [[row] for row in range(_ALONE)]
    together = len(batches) - _ALONE
    fastest = {name: np.full(len(batches), np.inf) for name in answers}
    scores: dict[str, NDArray[np.float32]] = {}
    decided: dict[str, NDArray[np.bool_]] = {}
    for number in range(rounds + 1):
        for position, batch in enumerate(batches):
            for name, answer in answers.items():
                started = time.perf_counter()
                found = answer([texts[row] for row in batch])
                seconds = time.perf_counter() - started
                if number == 0:
                    # Not timed: what a first call of a length sets up.
                    of_batch = scores.setdefault(name, np.zeros((len(texts), found[0].shape[1]), np.float32))
                    of_batch[batch] = found[0]
                    decided.setdefault(name, np.zeros(of_batch.shape, bool))[batch] = found[1]
                else:
                    fastest[name][position] = min(fastest[name][position], seconds)
    alone_ms = {name: float(np.median(times[together:])) * 1e3 for name, times in fastest.items()}
    return {name: float(times[:together].sum()) for name, times in fastest.items()}, scores, decided, alone_ms


def macro_f1(decided: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """NaN for a model of other labels; GoEmotions' are in one order everywhere here."""
    if decided.shape != targets.shape:
        return float("nan")
    both = 2 * (decided & targets).sum(axis=0)
    return float(np.mean(both / np.maximum(1, decided.sum(axis=0) + targets.sum(axis=0))))


def resident_mb(directory: Path | None) -> float:
    """Resident memory of a process of its own that has loaded the model and answered its warm-up requests."""
    command = [sys.executable, "-c", _RESIDENT, str(directory or "")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return float(json.loads(done.stdout)) / 1024


def size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
