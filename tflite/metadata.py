"""The model's own papers: labels, thresholds, vocabulary and cleaning rules inside the .tflite file.

The layout is MediaPipe's: a buffer `TFLITE_METADATA` (flatbuffer `M001`) describes the tensors, and the files it names
lie in an uncompressed zip archive behind the model:

```
vocab.txt               for all: one token a line, line number = id
labels.txt              for all: one label a line, in the order of the scores
score_calibration.txt   for MediaPipe: scale,slope,offset,min_score a label; absent if it shall show all scores
tokenizer.json          for this package: cleaning rules and maximum length (`tflite.host_tokenizer`)
thresholds.json         for this package: {"<label>": probability from which the label applies}
```
"""

import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tflite import metadata_schema as schema
from tflite.errors import MetadataError
from tflite.host_tokenizer import TokenizerSpec
from tflite.metadata_schema import MIN_PARSER_VERSION, AssociatedFile
from tflite.model_file import add_buffer, describe, map_file, read_buffer

__all__ = ["ModelMetadata", "attach_metadata", "read_metadata", "thresholds_json"]

_BUFFER_NAME = "TFLITE_METADATA"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_MAX_FILE_BYTES = 64 << 20
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
    NotImplementedError,
)
_SHOWN_FROM = 1e-6
"""Probability: above a suppressed label's 0, below any threshold in use."""

_VOCABULARY = AssociatedFile("vocab.txt", "WordPiece vocabulary, one token a line", AssociatedFile.VOCABULARY)
_LABELS = AssociatedFile("labels.txt", "Labels in the order of the scores", AssociatedFile.TENSOR_AXIS_LABELS)
_CALIBRATION = AssociatedFile(
    "score_calibration.txt",
    "Identity calibration whose min_score is the label's threshold",
    AssociatedFile.TENSOR_AXIS_SCORE_CALIBRATION,
)
_TOKENIZER = AssociatedFile(
    "tokenizer.json", "Text cleaning rules and maximum length", AssociatedFile.DESCRIPTIONS
)
_THRESHOLDS = AssociatedFile("thresholds.json", "Decision threshold by label", AssociatedFile.DESCRIPTIONS)
_INPUTS = {
    "ids": "Token ids, [CLS] first and [SEP] last; int32 [1, tokens]",
    "mask": "1 for a token, 0 for padding; int32 [1, tokens]",
    "segment_ids": "Zeros; int32 [1, tokens]",
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
        labels: in the order of the scores; no two alike.
        thresholds: by label, probability from which the label applies, 0-1, float32 precision.
        tokenizer: vocabulary, cleaning rules and maximum length.
        suppress_undecided: whether MediaPipe leaves out the labels that are under their threshold.
        min_parser_version: version of the metadata schema that a reader must know.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    tokenizer: TokenizerSpec
    suppress_undecided: bool = True
    min_parser_version: str = MIN_PARSER_VERSION

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise MetadataError(f"labels must be at least one and all different; got {list(self.labels)}")
        if bad := [label for label in self.labels if not label.strip() or len(label.splitlines()) != 1]:
            raise MetadataError(f"labels must be one line of text each; got {bad}")
        if len(self.thresholds) != len(self.labels):
            raise MetadataError(
                f"{len(self.labels)} labels need as many thresholds; got {len(self.thresholds)}"
            )
        if bad_values := [value for value in self.thresholds if not 0.0 <= value <= 1.0]:
            raise MetadataError(f"thresholds must be probabilities 0-1; got {bad_values}")


def attach_metadata(content: bytes, metadata: ModelMetadata) -> bytes:
    """Returns the .tflite file with the metadata inside; what it had of them before is replaced.

    The scores that MediaPipe shows are the model's own. Where `suppress_undecided`, it leaves out the labels under
    their threshold, and an app that wants the score of every label must have a file without.

    Raises:
        ModelFileError: `content` is no .tflite file.
        MetadataError: an input is not one of ids, mask and segment_ids.
    """
    with_buffer = add_buffer(content, _BUFFER_NAME, schema.encode(_tables(content, metadata)))
    archive = io.BytesIO(with_buffer)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as files:
        for name, data in _files(metadata).items():
            files.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)
    return archive.getvalue()


