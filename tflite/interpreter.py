"""Classifies text with a .tflite file as an app would; needs the LiteRT runtime, not TensorFlow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tflite.errors import ModelFileError
from tflite.heads import Head, columns, decide
from tflite.host_tokenizer import HostTokenizer
from tflite.isolation import IsolatedSession
from tflite.metadata import ModelMetadata, read_metadata
from tflite.session import Session, takes_text

__all__ = ["LabelScore", "TextClassifier"]


@dataclass(frozen=True)
class LabelScore:
    """One output of one text.

    Attributes:
        label: its name.
        score: probability, 0-1; of a regression target its number.
        decided: whether the label applies (`tflite.heads.decide`); False for a regression target.
        head: name of the head that it belongs to.
    """

    label: str
    score: float
    decided: bool
    head: str


class TextClassifier:
    """A .tflite file with everything that it says of itself: heads, thresholds, vocabulary, cleaning rules.

    One instance is for one thread at a time, as the interpreter under it is.
    """

    def __init__(self, path: Path | str, *, num_threads: int = 1, isolated: bool = True) -> None:
        """Opens the file.

        Args:
            path: a file that `tflite.metadata.attach_metadata` completed.
            num_threads: threads of one inference; 1 is what a phone should spend on a text.
            isolated: runs the graph in a process of its own, which a damaged file may crash; False spares a file that
                is trusted the 0.1 ms a text that this takes.

        Raises:
            ModelFileError: there is no such file, or the runtime cannot load it.
            MetadataError: it lacks metadata, or they are damaged.
        """
        self.path = Path(path)
        self.metadata: ModelMetadata = read_metadata(self.path)
        self._tokenizer = HostTokenizer(self.metadata.tokenizer)
        self.takes_text = takes_text(self.path)
        """Whether the file has the tokenizer inside; `encode` says then what that should do."""
        open_session = IsolatedSession if isolated else Session
        self._session = open_session(self.path, num_threads=num_threads)

    @property
    def session(self) -> Session | IsolatedSession:
        """The graph itself."""
        return self._session

    @property
    def heads(self) -> tuple[Head, ...]:
        """What the scores are, in order."""
        return self.metadata.heads

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all outputs, in the order of the scores."""
        return self.metadata.labels

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which a label of a multi-label head applies, in the order of the outputs."""
        return self.metadata.thresholds

    def encode(self, text: str, context: str = "") -> tuple[list[int], list[int]]:
        """Token ids of the cleaned text and their segments (`HostTokenizer.encode_pair`), at most `max_tokens`.

        Args:
            text: as a user wrote it.
            context: what was said before; only for a model of two segments.

        Raises:
            ValueError: there is a context, but the model reads texts alone.
        """
        if context and self.metadata.tokenizer.segments == 1:
            raise ValueError(f"{self.path}: the model reads texts alone; leave the context out")
        return self._tokenizer.encode_pair(text, context)

    def scores(self, text: str, context: str = "") -> npt.NDArray[np.float32]:
        """Score of each output, float32 [outputs]; arguments and errors as in `encode`.

        Raises:
            ModelFileError: the runtime crashes on the file, or it does not do what its metadata say.
        """
        asked = None if self.takes_text and not context else self.encode(text, context)
        try:
            if asked is None:  # a lone surrogate has no UTF-8 form; the cleaning would drop it
                scores = self._session.run_text(text.encode(errors="ignore"))
            else:
                scores = self._session.run(*asked)
        except (ModelFileError, RuntimeError, ValueError) as err:
            raise ModelFileError(f"{self.path}: cannot score a text ({err}); export it again") from err
        if len(scores) != len(self.labels):
            raise ModelFileError(
                f"{self.path}: gives {len(scores)} scores for {len(self.labels)} labels; export it again"
            )
        return scores

    def scores_of(
        self, texts: Sequence[str], contexts: Sequence[str] | None = None
    ) -> npt.NDArray[np.float32]:
        """Scores of many texts, float32 [rows, outputs]."""
        pairs = zip(texts, [""] * len(texts) if contexts is None else contexts, strict=True)
        rows = [self.scores(text, context) for text, context in pairs]
        return np.stack(rows) if rows else np.empty((0, len(self.labels)), np.float32)

    def classify(
        self, texts: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[tuple[LabelScore, ...]]:
        """All outputs of each text, head by head; labels of a head stand with the highest score first."""
        scores = self.scores_of(texts, contexts)
        decided = decide(self.heads, scores, self.thresholds)
        return [tuple(self._ranked(*row)) for row in zip(scores, decided, strict=True)]

    def close(self) -> None:
        """Ends the process of the graph, which otherwise the garbage collector does."""
        self._session.close()

    def _ranked(
        self, scores: npt.NDArray[np.float32], decided: npt.NDArray[np.bool_]
    ) -> Iterator[LabelScore]:
        for head, own in columns(self.heads):
            values = scores[own]
            order = range(len(values)) if head.is_regression else np.argsort(-values, kind="stable")
            for index in order:
                yield LabelScore(
                    head.outputs[index], float(values[index]), bool(decided[own][index]), head.name
                )
