"""The files in the zip archive behind a .tflite model: what each holds, and how they are read back."""

import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from tflite.heads import Head, columns
from tflite.host_tokenizer import TokenizerSpec
from tflite.metadata_schema import AssociatedFile

__all__ = [
    "CALIBRATION",
    "HEADS",
    "LABELS",
    "THRESHOLDS",
    "TOKENIZER",
    "VOCABULARY",
    "file_contents",
    "heads_json",
    "localized_labels",
    "parse_contents",
    "read_contents",
    "thresholds_json",
]

_MAX_FILE_BYTES = 64 << 20
_LOCALIZED = re.compile(r"labels_(.+)\.txt")

VOCABULARY = AssociatedFile("vocab.txt", "WordPiece vocabulary, one token a line", AssociatedFile.VOCABULARY)
LABELS = AssociatedFile(
    "labels.txt", "Names of the outputs in the order of the scores", AssociatedFile.TENSOR_AXIS_LABELS
)
CALIBRATION = AssociatedFile(
    "score_calibration.txt",
    "Identity calibration whose min_score is the label's threshold",
    AssociatedFile.TENSOR_AXIS_SCORE_CALIBRATION,
)
TOKENIZER = AssociatedFile(
    "tokenizer.json", "Text cleaning rules and maximum length", AssociatedFile.DESCRIPTIONS
)
THRESHOLDS = AssociatedFile("thresholds.json", "Decision threshold by label", AssociatedFile.DESCRIPTIONS)
HEADS = AssociatedFile("heads.json", "What the scores are, by head", AssociatedFile.DESCRIPTIONS)
_FILES = (VOCABULARY, LABELS, CALIBRATION, TOKENIZER, HEADS, THRESHOLDS)


def localized_labels(locale: str) -> AssociatedFile:
    """The names of the outputs in one language, for people; apps get them by `display_names_locale`."""
    kind = AssociatedFile.TENSOR_AXIS_LABELS
    return AssociatedFile(f"labels_{locale}.txt", "Names to show, line by line", kind, locale)


def file_contents(
    heads: Sequence[Head],
    thresholds: Sequence[float],
    tokenizer: TokenizerSpec,
    *,
    calibration: bool,
    label_names: Mapping[str, Sequence[str]],
) -> dict[str, bytes]:
    """The files by name.

    With `calibration`, MediaPipe leaves out labels of multi-label heads under their threshold; `label_names` are names
    to show by locale.
    """
    with tempfile.TemporaryDirectory() as directory:
        tokenizer.save(Path(directory))
        files = {name: (Path(directory) / name).read_bytes() for name in (VOCABULARY.name, TOKENIZER.name)}
    files[LABELS.name] = _lines(name for head in heads for name in head.outputs)
    files.update({localized_labels(locale).name: _lines(names) for locale, names in label_names.items()})
    files[HEADS.name] = heads_json(heads).encode()
    files[THRESHOLDS.name] = thresholds_json(heads, thresholds).encode()
    if calibration:
        # No line feed at the end: MediaPipe would count one more label.
        files[CALIBRATION.name] = "\n".join(_calibration_lines(heads, thresholds)).encode()
    return files


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _calibration_lines(heads: Sequence[Head], thresholds: Sequence[float]) -> Iterator[str]:
    """Scale 1, slope 1, offset 0, and for labels of multi-label heads the least score that is shown."""
    for head, own in columns(heads):
        for threshold in thresholds[own]:
            yield f"1,1,0,{_float32_text(threshold)}" if head.task == "multi_label" else "1,1,0"


def read_contents(model: Path | BinaryIO) -> dict[str, bytes]:
    """The files of `file_contents` that the archive at the end of a .tflite file holds, by name.

    Raises:
        ValueError: one is compressed, or larger than any that is written.
        zipfile.BadZipFile: there is no archive.
    """
    known = {file.name for file in _FILES}
    found = {}
    with zipfile.ZipFile(model) as files:
        for entry in files.infolist():
            if entry.filename in known or _LOCALIZED.fullmatch(entry.filename):
                if entry.file_size > _MAX_FILE_BYTES or entry.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{entry.filename} is compressed or larger than {_MAX_FILE_BYTES} bytes")
                found[entry.filename] = files.read(entry)
    return found


def thresholds_json(heads: Sequence[Head], thresholds: Sequence[float]) -> str:
    """`{"<label>": probability}` of multi-label heads as JSON text, in the order of the labels, precise to float32."""
    values = {
        label: float(_float32_text(value))
        for head, own in columns(heads)
        if head.task == "multi_label"
        for label, value in zip(head.outputs, thresholds[own], strict=True)
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def heads_json(heads: Sequence[Head]) -> str:
    """The fields of each head as JSON text."""
    return json.dumps([asdict(head) for head in heads], indent=2, ensure_ascii=False) + "\n"


def _float32_text(value: float) -> str:
    """Nine significant digits, which name every float32."""
    return f"{value:.9g}"


def parse_contents(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What `file_contents` was given, with `suppress_undecided` for `calibration`.

    Raises:
        ValueError, KeyError, TypeError: a file is missing or damaged, or two contradict each other.
    """
    heads = tuple(_head(document) for document in json.loads(files[HEADS.name]))
    if files[LABELS.name].decode().splitlines() != [name for head in heads for name in head.outputs]:
        raise ValueError(f"{LABELS.name} and {HEADS.name} name different outputs")
    thresholds = json.loads(files[THRESHOLDS.name])
    with tempfile.TemporaryDirectory() as directory:
        for name in (VOCABULARY.name, TOKENIZER.name):
            (Path(directory) / name).write_bytes(files[name])
        tokenizer = TokenizerSpec.load(Path(directory))
    return {
        "heads": heads,
        "thresholds": tuple(
            float(thresholds[name]) if head.task == "multi_label" else 0.0
            for head in heads
            for name in head.outputs
        ),
        "tokenizer": tokenizer,
        "suppress_undecided": CALIBRATION.name in files,
        "label_names": {
            found[1]: tuple(content.decode().splitlines())
            for name, content in sorted(files.items())
            if (found := _LOCALIZED.fullmatch(name))
        },
    }


def _head(document: Mapping[str, Any]) -> Head:
    sequences = {name: tuple(document[name]) for name in ("outputs", "mean", "std")}
    return Head(document["name"], document["task"], **sequences)
