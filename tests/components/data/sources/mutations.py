"""Source files of all formats, damaged at random, to be read without a surprise."""

import bz2
import gzip
import io
import json
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from components.core.errors import UserError
from components.data.records.example_proto import encode_example
from components.data.sources.delimited import Dialect
from components.data.sources.rows import BrokenRow, Row
from components.data.sources.source_files import Format
from tests.components.data.sources.reading import read_units

WANTED = ("text", "labels")
MARKS = [
    b'"',
    b'""',
    b",",
    b"\t",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\ud800",
]
BAD_UTF8 = [
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xc3",
    b"\xe9",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
]
SIGNS = [
    b"text",
    b"labels",
    b"null",
    b"NaN",
    b"-1",
    b"1e999",
    b"9" * 400,
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"PAR1",
]
NUMBERS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x01\0\0\0\0\0\0\0", b"ARROW1"]
CHARACTERS = [
    character.encode() for character in ("é", "😀", "我今", "\u2028", "\u0085", "e\u0301", "\u202e")
]
TOKENS = [*MARKS, *BAD_UTF8, *SIGNS, *NUMBERS, *CHARACTERS]
WORDS = [
    "joy",
    "so happy",
    "größer",
    "我今天非常高兴",
    "😀",
    'said "no"',
    "a,b",
    "two\nlines",
    "",
    " ",
    "\ud83d",
    "7",
]
ENCODINGS = ["utf-8"] * 12 + [
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "gb18030",
    "cp1251",
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor(level=1).compress,
}


@dataclass(frozen=True)
class Case:
    """A file and how it is to be read."""

    name: str
    format: Format
    content: bytes
    dialect: Dialect
    unit_bytes: int


def make_case(random: Random) -> Case:
    """A file of random content in a random format, and damaged more often than not."""
    file_format: Format = random.choice(
        ["csv", "csv", "tsv", "jsonl", "jsonl", "parquet", "arrow", "tfrecord"]
    )
    content = BUILDERS[file_format](random)
    name = f"a.{file_format}"
    if random.random() < 0.7:
        content = damage(content, random)
    if random.random() < 0.15:
        extension = random.choice(list(COMPRESSIONS))
        name, content = name + extension, COMPRESSIONS[extension](content)
        if random.random() < 0.6:
            content = damage(content, random)
    dialect = Dialect(
        delimiter=random.choice([None] * 12 + [";", "\t", "é"]),
        quoting=random.random() < 0.8,
        names=random.choice([None] * 6 + [WANTED]),
        encoding=random.choice([None] * 16 + ["utf-8", "cp1252", "utf-16", "gb18030"]),
    )
    return Case(name, file_format, content, dialect, random.choice([1, 3, 7, 20, 60, 200]))


def read_case(case: Case, directory: Path) -> str:
    """Reads the file in units of a random size and whole, and tells what came of it.

    Returns:
        `rows`, `broken rows` (with or without others), or `error`.

    Raises:
        AssertionError: the two ways of reading differ.
        Exception: whatever else should not happen.
    """
    path = directory / case.name
    path.write_bytes(case.content)
    try:
        rows, plan = read_units(path, case.format, WANTED, case.dialect, unit_bytes=case.unit_bytes)
    except UserError as err:
        message = str(err)
        assert str(path) in message, message
        assert "\n" not in message, message
        if not case.name.endswith(case.format):
            return "error"
        assert_error(path, case)
        return "error"
    if len(plan.units) > 1:
        whole, _ = read_units(path, case.format, WANTED, case.dialect)
        # NaN is not equal to itself, its notation is.
        assert repr(rows) == repr(whole)
    assert all(isinstance(row, Row | BrokenRow) for row in rows)
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    return "broken rows" if any(isinstance(row, BrokenRow) for row in rows) else "rows"


def assert_error(path: Path, case: Case) -> None:
    """What cannot be read in units cannot be read whole."""
    try:
        read_units(path, case.format, WANTED, case.dialect)
    except UserError:
        return
    raise AssertionError("can be read whole, but not in units")


def damage(content: bytes, random: Random) -> bytes:
    """Applies a few of the things that happen to files."""
    damaged = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 3, 8])):
        begin = random.randint(0, len(damaged))
        end = min(len(damaged), begin + random.choice([1, 1, 2, 4, 16, 100]))
        match random.randrange(8):
            case 0 if damaged:
                damaged[min(begin, len(damaged) - 1)] ^= 1 << random.randrange(8)
            case 1:
                del damaged[begin:end]
            case 2:
                damaged[begin:begin] = damaged[begin:end]
            case 3 | 4:
                damaged[begin:begin] = random.choice(TOKENS)
            case 5:
                damaged[begin:end] = random.choice(TOKENS)
            case 6:
                damaged[begin:end] = random.randbytes(end - begin)
            case 7 if random.random() < 0.3:
                del damaged[begin:]
    return bytes(damaged)


