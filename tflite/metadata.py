"""The model's own papers: labels, thresholds, vocabulary and cleaning rules inside the .tflite file.

The layout is MediaPipe's: a buffer `TFLITE_METADATA` (flatbuffer `M001`) describes the tensors, and the files it names
lie in an uncompressed zip archive behind the model:

```
vocab.txt               for all: one token a line, line number = id
labels.txt              for all: the name of an output a line, in the order of the scores
labels_<locale>.txt     for all: likewise in a language, to be shown
score_calibration.txt   for MediaPipe: scale,slope,offset,min_score an output; absent if it shall show all scores
tokenizer.json          for this package: cleaning rules and maximum length (`tflite.host_tokenizer`)
heads.json              for this package: [{"name", "task", "outputs", "mean", "std"}] (`tflite.heads`)
thresholds.json         for this package: {"<label>": probability from which it applies}, of multi-label heads alone
```
"""

import io
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tflite import metadata_schema as schema
from tflite.errors import MetadataError
from tflite.heads import Head, columns
from tflite.host_tokenizer import TokenizerSpec
from tflite.metadata_files import (
    CALIBRATION,
    HEADS,
    LABELS,
    THRESHOLDS,
    TOKENIZER,
    VOCABULARY,
    file_contents,
    localized_labels,
    parse_contents,
    read_contents,
)
from tflite.metadata_schema import MIN_PARSER_VERSION
from tflite.model_file import Content, add_buffer, describe_inputs, map_file, read_buffer
from tflite.text_operators import TEXT_INPUT

__all__ = ["ModelMetadata", "attach_metadata", "can_suppress", "read_metadata"]

_LOCALE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_BUFFER_NAME = "TFLITE_METADATA"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_MALFORMED = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    struct.error,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    # Of a file that says it is encrypted, or a patch; and of JSON that is too deep.
    RuntimeError,
    MemoryError,
)
_SHOWN_FROM = 1e-6
"""Probability: above a suppressed label's 0, below any threshold in use."""

_SCORES = "probability"
"""Name of the output: BertNLClassifier looks for it and crashes without it; MediaPipe takes the only one there is."""

_INPUTS = {
    "ids": "Token ids, [CLS] first and [SEP] last; int32 [1, tokens]",
    "mask": "1 for a token, 0 for padding; int32 [1, tokens]",
    "segment_ids": "Zeros; int32 [1, tokens]",
}
_TEXT_INPUTS = {TEXT_INPUT: "One text as it was written, UTF-8; string [1]"}
_PAIR_INPUTS = {
    **_INPUTS,
    "ids": "Token ids: [CLS] what was said before [SEP] text [SEP]; int32 [1, tokens]",
    "segment_ids": "0 up to the first of two [SEP], then 1; zeros if nothing was said before; int32 [1, tokens]",
}
_MEANING = {
    "multi_label": "probability of each label on its own, 0-1",
    "single_label": "probabilities of labels of which one applies, 0-1, 1 in sum",
    "ordinal": "probabilities of ascending levels of which one applies, 0-1, 1 in sum",
    "regression": "numbers in the unit of the data, no probabilities; MediaPipe shows them as categories",
}


@dataclass(frozen=True)
class ModelMetadata:
    """What a .tflite file says of itself.

    Attributes:
        name: a few words for a person.
        description: what the model does and what text it wants.
        version: the model's version, any text.
        author: who answers for the model.
        license: the model's licence, as an SPDX identifier or text.
        heads: what the scores are, in order; no two outputs of one name.
        thresholds: by output, probability from which a label of a multi-label head applies, 0-1, float32 precision; 0
            for the outputs of other heads.
        tokenizer: vocabulary, cleaning rules and maximum length.
        suppress_undecided: whether MediaPipe leaves out the labels of multi-label heads that are under their threshold
            (`can_suppress`).
        label_names: names to show of the outputs by locale (BCP 47, such as `zh`), in the order of the scores.
        min_parser_version: version of the metadata schema that a reader must know.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    heads: tuple[Head, ...]
    thresholds: tuple[float, ...]
    tokenizer: TokenizerSpec
    suppress_undecided: bool = True
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_parser_version: str = MIN_PARSER_VERSION

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise MetadataError(f"labels must be at least one and all different; got {list(self.labels)}")
        self._check_names("labels", self.labels)
        for locale, names in self.label_names.items():
            if not _LOCALE.fullmatch(locale):
                raise MetadataError(f"label names: {locale!r} is no locale; expected one such as zh or pt-BR")
            self._check_names(f"label names of {locale}", names)
        if len(self.thresholds) != len(self.labels):
            raise MetadataError(
                f"{len(self.labels)} outputs need as many thresholds; got {len(self.thresholds)}"
            )
        if bad_values := [value for value in self.thresholds if not 0.0 <= value <= 1.0]:
            raise MetadataError(f"thresholds must be probabilities 0-1; got {bad_values}")
        for head, own in columns(self.heads):
            if head.task != "multi_label" and any(self.thresholds[own]):
                raise MetadataError(
                    f"head {head.name!r} is {head.task} and decides by no threshold; they must be 0"
                )
        if self.suppress_undecided and not can_suppress(self.heads):
            raise MetadataError(
                "MediaPipe can leave out labels of multi_label heads alone, and none beside numbers of a regression "
                f"head; got {', '.join(head.task for head in self.heads)}"
            )

    def _check_names(self, what: str, names: Sequence[str]) -> None:
        if len(names) != len(self.labels):
            raise MetadataError(
                f"{what}: got {len(names)} for {len(self.labels)} outputs; expected one for each"
            )
        if bad := [name for name in names if not name.strip() or len(name.splitlines()) != 1]:
            raise MetadataError(f"{what} must be one line of text each; got {bad}")

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all outputs, in the order of the scores."""
        return tuple(name for head in self.heads for name in head.outputs)


