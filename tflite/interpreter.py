"""Classifies text with a .tflite file as an app would; needs the LiteRT runtime, not TensorFlow."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tflite.host_tokenizer import HostTokenizer
from tflite.metadata import ModelMetadata, read_metadata
from tflite.session import Session

__all__ = ["LabelScore", "TextClassifier"]


@dataclass(frozen=True)
class LabelScore:
    """One label of one text.

    Attributes:
        label: its name.
        score: probability, 0-1.
        decided: whether the label applies: its score is at or over its threshold.
    """

    label: str
    score: float
    decided: bool


class TextClassifier:
    """A .tflite file with everything that it says of itself: labels, thresholds, vocabulary, cleaning rules.

    One instance is for one thread at a time, as the interpreter under it is.
    """

    def __init__(self, path: Path | str, *, num_threads: int = 1) -> None:
        """Opens the file.

        Args:
            path: a file that `tflite.metadata.attach_metadata` completed.
            num_threads: threads of one inference; 1 is what a phone should spend on a text.

        Raises:
            ModelFileError: there is no such file, or the runtime cannot load it.
            MetadataError: it lacks metadata, or they are damaged.
        """
        self.path = Path(path)
        self.metadata: ModelMetadata = read_metadata(self.path)
        self._tokenizer = HostTokenizer(self.metadata.tokenizer)
        self._thresholds = np.asarray(self.metadata.thresholds, np.float32)
        self._session = Session(self.path, num_threads=num_threads)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.metadata.labels

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which a label applies, in the order of the labels."""
        return self.metadata.thresholds

    def encode(self, text: str) -> list[int]:
        """Token ids of the cleaned text, [CLS] first and [SEP] last, at most `max_tokens`."""
        return self._tokenizer.encode(text)

    def scores(self, text: str) -> npt.NDArray[np.float32]:
        """Probability of each label, float32 [labels]."""
        return self._session.run(self.encode(text))

    def scores_of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Probabilities of many texts, float32 [rows, labels]."""
        rows = [self.scores(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, len(self.labels)), np.float32)

    def classify(self, texts: Sequence[str]) -> list[tuple[LabelScore, ...]]:
        """All labels of each text, the highest score first; `decided` says which apply."""
        return [self._ranked(self.scores(text)) for text in texts]

    def median_latency_ms(self, *, tokens: int = 64, repeats: int = 50) -> float:
        """Median time of one inference, in milliseconds, at a fixed length and without tokenization.

        Args:
            tokens: length, [CLS] and [SEP] included; more than `max_tokens` is cut by the graph.
            repeats: inferences timed, after two that warm up; at least 1.
        """
        spec = self.metadata.tokenizer
        inner = np.random.default_rng(0).integers(0, len(spec.vocabulary), max(0, tokens - 2))
        ids = [spec.start_id, *inner.tolist(), spec.end_id]
        times = []
        for _ in range(repeats + 2):
            started = time.perf_counter()
            self._session.run(ids)
            times.append(time.perf_counter() - started)
        return 1000.0 * statistics.median(times[2:])

    def _ranked(self, scores: npt.NDArray[np.float32]) -> tuple[LabelScore, ...]:
        order = np.argsort(-scores, kind="stable")
        decided = scores >= self._thresholds
        return tuple(LabelScore(self.labels[i], float(scores[i]), bool(decided[i])) for i in order)
