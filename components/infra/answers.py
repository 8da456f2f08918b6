"""What each export answers to the probe texts, and how fast."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.description import describe
from serving.predictor import Predictor, encode_texts
from tflite.interpreter import TextClassifier

__all__ = ["Answers", "ask_saved_model", "ask_tflite"]

_WARMUP_TEXTS = 5
_TOKENIZED_AT_A_TIME = 1024


@dataclass(frozen=True)
class Answers:
    """One export's answers.

    Attributes:
        labels: the names it gives, in the order of the scores.
        thresholds: the thresholds it decides by, 0-1.
        scores: float32 [rows, labels], probabilities.
        decisions: bool [rows, labels], the labels it says apply.
        token_ids: the ids that it makes of each text.
        latency_ms_p50: median wall time of one text, text to scores, milliseconds.
        size_bytes: of its files.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    scores: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    token_ids: Sequence[Sequence[int]]
    latency_ms_p50: float
    size_bytes: int


def ask_saved_model(directory: Path, texts: Sequence[str], *, timed: Sequence[str]) -> Answers:
    """Loads a SavedModel into this process and asks it.

    Args:
        directory: of the SavedModel.
        texts: what is asked, in batches of similar length.
        timed: texts for the latency, one at a time.

    Raises:
        ServingError: it cannot be loaded or cannot answer.
    """
    predictor = Predictor(directory)
    try:
        predictions = predictor.predict(texts)
        return Answers(
            labels=predictions[0].labels,
            thresholds=describe(directory).thresholds,
            scores=np.array([prediction.scores for prediction in predictions], np.float32),
            decisions=np.array([prediction.decided for prediction in predictions], bool),
            token_ids=_saved_model_token_ids(predictor, texts),
            latency_ms_p50=_median_ms(lambda text: predictor.predict([text]), timed),
            size_bytes=sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()),
        )
    finally:
        predictor.close()


def ask_tflite(path: Path, texts: Sequence[str], *, timed: Sequence[str]) -> Answers:
    """Opens a .tflite file and asks it text by text, as an app does; arguments as in `ask_saved_model`.

    Raises:
        TFLiteError: it cannot be opened.
    """
    classifier = TextClassifier(path)
    scores = classifier.scores_of(texts)
    return Answers(
        labels=classifier.labels,
        thresholds=classifier.thresholds,
        scores=scores,
        decisions=scores >= np.asarray(classifier.thresholds, np.float32),
        token_ids=[classifier.encode(text) for text in texts],
        latency_ms_p50=_median_ms(classifier.scores, timed),
        size_bytes=path.stat().st_size,
    )


def _saved_model_token_ids(predictor: Predictor, texts: Sequence[str]) -> list[list[int]]:
    found: list[list[int]] = []
    for start in range(0, len(texts), _TOKENIZED_AT_A_TIME):
        batch = encode_texts(texts[start : start + _TOKENIZED_AT_A_TIME])
        outputs = predictor.run("tokenize", {"text": batch})
        lengths = outputs["padding_mask"].sum(axis=1)
        found += [ids[:length].tolist() for ids, length in zip(outputs["token_ids"], lengths, strict=True)]
    return found


def _median_ms(answer: Callable[[str], object], texts: Sequence[str]) -> float:
    for text in texts[:_WARMUP_TEXTS]:
        answer(text)
    seconds = []
    for text in texts:
        started = time.perf_counter()
        answer(text)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)