def can_suppress(heads: Sequence[Head]) -> bool:
    """Whether MediaPipe can leave out labels under their threshold.

    There must be a head that has thresholds, and no numbers: MediaPipe passes all scores through its calibration or
    none, and that takes probabilities.
    """
    return any(head.task == "multi_label" for head in heads) and not any(head.is_regression for head in heads)


def attach_metadata(content: bytes, metadata: ModelMetadata) -> bytes:
    """Returns the .tflite file with the metadata inside; what it had of them before is replaced.

    The scores that MediaPipe shows are the model's own. Where `suppress_undecided`, it leaves out the labels under
    their threshold, and an app that wants the score of every label must have a file without.

    Raises:
        ModelFileError: `content` is no .tflite file.
        MetadataError: the inputs are neither ids, mask and segment_ids, nor text.
    """
    with_buffer = add_buffer(content, _BUFFER_NAME, schema.encode(_tables(content, metadata)))
    archive = io.BytesIO(with_buffer)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as files:
        contents = file_contents(
            metadata.heads,
            metadata.thresholds,
            metadata.tokenizer,
            calibration=metadata.suppress_undecided,
            label_names=metadata.label_names,
        )
        for name, data in contents.items():
            files.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)
    return archive.getvalue()


def read_metadata(model: Path | str | bytes) -> ModelMetadata:
    """Reads a file that `attach_metadata` made, or its content; neither the model nor TensorFlow is loaded.

    Raises:
        ModelFileError: there is no such file, or it is no .tflite file.
        MetadataError: the file lacks metadata, or they are damaged.
    """
    if isinstance(model, bytes):
        return _parse(model, io.BytesIO(model), "the .tflite file")
    path = Path(model)
    with map_file(path) as content:
        return _parse(content, path, str(path))


def _parse(content: Content, archive: Path | io.BytesIO, name: str) -> ModelMetadata:
    buffer = read_buffer(content, _BUFFER_NAME)
    if buffer is None:
        raise MetadataError(f"{name}: has no metadata; export it with the TFLite exporter")
    try:
        fields: dict[str, Any] = {**schema.read_strings(buffer), **parse_contents(read_contents(archive))}
        return ModelMetadata(**fields)
    except _MALFORMED as err:
        raise MetadataError(
            f"{name}: the metadata are damaged or not of this project ({err!r}); export it again"
        ) from err


def _tables(content: bytes, metadata: ModelMetadata) -> schema.Table:
    names = [tensor.name for tensor in describe_inputs(content)]
    takes_text = names == [TEXT_INPUT]
    if sorted(names) != sorted(_INPUTS) and not takes_text:
        raise MetadataError(
            f"the model's inputs must be {sorted(_INPUTS)} or {TEXT_INPUT} alone; they are {sorted(names)}"
        )
    inputs = _TEXT_INPUTS if takes_text else _INPUTS if metadata.tokenizer.segments == 1 else _PAIR_INPUTS
    units = [schema.score_calibration(), schema.score_threshold(_SHOWN_FROM)]
    files = [
        LABELS,
        *map(localized_labels, metadata.label_names),
    ]  # a reader that asks for no locale takes the first
    scores = schema.tensor_metadata(
        _SCORES,
        _describe_scores(metadata.heads),
        process_units=units if metadata.suppress_undecided else (),
        files=[*files, CALIBRATION] if metadata.suppress_undecided else files,
    )
    subgraph = schema.subgraph_metadata(
        inputs=[
            schema.tensor_metadata(
                name, inputs[name], files=[VOCABULARY] if name in ("ids", TEXT_INPUT) else ()
            )
            for name in names
        ],
        outputs=[scores],
        input_process_units=() if takes_text else [schema.bert_tokenizer(VOCABULARY)],
    )
    return schema.model_metadata(
        name=metadata.name,
        description=metadata.description,
        version=metadata.version,
        author=metadata.author,
        license=metadata.license,
        subgraph=subgraph,
        files=[TOKENIZER, HEADS, THRESHOLDS],
    )


def _describe_scores(heads: Sequence[Head]) -> str:
    parts = [
        f"{head.name} ({len(head.outputs)}): {_MEANING[head.task]}" if len(heads) > 1 else _MEANING[head.task]
        for head in heads
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}; float32 [1, outputs]"