def read_metadata(path: Path | str) -> ModelMetadata:
    """Reads a file that `attach_metadata` made; neither the model nor TensorFlow is loaded.

    Raises:
        ModelFileError: there is no such file, or it is no .tflite file.
        MetadataError: the file lacks metadata, or they are damaged.
    """
    path = Path(path)
    with map_file(path) as content:
        buffer = read_buffer(content, _BUFFER_NAME)
    if buffer is None:
        raise MetadataError(f"{path}: has no metadata; export it with the TFLite exporter")
    try:
        return _parse(buffer, _read_files(path))
    except _MALFORMED as err:
        raise MetadataError(
            f"{path}: the metadata are damaged or not of this project ({err!r}); export it again"
        ) from err


def thresholds_json(labels: tuple[str, ...], thresholds: tuple[float, ...]) -> str:
    """`{"<label>": probability}` as JSON text, in the order of the labels, precise to float32."""
    values = {label: float(_float32_text(value)) for label, value in zip(labels, thresholds, strict=True)}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _float32_text(value: float) -> str:
    """Nine significant digits, which name every float32."""
    return f"{value:.9g}"


def _tables(content: bytes, metadata: ModelMetadata) -> schema.Table:
    names = [tensor.name for tensor in describe(content).inputs]
    if sorted(names) != sorted(_INPUTS):
        raise MetadataError(f"the model's inputs must be {sorted(_INPUTS)}; they are {sorted(names)}")
    units = [schema.score_calibration(), schema.score_threshold(_SHOWN_FROM)]
    scores = schema.tensor_metadata(
        "scores",
        "Probability of each label on its own, 0-1; float32 [1, labels]",
        process_units=units if metadata.suppress_undecided else (),
        files=[_LABELS, _CALIBRATION] if metadata.suppress_undecided else [_LABELS],
    )
    subgraph = schema.subgraph_metadata(
        inputs=[
            schema.tensor_metadata(name, _INPUTS[name], files=[_VOCABULARY] if name == "ids" else ())
            for name in names
        ],
        outputs=[scores],
        input_process_units=[schema.bert_tokenizer(_VOCABULARY)],
    )
    return schema.model_metadata(
        name=metadata.name,
        description=metadata.description,
        version=metadata.version,
        author=metadata.author,
        license=metadata.license,
        subgraph=subgraph,
        files=[_TOKENIZER, _THRESHOLDS],
    )


def _files(metadata: ModelMetadata) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as directory:
        metadata.tokenizer.save(Path(directory))
        files = {name: (Path(directory) / name).read_bytes() for name in (_VOCABULARY.name, _TOKENIZER.name)}
    files[_LABELS.name] = "".join(f"{label}\n" for label in metadata.labels).encode()
    files[_THRESHOLDS.name] = thresholds_json(metadata.labels, metadata.thresholds).encode()
    if metadata.suppress_undecided:
        # No line feed at the end: MediaPipe would count one more label.
        lines = [f"1,1,0,{_float32_text(threshold)}" for threshold in metadata.thresholds]
        files[_CALIBRATION.name] = "\n".join(lines).encode()
    return files


def _read_files(path: Path) -> dict[str, bytes]:
    known = {_VOCABULARY.name, _LABELS.name, _CALIBRATION.name, _TOKENIZER.name, _THRESHOLDS.name}
    found = {}
    with zipfile.ZipFile(path) as files:
        for entry in files.infolist():
            if entry.filename in known:
                if entry.file_size > _MAX_FILE_BYTES or entry.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{entry.filename} is compressed or larger than {_MAX_FILE_BYTES} bytes")
                found[entry.filename] = files.read(entry)
    return found


def _parse(buffer: bytes, files: Mapping[str, bytes]) -> ModelMetadata:
    labels = tuple(files[_LABELS.name].decode().splitlines())
    thresholds = json.loads(files[_THRESHOLDS.name])
    with tempfile.TemporaryDirectory() as directory:
        for name in (_VOCABULARY.name, _TOKENIZER.name):
            (Path(directory) / name).write_bytes(files[name])
        tokenizer = TokenizerSpec.load(Path(directory))
    return ModelMetadata(
        **schema.read_strings(buffer),
        labels=labels,
        thresholds=tuple(float(thresholds[label]) for label in labels),
        tokenizer=tokenizer,
        suppress_undecided=_CALIBRATION.name in files,
    )