def make_texts(random: Random) -> list[str]:
    return [" ".join(random.choices(WORDS, k=random.randint(0, 3))) for _ in range(random.randint(0, 8))]


def make_delimited(random: Random, delimiter: str) -> bytes:
    end = random.choice(["\n", "\n", "\r\n", "\r"])
    lines = [delimiter.join(random.choice([WANTED] * 8 + [("id", *WANTED), ("text", "text")]))]
    for text in make_texts(random):
        quoted = '"' + text.replace('"', '""') + '"' if random.random() < 0.6 else text
        lines.append(
            delimiter.join(
                (quoted, random.choice(WORDS[:3]), *random.choices(["", "x"], k=random.randrange(2)))
            )
        )
    return encode(end.join(lines) + random.choice([end, ""]), random)


def make_json_lines(random: Random) -> bytes:
    lines = []
    for text in make_texts(random):
        value: Any = random.choice([text, text, text, None, 3, 0.5, [text], {"a": text}, float("nan")])
        row = {"text": value, "labels": random.choice([["joy"], "joy", 1, [], None, [[1]]])}
        lines.append(json.dumps(row, ensure_ascii=random.random() < 0.5))
    return encode("\n".join(lines), random)


def encode(text: str, random: Random) -> bytes:
    return text.encode(random.choice(ENCODINGS), random.choice(["replace", "ignore"]))


def make_table(random: Random) -> pa.Table:
    texts = [text.encode("utf-8", "replace").decode() for text in make_texts(random)]
    size = len(texts)
    text = random.choice(
        [
            pa.array(texts, pa.string()),
            pa.array(texts, pa.large_string()),
            pa.array(texts, pa.string()).dictionary_encode(),
            pa.array([text.encode("utf-16") for text in texts], pa.binary()),
            pa.array([text.encode("utf-16") for text in texts], pa.binary()).view(pa.string()),
            pa.array([{"en": text} for text in texts], pa.struct([("en", pa.string())])),
            pa.array(range(size), pa.int64()),
        ]
    )
    labels = random.choice(
        [
            pa.array([["joy"]] * size, pa.list_(pa.string())),
            pa.array([[b"\xff"]] * size, pa.list_(pa.binary())),
            pa.array([1] * size, pa.int8()),
            pa.array([2**62] * size, pa.timestamp("ns")),
            pa.array([-(2**36)] * size, pa.timestamp("s")),
            pa.array([{"name": ["joy"]}] * size, pa.struct([("name", pa.list_(pa.string()))])),
            pa.nulls(size),
            pa.array([0.5] * size),
        ]
    )
    names = random.choice([["text", "labels"]] * 5 + [["text", "text"], ["label", "text"]])
    told = random.choice(
        [b"{}", b'{"info": {"features": {"labels": {"names": ["a"], "_type": "ClassLabel"}}}}', b"["]
    )
    return pa.table([text, labels], names=names).replace_schema_metadata({b"huggingface": told})


def make_parquet(random: Random) -> bytes:
    stream = io.BytesIO()
    compression = random.choice(["snappy", "none", "zstd", "gzip"])
    pq.write_table(
        make_table(random), stream, row_group_size=random.choice([1, 3, 100]), compression=compression
    )
    return stream.getvalue()


def make_arrow(random: Random) -> bytes:
    stream, table = io.BytesIO(), make_table(random)
    make = random.choice([pa.ipc.new_stream, pa.ipc.new_file])
    options = pa.ipc.IpcWriteOptions(
        compression=random.choice([None, "lz4", "zstd"]), emit_dictionary_deltas=True
    )
    with make(stream, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=random.choice([1, 3, 100]))
    return stream.getvalue()


def make_tfrecord(random: Random) -> bytes:
    records = []
    for text in make_texts(random):
        values: Any = random.choice(
            [[text.encode("utf-8", "replace")], [b"\xff"], [1], [0.5], [], [b"a", b"b"]]
        )
        record = encode_example({"text": values, "labels": [b"joy"]})
        # Damage below intact checksums reaches the messages themselves.
        records.append(damage(record, random) if random.random() < 0.05 else record)
    return b"".join(map(frame, records))


def frame(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + checksum(length) + record + checksum(record)


def checksum(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


BUILDERS: dict[Format, Callable[[Random], bytes]] = {
    "csv": lambda random: make_delimited(random, ","),
    "tsv": lambda random: make_delimited(random, "\t"),
    "jsonl": make_json_lines,
    "parquet": make_parquet,
    "arrow": make_arrow,
    "tfrecord": make_tfrecord,
}
