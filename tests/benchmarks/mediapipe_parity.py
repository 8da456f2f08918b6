"""Holds MediaPipe's TextClassifier against our interpreter: same labels, same scores, same decisions, text by text.

    python -m tests.benchmarks.mediapipe_parity MODEL.tflite... --python PYTHON [--python PYTHON] [--rows 1000]

PYTHON is the interpreter of an environment with `mediapipe`; each is asked in a process of its own. The texts are the
first rows of GoEmotions' test split and the nasty strings, cleaned as an app has to. Every model is asked twice: as it
is, where MediaPipe shows the labels that reach their thresholds, and with metadata that show all scores. Exit code 1 if
a decision differs, or a score of a model that computes in float32 by more than 1e-3. Each decision that differs is
printed with both scores: one that is far from its threshold is a fault, one beside it is the rounding of two releases.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from components.infra.probe_texts import HARD_TEXTS
from tflite.heads import decide
from tflite.interpreter import TextClassifier
from tflite.metadata import attach_metadata
from tflite.text import clean_text

NASTY = Path(__file__).parents[2] / "tflite" / "samples" / "shared" / "cleaning.jsonl"
"""[rules, text, cleaned text] a line, behind a line of the rules; those of the hard texts alone if it is not there."""
SHARED_DATA = Path(os.environ.get("EMOTION_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
FLOAT_LIMIT = 1e-3
"""Largest difference of a score of a model whose activations are not quantized."""

ASK = """
import json, sys
from importlib.metadata import version
from mediapipe.tasks.python import text
from mediapipe.tasks.python.core.base_options import BaseOptions
texts = json.load(sys.stdin)
answers = []
for path in sys.argv[1:]:
    options = text.TextClassifierOptions(base_options=BaseOptions(model_asset_path=path))
    with text.TextClassifier.create_from_options(options) as classifier:
        found = [classifier.classify(one).classifications[0].categories for one in texts]
    answers.append([{one.category_name: one.score for one in categories} for categories in found])
print(json.dumps({"version": version("mediapipe"), "answers": answers}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--nasty", type=Path, help="file of the samples' form; theirs if not given")
    arguments = parser.parse_args()
    real, nasty = goemotions(arguments.rows), nasty_texts(arguments.nasty)
    results = [compare(model, arguments.python, real, nasty) for model in arguments.models]
    sys.exit(not all(results))


def goemotions(rows: int) -> list[str]:
    lines = (SHARED_DATA / "goemotions" / "test.tsv").read_text(encoding="utf-8").split("\n")
    return [line.split("\t")[0] for line in lines[:rows]]


def nasty_texts(path: Path | None) -> list[str]:
    path = path or NASTY
    if not path.is_file():
        return list(HARD_TEXTS)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[1:] if line]
    return list(dict.fromkeys(row[1] for row in rows))


def compare(model: Path, pythons: Sequence[str], real: Sequence[str], nasty: Sequence[str]) -> bool:
    """Whether every MediaPipe answers as we do."""
    ours = TextClassifier(model)
    texts = [*real, *nasty]
    scores = ours.scores_of(texts)
    decided = decide(ours.heads, scores, ours.thresholds)
    cleaned = [clean_text(text, ours.metadata.tokenizer.rules) for text in texts]
    limit = np.inf if quantizes_activations(model) else FLOAT_LIMIT
    passed = True
    with tempfile.TemporaryDirectory() as scratch:
        all_scores = Path(scratch) / "all.tflite"
        shows_all = replace(ours.metadata, suppress_undecided=False)
        all_scores.write_bytes(attach_metadata(model.read_bytes(), shows_all))
        for python in pythons:
            answer = asked(python, [all_scores, model], cleaned)
            theirs = matrix(answer["answers"][0], ours.labels)
            shown = np.array([[label in one for label in ours.labels] for one in answer["answers"][1]])
            for what, rows in (("GoEmotions", slice(0, len(real))), ("nasty", slice(len(real), None))):
                difference = np.abs(theirs[rows] - scores[rows]).max()
                other = np.argwhere(shown[rows] != decided[rows])
                agreed = difference <= limit and not len(other)
                print(
                    f"{model.name}, MediaPipe {answer['version']}, {len(texts[rows]):,} {what} texts: largest score "
                    f"difference {difference:.1e}, {len(other)} of {decided[rows].size:,} decisions differ: "
                    f"{'ok' if agreed else 'NOT OK'}",
                    flush=True,
                )
                for row, column in other:
                    there, here = theirs[rows][row, column], scores[rows][row, column]
                    print(
                        f"    {ours.labels[column]} from {ours.thresholds[column]:.4f}: {there:.4f} there, {here:.4f} "
                        f"here; {texts[rows][row][:60]!a}"
                    )
                passed &= agreed
    return bool(passed)


def quantizes_activations(model: Path) -> bool:
    return not any(name in model.name for name in ("float32", "float16", "int8_weights"))


def asked(python: str, models: Sequence[Path], texts: Sequence[str]) -> dict:
    done = subprocess.run(
        [python, "-c", ASK, *map(str, models)],
        input=json.dumps(texts).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return json.loads(done.stdout.decode().splitlines()[-1])


def matrix(answers: Sequence[Mapping[str, float]], labels: Sequence[str]) -> np.ndarray:
    """float64 [rows, labels]; what is not shown is infinitely far."""
    return np.array([[one.get(label, np.inf) for label in labels] for one in answers])


if __name__ == "__main__":
    main()
