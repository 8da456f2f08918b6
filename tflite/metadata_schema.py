"""The tables of TensorFlow Lite's model metadata (`M001`) that a text classifier needs, as one flatbuffer.

Slots and enum values are those of `metadata_schema.fbs` 1.5.0 of MediaPipe. Its own Python writers need wheels that
are not published for current versions, and the generated classes are 20 times as long as what is used of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import flatbuffers
from flatbuffers import number_types
from flatbuffers.table import Table as FlatTable

__all__ = [
    "MIN_PARSER_VERSION",
    "AssociatedFile",
    "Table",
    "bert_tokenizer",
    "encode",
    "model_metadata",
    "read_strings",
    "score_calibration",
    "score_threshold",
    "subgraph_metadata",
    "tensor_metadata",
]

MIN_PARSER_VERSION = "1.1.0"
"""The first schema version with BertTokenizerOptions and process units of a subgraph."""

FILE_IDENTIFIER = b"M001"
_MODEL_STRINGS = {
    "name": 0,
    "description": 1,
    "version": 2,
    "author": 4,
    "license": 5,
    "min_parser_version": 7,
}
_INVERSE_LOGISTIC = 2


@dataclass(frozen=True)
class _Byte:
    value: int


@dataclass(frozen=True)
class _Float:
    value: float


@dataclass(frozen=True)
class Table:
    """A flatbuffer table: values by slot number."""

    slots: "Mapping[int, _Value]"


_Value: TypeAlias = str | Table | Sequence[Table] | _Byte | _Float


@dataclass(frozen=True)
class AssociatedFile:
    """A file in the zip archive behind the model, what it is for, and its language (BCP 47; "" for all)."""

    name: str
    description: str
    kind: int
    locale: str = ""

    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5

    def table(self) -> Table:
        locale: dict[int, _Value] = {3: self.locale} if self.locale else {}
        return Table({0: self.name, 1: self.description, 2: _Byte(self.kind), **locale})


def score_calibration() -> Table:
    """ProcessUnit: each score through its line of the calibration file; under the line's min_score it becomes 0.

    The transformation is INVERSE_LOGISTIC, so that scale 1, slope 1 and offset 0 leave a probability as it is:
    sigmoid(1 * logit(p) + 0) = p.
    """
    return _process_unit(2, Table({0: _Byte(_INVERSE_LOGISTIC), 1: _Float(0.0)}))


def score_threshold(threshold: float) -> Table:
    """ProcessUnit: results whose calibrated score is under `threshold` are left out, unless the app sets its own."""
    return _process_unit(3, Table({0: _Float(threshold)}))


def bert_tokenizer(vocabulary: AssociatedFile) -> Table:
    """ProcessUnit: text to ids by BERT's tokenizer with the given vocabulary."""
    return _process_unit(4, Table({0: [vocabulary.table()]}))


def tensor_metadata(
    name: str, description: str, *, process_units: Sequence[Table] = (), files: Sequence[AssociatedFile] = ()
) -> Table:
    """TensorMetadata of one input or output."""
    feature_properties = Table({0: _Byte(1), 1: Table({})})
    slots: dict[int, _Value] = {0: name, 1: description, 3: feature_properties}
    if process_units:
        slots[4] = process_units
    if files:
        slots[6] = [file.table() for file in files]
    return Table(slots)


def subgraph_metadata(
    *, inputs: Sequence[Table], outputs: Sequence[Table], input_process_units: Sequence[Table]
) -> Table:
    """SubGraphMetadata; inputs and outputs in the order in which the graph has them."""
    return Table({2: inputs, 3: outputs, 5: input_process_units})


def model_metadata(
    *,
    name: str,
    description: str,
    version: str,
    author: str,
    license: str,  # noqa: A002 - the schema's word
    subgraph: Table,
    files: Sequence[AssociatedFile],
) -> Table:
    """ModelMetadata, the root table."""
    strings: dict[int, _Value] = {
        0: name,
        1: description,
        2: version,
        4: author,
        5: license,
        7: MIN_PARSER_VERSION,
    }
    return Table({**strings, 3: [subgraph], 6: [file.table() for file in files]})


def encode(root: Table) -> bytes:
    """The flatbuffer's bytes, with the file identifier `M001`."""
    builder = flatbuffers.Builder(4096)
    builder.Finish(_write(builder, root), FILE_IDENTIFIER)
    return bytes(builder.Output())


def read_strings(content: bytes) -> dict[str, str]:
    """The texts of the root table: name, description, version, author, license, min_parser_version ("" if absent).

    Raises:
        ValueError: these bytes are no such flatbuffer. struct.error and IndexError come from damaged ones.
    """
    if content[4:8] != FILE_IDENTIFIER:
        raise ValueError("the metadata's identifier is not M001")
    start = int.from_bytes(content[:4], "little")
    root = FlatTable(bytearray(content), start)
    return {name: _string(root, slot) for name, slot in _MODEL_STRINGS.items()}


def _string(table: FlatTable, slot: int) -> str:
    offset = table.Offset(4 + 2 * slot)
    return table.String(offset + table.Pos).decode("utf-8") if offset else ""


def _process_unit(option: int, options: Table) -> Table:
    return Table({0: _Byte(option), 1: options})


def _write(builder: flatbuffers.Builder, table: Table) -> int:
    """Writes children first, as flatbuffers want it, then the table; returns its offset."""
    offsets = {slot: _write_child(builder, value) for slot, value in table.slots.items()}
    builder.StartObject(max(table.slots, default=-1) + 1)
    for slot, value in table.slots.items():
        if isinstance(value, _Byte):
            builder.PrependInt8Slot(slot, value.value, 0)
        elif isinstance(value, _Float):
            builder.PrependFloat32Slot(slot, value.value, 0.0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
    return int(builder.EndObject())


def _write_child(builder: flatbuffers.Builder, value: _Value) -> int | None:
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, Table):
        return _write(builder, value)
    if isinstance(value, _Byte | _Float):
        return None
    offsets = [_write(builder, item) for item in value]
    builder.StartVector(
        number_types.UOffsetTFlags.bytewidth, len(offsets), number_types.UOffsetTFlags.bytewidth
    )
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
