"""The file of a model's answers that the Evaluator keeps: enough to measure the model again without it."""

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError
from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.heads import Head, output_names

__all__ = ["PredictionsHeader", "read_header", "read_predictions", "write_predictions"]

_BATCH_ROWS = 8192
"""A batch of 28 outputs fits a core's cache, which makes transposing it fast."""


@dataclass(frozen=True)
class PredictionsHeader:
    """What a file of predictions says of all of its rows.

    Attributes:
        heads: of the model.
        thresholds: by output.
        rows: how many there are.
    """

    heads: tuple[Head, ...]
    thresholds: tuple[float, ...]
    rows: int

    def answers_like(self, other: "PredictionsHeader") -> bool:
        """Whether the predictions of both can be of one model."""
        return (self.heads, self.thresholds) == (other.heads, other.thresholds)


def write_predictions(
    path: Path,
    texts: LabelledTexts,
    scores: NDArray[np.float32],
    heads: Sequence[Head],
    thresholds: Sequence[float],
) -> None:
    """Writes what `numpy.load` reads, without pickles; equal arrays give equal bytes.

    `ids` and `outputs` (str), `scores` and `targets` (float32 [rows, outputs], NaN = unknown), `heads` (str, a JSON
    document each) and `thresholds` (float32 [outputs]).
    """
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.asarray(texts.ids, np.str_),
        "outputs": np.asarray(output_names(heads), np.str_),
        "scores": np.ascontiguousarray(scores, np.float32),
        "targets": np.ascontiguousarray(texts.targets, np.float32),
        "heads": np.asarray([head.model_dump_json() for head in heads], np.str_),
        "thresholds": np.asarray(thresholds, np.float32),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            # Scores look like noise: packed they are a tenth smaller and take far longer to read.
            member.compress_type = zipfile.ZIP_STORED if name == "scores" else zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def read_header(path: Path) -> PredictionsHeader:
    """What `write_predictions` wrote, but for its rows.

    Raises:
        DataError: there is no such file, or it is none of `write_predictions`.
    """
    with _members(path, "scores") as (scores,):
        shape = scores.shape
    with np.load(path, allow_pickle=False) as archive:
        missing = [name for name in ("heads", "thresholds", "targets") if name not in archive]
        if missing:
            raise DataError(
                f"{path}: holds no {missing[0]!r}; expected predictions that this version of the Evaluator wrote, run "
                "it again"
            )
        heads = tuple(Head.model_validate_json(str(document)) for document in archive["heads"])
        thresholds = tuple(archive["thresholds"].tolist())
    if shape[1:] != (len(output_names(heads)),):
        raise DataError(
            f"{path}: `scores` is {list(shape)}, but its heads have {len(output_names(heads))} outputs"
        )
    return PredictionsHeader(heads, thresholds, shape[0])


def read_predictions(
    path: Path, *, batch_rows: int = _BATCH_ROWS
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yields scores and targets, float32 [at most batch_rows, outputs] both; the file is never in memory as a whole.

    Raises:
        DataError: there is no such file, or it is none of `write_predictions`.
    """
    with _members(path, "scores", "targets") as (scores, targets):
        if scores.shape != targets.shape:
            raise DataError(f"{path}: `scores` is {list(scores.shape)}, `targets` {list(targets.shape)}")
        for start in range(0, scores.shape[0], batch_rows):
            rows = min(batch_rows, scores.shape[0] - start)
            yield scores.read(rows), targets.read(rows)


@dataclass(frozen=True)
class _Member:
    """An array in an archive that is read row by row."""

    name: str
    shape: tuple[int, ...]
    stream: IO[bytes]

    def read(self, rows: int) -> NDArray[np.float32]:
        shape = (rows, *self.shape[1:])
        wanted = 4 * math.prod(shape)
        content = self.stream.read(wanted)
        if len(content) != wanted:
            raise DataError(f"{self.name}: ends too early; the file is damaged, run the Evaluator again")
        return np.frombuffer(content, np.float32).reshape(shape)


@contextmanager
def _members(path: Path, *names: str) -> Iterator[tuple[_Member, ...]]:
    """Float32 arrays of an archive, at their first rows."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            streams = [stack.enter_context(archive.open(f"{name}.npy")) for name in names]
            members = tuple(
                _begin(f"{path}, {name}", stream) for name, stream in zip(names, streams, strict=True)
            )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as err:
            why = err.strerror if isinstance(err, OSError) else err
            raise DataError(
                f"{path}: cannot be read as predictions ({why}); expected a `predictions-<split>.npz` of the Evaluator"
            ) from err
        yield members


def _begin(name: str, stream: IO[bytes]) -> _Member:
    version = np.lib.format.read_magic(stream)
    formats = np.lib.format
    read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
    shape, by_column, dtype = read(stream)
    if dtype != np.float32 or by_column or len(shape) != 2:
        raise ValueError(f"{name} is {dtype} {list(shape)}, not float32 [rows, outputs]")
    return _Member(name, shape, stream)
