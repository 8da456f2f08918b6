"""What each export answers to the probe texts, and how fast."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.infra.probe_texts import ProbeTexts
from serving.description import describe
from serving.predictor import Predictor, encode_texts
from tflite.errors import RefusedModelError
from tflite.guards import Expected, check_behaviour, check_structure
from tflite.heads import Head, decide
from tflite.interpreter import TextClassifier
from tflite.isolation import IsolatedSession
from tflite.metadata import read_metadata
from tflite.model_file import describe as describe_file
from tflite.model_file import map_file
from tflite.session import Session

__all__ = ["Answers", "ask_saved_model", "ask_tflite", "share_of"]

_WARMUP_TEXTS = 5
_TOKENIZED_AT_A_TIME = 1024


@dataclass(frozen=True)
class Answers:
    """One export's answers.

    Attributes:
        heads: what it says its scores are.
        labels: the names it gives, in the order of the scores.
        thresholds: the thresholds it decides by, 0-1.
        scores: float32 [rows, outputs].
        decisions: bool [rows, outputs], the labels it says apply.
        tokens: the token ids and segment ids that it makes of each text.
        latency_ms_p50: median wall time of one text, text to scores, milliseconds.
        size_bytes: of its files.
        unknown_share: share of [UNK] among the token ids, 0-1, for an export with a tokenizer of the host's; else None.
        refusal: why the guards refuse a .tflite file that gives answers, empty if they do not; None for other exports.
    """

    heads: tuple[Head, ...]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    scores: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    tokens: Sequence[tuple[list[int], list[int]]]
    latency_ms_p50: float
    size_bytes: int
    unknown_share: float | None = None
    refusal: str | None = None


def share_of(token_id: int, tokens: Sequence[tuple[list[int], list[int]]]) -> float:
    """Share of one id among those between each text's [CLS] and its last [SEP], 0-1."""
    inner = [index for ids, _ in tokens for index in ids[1:-1]]
    return inner.count(token_id) / max(1, len(inner))


def ask_saved_model(directory: Path, probes: ProbeTexts, *, timed: ProbeTexts) -> Answers:
    """Loads a SavedModel into this process and asks it.

    Args:
        directory: of the SavedModel.
        probes: what is asked, in batches of similar length.
        timed: texts for the latency, one at a time.

    Raises:
        ServingError: it cannot be loaded or cannot answer.
    """
    description = describe(directory)
    predictor = Predictor(directory)
    try:
        predictions = predictor.predict(probes.texts, contexts=probes.contexts)
        return Answers(
            heads=tuple(Head(**vars(head)) for head in description.heads),
            labels=predictions[0].labels,
            thresholds=description.thresholds,
            scores=np.array([prediction.scores for prediction in predictions], np.float32),
            decisions=np.array([prediction.decided for prediction in predictions], bool),
            tokens=_saved_model_tokens(predictor, probes),
            latency_ms_p50=_median_ms(lambda one: predictor.predict(one.texts, contexts=one.contexts), timed),
            size_bytes=sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()),
        )
    finally:
        predictor.close()


def ask_tflite(
    path: Path, probes: ProbeTexts, *, timed: ProbeTexts, expected: Callable[[int], Expected]
) -> Answers:
    """Opens a .tflite file and asks it text by text, as an app does; other arguments as in `ask_saved_model`.

    Args:
        expected: what the guards must find in it, from the number of words of its vocabulary.

    Raises:
        TFLiteError: it cannot be opened, or is no file that could be asked.
    """
    wanted = expected(len(read_metadata(path).tokenizer.vocabulary))
    with map_file(path) as content:
        check_structure(describe_file(content), wanted)
    classifier = TextClassifier(path)
    scores = classifier.scores_of(probes.texts, probes.contexts)
    contexts = probes.contexts or [""] * len(probes)
    tokens = [classifier.encode(text, context) for text, context in zip(probes.texts, contexts, strict=True)]
    latency_ms = _median_ms(lambda one: classifier.scores_of(one.texts, one.contexts), timed)
    return Answers(
        heads=classifier.heads,
        labels=classifier.labels,
        thresholds=classifier.thresholds,
        scores=scores,
        decisions=decide(classifier.heads, scores, classifier.thresholds),
        tokens=tokens,
        latency_ms_p50=latency_ms,
        size_bytes=path.stat().st_size,
        unknown_share=share_of(classifier.metadata.tokenizer.unknown_id, tokens),
        refusal=_refusal(classifier.session, wanted),
    )


def _refusal(session: Session | IsolatedSession, expected: Expected) -> str:
    """Comes last: what it asks may end the session of a file that is refused."""
    try:
        check_behaviour(session, expected)
    except RefusedModelError as err:
        return str(err)
    return ""


def _saved_model_tokens(predictor: Predictor, probes: ProbeTexts) -> list[tuple[list[int], list[int]]]:
    found: list[tuple[list[int], list[int]]] = []
    for start in range(0, len(probes), _TOKENIZED_AT_A_TIME):
        batch = probes.pick(range(start, min(start + _TOKENIZED_AT_A_TIME, len(probes))))
        inputs = {"text": encode_texts(batch.texts)}
        if batch.contexts is not None:
            inputs["context"] = encode_texts(batch.contexts)
        outputs = predictor.run("tokenize", inputs)
        segment_ids = outputs.get("segment_ids", np.zeros_like(outputs["token_ids"]))
        lengths = outputs["padding_mask"].sum(axis=1)
        rows = zip(outputs["token_ids"], segment_ids, lengths, strict=True)
        found += [(ids[:length].tolist(), segments[:length].tolist()) for ids, segments, length in rows]
    return found


def _median_ms(answer: Callable[[ProbeTexts], object], timed: ProbeTexts) -> float:
    rows = [timed.pick([row]) for row in range(len(timed))]
    for one in rows[:_WARMUP_TEXTS]:
        answer(one)
    seconds = []
    for one in rows:
        started = time.perf_counter()
        answer(one)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)
