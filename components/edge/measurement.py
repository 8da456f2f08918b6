"""What a .tflite file is worth: quality on labelled texts against the Keras model's, agreement, time and memory."""

import gzip
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.accumulators.head_totals import ModelTotals
from components.evaluation.head_measurement import measure_totals
from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.classifier import LoadedModel
from tflite.benchmark import benchmark
from tflite.heads import Head
from tflite.interpreter import TextClassifier
from tflite.parity import compare

__all__ = ["Measured", "Reference", "measure_file", "sample_of"]

_FIGURES = {"multi_label": "macro_f1", "single_label": "macro_f1", "ordinal": "macro_f1", "regression": "ccc"}
"""What counts of a head: macro-F1 of decisions, concordance of numbers."""
_TIMED_TOKENS = 64


@dataclass(frozen=True)
class Measured:
    """One file, measured.

    Attributes:
        name: of the variant.
        size_bytes: of the file.
        gzip_bytes: of the file as an app store sends it.
        quality: macro-F1 (of a regression head: concordance), mean of the heads, on the sampled texts.
        drop: by how much it is below the Keras model's on the same texts, of the head that loses most.
        agreement: share of decisions that are the Keras model's, 0-1; None if nothing is decided.
        latency_ms: median of one text of 64 tokens, one thread.
        peak_mb: resident memory at its peak that file and runtime take, 10^6 bytes; None where it cannot be told.
    """

    name: str
    size_bytes: int
    gzip_bytes: int
    quality: float
    drop: float
    agreement: float | None
    latency_ms: float
    peak_mb: float | None


@dataclass(frozen=True)
class Reference:
    """The Keras model's answers.

    Attributes:
        sample: the texts, with what is known of them.
        heads: of the model.
        thresholds: by output.
        scores: float32 [rows, outputs].
        qualities: by head, macro-F1 or concordance.
    """

    sample: LabelledTexts
    heads: tuple[Head, ...]
    thresholds: tuple[float, ...]
    scores: NDArray[np.float32]
    qualities: Mapping[str, float]

    @property
    def quality(self) -> float:
        """The mean of the heads."""
        return _mean(self.qualities)

    @classmethod
    def of(cls, loaded: LoadedModel, sample: LabelledTexts, heads: tuple[Head, ...]) -> "Reference":
        """Asks the model."""
        scores = loaded.scores(sample.texts, contexts=sample.contexts)
        return cls(
            sample, heads, loaded.config.thresholds, scores, _qualities(loaded, scores, sample.targets)
        )


def sample_of(texts: LabelledTexts, rows: int, *, seed: int = 0) -> LabelledTexts:
    """At most so many rows, drawn without replacement and ordered by length, so that a file is rarely resized."""
    chosen = range(len(texts.texts))
    picked = sorted(
        random.Random(seed).sample(chosen, min(rows, len(chosen))), key=lambda row: len(texts.texts[row])
    )
    return LabelledTexts(
        ids=[texts.ids[row] for row in picked],
        texts=[texts.texts[row] for row in picked],
        targets=texts.targets[picked],
        slices={},
        contexts=None if texts.contexts is None else [texts.contexts[row] for row in picked],
    )


def measure_file(name: str, path: Path, loaded: LoadedModel, reference: Reference) -> Measured:
    """Asks a file, as an app would, what the Keras model was asked."""
    sample = reference.sample
    classifier = TextClassifier(path)
    one_segment = classifier.metadata.tokenizer.segments == 1
    scores = classifier.scores_of(sample.texts, None if one_segment else sample.contexts)
    qualities = _qualities(loaded, scores, sample.targets)
    parity = compare(reference.heads, reference.scores, scores, reference.thresholds)
    tokens = min(_TIMED_TOKENS, classifier.metadata.tokenizer.max_tokens)
    speed = benchmark(path, threads=(1,), lengths=(tokens,), rounds=3)
    peak_mb = speed["models"][0]["model_peak_mb"]
    return Measured(
        name=name,
        size_bytes=path.stat().st_size,
        gzip_bytes=len(gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)),
        quality=_mean(qualities),
        drop=max(reference.qualities[head] - value for head, value in qualities.items()),
        agreement=parity.decision_agreement,
        latency_ms=speed["latency"][0]["median_ms"][0],
        peak_mb=peak_mb if math.isfinite(peak_mb) else None,
    )


def _qualities(
    loaded: LoadedModel, scores: NDArray[np.float32], targets: NDArray[np.float32]
) -> dict[str, float]:
    """By head of which the truth is known."""
    config = loaded.config
    totals = ModelTotals(config.heads, config.thresholds)
    totals.add(scores, targets)
    found: dict[str, float] = {}
    start = 0
    for head, own in zip(config.heads, totals.by_head, strict=True):
        thresholds = config.thresholds[start : (start := start + len(head.outputs))]
        if own.rows:
            headline: Mapping[str, Any] = measure_totals(head, thresholds, own).headline()
            figure = headline[_FIGURES[head.task]]
            found[head.name] = float(figure["value"] if isinstance(figure, Mapping) else figure)
    return found


def _mean(qualities: Mapping[str, float]) -> float:
    return float(np.mean(list(qualities.values())))
