"""Does MediaPipe on the web answer as our interpreter does?

    python -m tests.benchmarks.web_parity models/NAME/tflite/VERSION

Needs `npm install` in tflite/samples/web, node and a Chromium. Opens the sample's page with each .tflite file of the
directory, asks its classifier for the scores of 1,000 GoEmotions test texts and of every string that the cleanings are
held against, and compares with `tflite.interpreter`. Exit code 1 if a decision differs, or a score of a model that
computes in float32 by more than 1e-3. WebAssembly and x86 round quantized activations differently, so that a score near
a threshold may land on its other side: each such decision is printed with both scores.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

from tests.benchmarks.mediapipe_parity import FLOAT_LIMIT, quantizes_activations
from tests.browser import open_browser
from tests.tflite.cleaning_cases import read_cases
from tests.tflite.web_page import served
from tflite.heads import decide
from tflite.interpreter import TextClassifier
from tflite.parity import compare

_BATCH = 50
_SCORES = """async (texts) => {
  const { EmotionClassifier } = await import('/classifier.js');
  const bytes = async () => new Uint8Array(await (await fetch('/model.tflite')).arrayBuffer());
  globalThis.classifier ??= await EmotionClassifier.create(await bytes());
  return JSON.parse(texts).map((text) => Array.from(classifier.scores(text)));
}"""


def web_scores(page: Page, texts: list[str]) -> npt.NDArray[np.float32]:
    """What the page's classifier makes of texts, float32 [texts, outputs]."""
    rows: list[Any] = []
    for start in range(0, len(texts), _BATCH):
        rows += page.evaluate(_SCORES, json.dumps(texts[start : start + _BATCH]))
    return np.asarray(rows, np.float32)


def _goemotions(count: int) -> list[str]:
    data = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    lines = (data / "goemotions" / "test.tsv").read_text(encoding="utf-8").split("\n")
    return [line.split("\t")[0] for line in lines[:count]]


def _nasty_strings() -> list[str]:
    cases = [*read_cases("cleaning.jsonl"), *read_cases("lone_surrogates.jsonl")]
    return list(dict.fromkeys(text for _, text, _ in cases))


def _report(name: str, classifier: TextClassifier, texts: list[str], scores: npt.NDArray[np.float32]) -> bool:
    """Prints one comparison; whether it reaches the bars."""
    expected = classifier.scores_of(texts)
    parity = compare(classifier.heads, expected, scores, classifier.thresholds, worst=5)
    ours, theirs = (decide(classifier.heads, found, classifier.thresholds) for found in (expected, scores))
    differing = np.argwhere(ours != theirs)
    limit = np.inf if quantizes_activations(classifier.path) else FLOAT_LIMIT
    print(
        f"  {name}: {len(texts):,} texts, largest score difference {parity.max_abs_difference:.1e}, "
        f"{len(differing)} of {ours.size:,} decisions differ"
    )
    for row, difference in parity.worst:
        if difference > limit:
            print(f"    differs by {difference:.1e}: {ascii(texts[row])[:100]}")
    for row, column in differing:
        label, threshold = classifier.labels[column], classifier.thresholds[column]
        there, here = scores[row, column], expected[row, column]
        print(
            f"    {label} from {threshold:.4f}: {there:.4f} on the web, {here:.4f} here; {ascii(texts[row])[:60]}"
        )
    return parity.max_abs_difference <= limit and not len(differing)


def main() -> int:
    """Compares each file; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, help="a pushed directory, or one .tflite file")
    parser.add_argument("--texts", type=int, default=1000, help="how many GoEmotions test texts")
    arguments = parser.parse_args()
    files = [arguments.models] if arguments.models.is_file() else sorted(arguments.models.glob("*.tflite"))
    corpora = {"GoEmotions test": _goemotions(arguments.texts), "nasty strings": _nasty_strings()}
    reached = bool(files)
    with open_browser() as browser:
        print(f"Chromium {browser.version}")
        for file in files:
            print(file.name)
            classifier = TextClassifier(file)
            with served(file) as address:
                page = browser.new_page()
                page.goto(address)
                for name, texts in corpora.items():
                    reached &= _report(name, classifier, texts, web_scores(page, texts))
                page.close()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
