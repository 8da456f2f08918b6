"""Every kind of broken input: each row becomes an example or a dead letter, or one line says what to do about the file.

Nothing here is mocked: each case writes a file and runs ExampleGen on it.
"""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from components.core.errors import UserError
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from tests.components.data_stages import generate, read_all, write

HEAD = b"text,labels\n"
GOOD = HEAD + b"".join(b"some text %d,joy\n" % number for number in range(500))
ROW = {"text": "some text", "labels": "joy"}


@dataclass(frozen=True)
class Rows:
    """Input whose rows are all accounted for.

    Attributes:
        content: of the file.
        examples: numbers of the rows that become examples.
        dead: numbers and reasons of the others.
        settings: of ExampleGen.
        texts: what the examples say, where it matters.
    """

    content: bytes
    examples: Sequence[int]
    dead: Sequence[tuple[int, str]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    texts: Sequence[str] | None = None


ROWS = {
    "csv: blank lines": Rows(HEAD + b"\none,joy\n\n\ntwo,joy\n", [3, 6]),
    "csv: line ends of Windows": Rows(b"text,labels\r\none,joy\r\ntwo,joy\r\n", [2, 3]),
    "csv: line ends of the old Mac": Rows(b"text,labels\rone,joy\rtwo,joy\r", [2, 3]),
    "csv: line ends of all kinds": Rows(b"text,labels\r\none,joy\ntwo,joy\rthree,joy\n", [2, 3, 4]),
    "csv: no end of the last line": Rows(HEAD + b"one,joy", [2]),
    "csv: byte order mark": Rows(b"\xef\xbb\xbf" + HEAD + b"one,joy\n", [2]),
    "csv: byte order mark before a quote": Rows(b'\xef\xbb\xbf"text","labels"\n"one",joy\n', [2]),
    "csv: line ends inside quotes": Rows(HEAD + b'"one\ntwo\r\n",joy\nthree,joy\n', [2, 5]),
    "csv: doubled quotes": Rows(HEAD + b'"she said ""no""",joy\n', [2], texts=['she said "no"']),
    "csv: a quote within a field": Rows(HEAD + b'6" tall,joy\n', [2], texts=['6" tall']),
    "csv: text after a quoted field": Rows(HEAD + b'"so" what,joy\ntwo,joy\n', [3], [(2, "broken quoting")]),
    "csv: too many fields": Rows(HEAD + b"one,two,joy\nthree,joy\n", [3], [(2, "wrong column count")]),
    "csv: too few fields": Rows(HEAD + b"one\ntwo,joy\n", [3], [(2, "wrong column count")]),
    "csv: empty fields at the end of rows": Rows(HEAD + b"one,joy,,\ntwo,joy\n", [2, 3]),
    "csv: unnamed columns at the end": Rows(b"text,labels,,\none,joy,,\ntwo,joy\n", [2, 3]),
    "csv: other columns of equal names": Rows(b"text,x,x,labels\none,1,2,joy\n", [2]),
    "csv: spaces around names": Rows(b" text , labels\none,joy\n", [2]),
    "csv: NUL within text": Rows(HEAD + b"o\0ne,joy\ntwo,joy\n", [2, 3]),
    "csv: NUL for text": Rows(HEAD + b"\0\0,joy\ntwo,joy\n", [3], [(2, "empty text")]),
    "csv: a field of 10 MB": Rows(HEAD + b"x" * 10_000_000 + b",joy\ntwo,joy\n", [2, 3]),
    "csv: a field of 20 MB": Rows(
        HEAD + b"x" * 20_000_000 + b",joy\ntwo,joy\n", [3], [(2, "field too long")]
    ),
    "csv: white space for text": Rows(HEAD + b" \t ,joy\ntwo,joy\n", [3], [(2, "empty text")]),
    "csv: invisible characters for text": Rows(
        HEAD + "\u200b\u2060\ufeff,joy\ntwo,joy\n".encode(), [3], [(2, "empty text")]
    ),
    "csv: a row in another encoding": Rows(HEAD + b"caf\xe9,joy\ntwo,joy\n", [3], [(2, "not UTF-8")]),
    "csv: labels in another encoding": Rows(HEAD + b"one,jo\xff\ntwo,joy\n", [3], [(2, "not UTF-8")]),
    "csv: a character cut off at the end": Rows(HEAD + b"one,joy\ntwo,\xe2\x82", [2], [(3, "not UTF-8")]),
    "csv: overlong UTF-8": Rows(HEAD + b"a\xc0\xafb,joy\ntwo,joy\n", [3], [(2, "not UTF-8")]),
    "csv: surrogates in UTF-8": Rows(HEAD + b"a\xed\xa0\x80,joy\ntwo,joy\n", [3], [(2, "not UTF-8")]),
    "csv: windows-1252": Rows(
        HEAD + "größer,joy\nich fühle,joy\nschön,joy\n".encode("cp1252"),
        [2, 3, 4],
        texts=["größer", "ich fühle", "schön"],
    ),
    "csv: GB 18030": Rows(
        HEAD + "我今天非常高兴,joy\n他很生气,joy\n谢谢你的帮助,joy\n".encode("gb18030"),
        [2, 3, 4],
        texts=["我今天非常高兴", "他很生气", "谢谢你的帮助"],
    ),
    "csv: an encoding that is told": Rows(
        HEAD + "één\u0161,joy\n".encode("cp1257", "ignore"), [2], settings={"encoding": "Windows-1257"}
    ),
    "csv: told to be ASCII": Rows(
        HEAD + "é,joy\ntwo,joy\n".encode(), [3], [(2, "not UTF-8")], {"encoding": "ascii"}
    ),
    **{
        f"csv: {codec}": Rows((HEAD.decode() + "größer 😀,joy\n").encode(codec), [2], texts=["größer 😀"])
        for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    },
    "csv: half of a pair in UTF-16": Rows(
        (HEAD.decode() + "a\ud800b,joy\ntwo,joy\n").encode("utf-16-le", "surrogatepass"),
        [3],
        [(2, "not UTF-8")],
    ),
    "csv: UTF-16 cut within a character": Rows(
        (HEAD.decode() + "one,joy\ntwo,jo").encode("utf-16")[:-1], [2], [(3, "not UTF-8")]
    ),
    "csv: bad weights": Rows(
        b"text,labels,w\none,joy,nan\ntwo,joy,-1\nthree,joy,much\nfour,joy,1e999\nfive,joy,\nsix,joy,0.5\n",
        [6, 7],
        [(row, "bad weight") for row in (2, 3, 4, 5)],
        {"columns": {"weight": "w"}},
    ),
    "csv: unknown labels": Rows(
        HEAD + b"one,jy\ntwo,joy\nthree,7\nfour,-1\nfive,0\n",
        [3, 6],
        [(row, "unknown label") for row in (2, 4, 5)],
        {"label_names": ["joy", "fear"]},
    ),
    "csv: control characters in labels": Rows(HEAD + b"one,j\x07oy\ntwo,joy\n", [3], [(2, "unknown label")]),
    "csv: indicators that are none": Rows(
        b"text,joy\none,yes\ntwo,1\nthree,0.0\nfour,2\n",
        [3, 4],
        [(2, "wrong type"), (5, "wrong type")],
        {"columns": {"label_columns": ["joy"]}},
    ),
    "csv: quotes where there is no quoting": Rows(
        HEAD + b'"one,joy\n"two",joy\n', [2, 3], settings={"quoting": False}
    ),
    "tsv: commas in fields": Rows(
        b"text\tlabels\none, two\tjoy\n", [2], settings={"format": "tsv"}, texts=["one, two"]
    ),
    "jsonl: a line cut off": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": "two", "lab', [1], [(2, "broken JSON")]
    ),
    "jsonl: values that are no objects": Rows(
        b'{"text": "one", "labels": "joy"}\n["two", "joy"]\n"three"\n4\nnull\ntrue\n',
        [1],
        [(row, "broken JSON") for row in (2, 3, 4, 5, 6)],
    ),
    "jsonl: nested without end": Rows(
        b'{"text": "one", "labels": "joy"}\n' + b"[" * 100_000 + b"\n", [1], [(2, "broken JSON")]
    ),
    "jsonl: a number of 5,000 digits": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": ' + b"9" * 5000 + b"}\n", [1], [(2, "broken JSON")]
    ),
    "jsonl: half of a pair": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": "\\ud800", "labels": "joy"}\n', [1], [(2, "not UTF-8")]
    ),
    "jsonl: two objects on a line": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": "two"}{"text": "three"}\n', [1], [(2, "broken JSON")]
    ),
    "jsonl: Python's notation": Rows(
        b'{"text": "one", "labels": "joy"}\n{\'text\': \'two\'}\n', [1], [(2, "broken JSON")]
    ),
    "jsonl: a key that comes twice": Rows(
        b'{"text": "one", "text": "two", "labels": "joy"}\n', [1], texts=["two"]
    ),
    "jsonl: blank lines": Rows(b'\n{"text": "one", "labels": "joy"}\n \n\n', [2]),
    "jsonl: no text": Rows(
        b'{"text": "one", "labels": "joy"}\n{"labels": "joy"}\n{"text": null}\n{"text": NaN}\n{"text": ""}\n',
        [1],
        [(row, "empty text") for row in (2, 3, 4, 5)],
    ),
    "jsonl: text of other types": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": 2}\n{"text": ["three"]}\n{"text": {}}\n{"text": true}\n',
        [1],
        [(row, "wrong type") for row in (2, 3, 4, 5)],
    ),
    "jsonl: labels of other types": Rows(
        b'{"text": "one", "labels": ["joy"]}\n{"text": "two", "labels": {"joy": 1}}\n'
        b'{"text": "three", "labels": [["joy"]]}\n{"text": "four", "labels": 0.5}\n{"text": "five", "labels": true}\n',
        [1],
        [(row, "wrong type") for row in (2, 3, 4, 5)],
    ),
    "jsonl: a bad byte": Rows(
        b'{"text": "one", "labels": "joy"}\n{"text": "caf\xe9", "labels": "joy"}\n', [1], [(2, "not UTF-8")]
    ),
    "jsonl: a byte order mark within": Rows(
        b'{"text": "one", "labels": "joy"}\n\xef\xbb\xbf{"text": "two"}\n', [1], [(2, "broken JSON")]
    ),
    "jsonl: UTF-16": Rows('{"text": "größer", "labels": "joy"}\n'.encode("utf-16"), [1], texts=["größer"]),
    "jsonl: one line a list": Rows(b'["one"]\n{"text": "two", "labels": "joy"}\n', [2], [(1, "broken JSON")]),
    "csv.gz: several members": Rows(gzip.compress(HEAD + b"one,j") + gzip.compress(b"oy\ntwo,joy\n"), [2, 3]),
    "csv.gz: zeros after the end": Rows(gzip.compress(HEAD + b"one,joy\n") + bytes(512), [2]),
    "csv.zst: several frames": Rows(
        zstandard.compress(HEAD + b"one,j") + zstandard.compress(b"oy\ntwo,joy\n"), [2, 3]
    ),
    "csv.bz2: UTF-16": Rows(bz2.compress("text,labels\none,joy\n".encode("utf-16")), [2]),
    "csv.xz: a bad row": Rows(lzma.compress(HEAD + b"\xff,joy\ntwo,joy\n"), [3], [(2, "not UTF-8")]),
}


def as_parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, row_group_size=100)
    return stream.getvalue()


def as_arrow(**columns: Any) -> bytes:
    table = pa.table(columns)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return stream.getvalue()


def as_tfrecord(scratch: Path, *records: bytes) -> bytes:
    write_records(scratch / "records", records)
    return (scratch / "records").read_bytes()


def bad_text(*values: bytes | None) -> Any:
    """A text column whose bytes were never checked."""
    return pa.array(values, pa.binary()).view(pa.string())


ALL_WRONG = [(1, "wrong type"), (2, "empty text"), (3, "wrong type")]
THREE = ["one", "two", "three"]
COLUMNS = {
    "bytes that are not UTF-8": (
        {"text": bad_text(b"caf\xe9", b"two", None)},
        [2],
        [(1, "not UTF-8"), (3, "empty text")],
    ),
    "bytes for text": ({"text": pa.array([b"one", b"\xff", b"three"])}, [1, 3], [(2, "not UTF-8")]),
    "numbers for text": ({"text": pa.array([1, None, 3])}, [], ALL_WRONG),
    "structures for text": ({"text": pa.array([{"en": "one"}, None, {"en": "three"}])}, [], ALL_WRONG),
    "a dictionary of texts": (
        {"text": pa.array(["one", None, "one"]).dictionary_encode()},
        [1, 3],
        [(2, "empty text")],
    ),
    "nothing but nulls": ({"text": pa.nulls(3)}, [], [(row, "empty text") for row in (1, 2, 3)]),
    "labels that are not UTF-8": (
        {"text": THREE, "labels": pa.ListArray.from_arrays([0, 1, 2, 2], bad_text(b"jo\xff", b"joy"))},
        [2, 3],
        [(1, "not UTF-8")],
    ),
    "labels that are structures": (
        {"text": THREE, "labels": [[{"name": "joy"}]] * 3},
        [],
        [(row, "wrong type") for row in (1, 2, 3)],
    ),
    "points in time for labels": (
        {"text": THREE, "labels": pa.array([1, None, 2**62], pa.timestamp("ns"))},
        [1, 2, 3],
        [],
    ),
}
for _kind, (_columns, _examples, _dead) in COLUMNS.items():
    for _format, _make in (("parquet", as_parquet), ("arrow", as_arrow)):
        _content = _make(**{"labels": ["joy", "joy", "joy"], **_columns})
        ROWS[f"{_format}: {_kind}"] = Rows(_content, _examples, _dead)


def dead_letters(examples: Any) -> list[tuple[int, str]]:
    return sorted(
        (letter["row"], letter["reason"])
        for file in examples.dead_letters_dir.iterdir()
        for letter in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    )


@pytest.mark.parametrize("name", [name for name, case in ROWS.items() if case.examples])
def test_every_row_is_an_example_or_a_dead_letter(tmp_path, name):
    case = ROWS[name]
    path = write(tmp_path / f"a.{name.partition(':')[0]}", case.content)
    examples = generate(tmp_path, source=path, max_dead_letter_share=0.99, **case.settings)
    found = read_all(examples)
    assert sorted(found) == sorted(f"{Path(path).name}:{row}" for row in case.examples)
    assert dead_letters(examples) == sorted(case.dead)
    (source,) = examples.summary()["sources"]
    assert source["rows"] == len(case.examples) + len(case.dead)
    if case.texts is not None:
        assert [found[f"{Path(path).name}:{row}"]["text"] for row in case.examples] == [
            [text] for text in case.texts
        ]


@pytest.mark.parametrize("name", [name for name, case in ROWS.items() if not case.examples])
def test_a_file_of_dead_letters_is_an_error(tmp_path, name):
    case = ROWS[name]
    path = write(tmp_path / f"a.{name.partition(':')[0]}", case.content)
    row, reason = case.dead[0]
    message = rf"a\.\w+: row {row}: {reason}.*in all 3 of 3 rows cannot be used"
    with pytest.raises(UserError, match=message) as caught:
        generate(tmp_path, source=path, max_dead_letter_share=0.99)
    assert "\n" not in str(caught.value)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", GOOD)
    return stream.getvalue()


PARQUET = as_parquet(text=["some text"] * 500, labels=["joy"] * 500)
ARROW = as_arrow(text=["some text"] * 500, labels=["joy"] * 500)


def overwritten(content: bytes, begin: int, length: int = 16) -> bytes:
    return content[:begin] + b"\xff" * length + content[begin + length :]


FILES = {
    "a.csv: empty": (b"", "is empty; expected rows"),
    "a.csv: blank lines only": (b"\n\r\n\n", "has no rows; expected a header line and rows"),
    "a.csv: a byte order mark only": (b"\xef\xbb\xbf", "has no rows"),
    "a.csv: a header only": (HEAD, "has no rows"),
    "a.csv: no header": (b"I love it,joy\n", "no column 'text'.*`header: false` and `names`"),
    "a.csv: another delimiter": (b"text;labels\none;joy\n", "set `delimiter: ';'`"),
    "a.csv: another name": (b"txt,labels\none,joy\n", "no column 'text'.*did you mean 'txt'"),
    "a.csv: a wanted column twice": (b"text,text,labels\na,b,joy\n", "column 'text' is there twice; rename"),
    "a.csv: a header in another encoding": (
        b"t\xe9xt,labels\none,joy\n",
        "the header is not UTF-8; set `encoding`",
    ),
    "a.csv: a broken header": (b'"text"x,labels\none,joy\n', "the header cannot be read.*check `quoting`"),
    "a.csv: a header that never ends": (b'"text,labels\none,joy\n', "the header cannot be read"),
    "a.csv: a quote that never ends": (
        HEAD + b'one,joy\n"two,joy\nthree,joy\n',
        "row 3: a quote is opened and never",
    ),
    "a.csv: a gzip file": (gzip.compress(GOOD), r"is gzipped; give it a name that ends in \.gz"),
    "a.csv: a zstd file": (zstandard.compress(GOOD), r"ends in \.zst"),
    "a.csv: a bzip2 file": (bz2.compress(GOOD), r"ends in \.bz2"),
    "a.csv: an xz file": (lzma.compress(GOOD), r"ends in \.xz"),
    "a.csv: a zip archive": (zipped(), "is a zip archive.*unpack it"),
    "a.csv: a Parquet file": (PARQUET, "set `format: parquet`"),
    "a.csv: an old Excel file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save the sheet as CSV"),
    "a.csv: a web page": (b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "is a web page"),
    "a.csv: a pointer to a file": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "git lfs pull",
    ),
    "a.csv: a pickle": (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", "is a Python pickle"),
    "a.csv: a database": (b"SQLite format 3\0" + bytes(99), "is an SQLite database"),
    "a.csv: random bytes": (bytes(range(256)) * 20, "is no text"),
    "a.csv: zeros": (bytes(5000), "is no text"),
    "a.jsonl: empty": (b"", "is empty"),
    "a.jsonl: blank lines only": (b"\n \n", "has no rows"),
    "a.jsonl: one array": (b'[{"text": "one", "labels": "joy"},\n{"text": "two"}]', "is one JSON array.*jq"),
    "a.jsonl: one array on one line": (json.dumps([ROW] * 9000).encode(), "is one JSON array.*jq"),
    "a.jsonl: one object over lines": (
        json.dumps(ROW, indent=1).encode(),
        "row 1: broken JSON.*every line must be",
    ),
    "a.jsonl: no row has the text": (
        b'{"txet": "one", "labels": "joy"}\n',
        "no column 'text'.*did you mean 'txet'",
    ),
    "a.csv.gz: cut off": (gzip.compress(GOOD)[:-12], "broken gzip data.*copy the file again"),
    "a.csv.gz: not compressed": (GOOD, "broken gzip data.*rename it if it is not compressed"),
    "a.csv.gz: something after the end": (gzip.compress(GOOD) + b"rest", "broken gzip data"),
    "a.csv.gz: damaged": (overwritten(gzip.compress(GOOD), 30), "broken gzip data"),
    "a.csv.gz: compressed twice": (gzip.compress(gzip.compress(GOOD)), "is gzipped"),
    "a.csv.gz: nothing": (gzip.compress(b""), "is empty"),
    "a.csv.zst: cut off": (zstandard.compress(GOOD)[:-4], "broken zstd data.*cut off"),
    "a.csv.zst: damaged": (overwritten(zstandard.compress(GOOD), 20), "broken zstd data"),
    "a.csv.bz2: cut off": (bz2.compress(GOOD)[:-9], "broken bzip2 data"),
    "a.csv.xz: damaged": (overwritten(lzma.compress(GOOD), 40), "broken xz data"),
    "a.parquet: empty": (b"", "cannot be read as Parquet"),
    "a.parquet: text": (GOOD, "cannot be read as Parquet"),
    "a.parquet: cut off": (PARQUET[:-100], "cannot be read as Parquet"),
    "a.parquet: a broken footer": (overwritten(PARQUET, len(PARQUET) - 60), "cannot be read as Parquet"),
    "a.parquet: a broken page": (overwritten(PARQUET, 4, 40), "cannot be read as Parquet"),
    "a.parquet: no rows": (
        as_parquet(text=pa.array([], pa.string()), labels=pa.array([], pa.string())),
        "has no rows",
    ),
    "a.parquet: another name": (as_parquet(body=["one"], labels=["joy"]), "no column 'text'"),
    "a.parquet.gz: compressed outside": (gzip.compress(PARQUET), "cannot be read as Parquet"),
    "a.arrow: empty": (b"", "cannot be read as Arrow"),
    "a.arrow: text": (GOOD, "cannot be read as Arrow"),
    "a.arrow: cut off": (ARROW[: len(ARROW) // 2], "cannot be read as Arrow"),
    "a.arrow: a broken schema": (overwritten(ARROW, 40), "cannot be read as Arrow"),
    "a.arrow: no batches": (
        as_arrow(text=pa.array([], pa.string()), labels=pa.array([], pa.string())),
        "has no rows",
    ),
    "a.arrow: another name": (as_arrow(body=["one"], labels=["joy"]), "no column 'text'"),
    "a.tfrecord: empty": (b"", "has no rows"),
    "a.tfrecord: text": (GOOD, "record 1: broken header"),
    "a.zip: a zip archive": (zipped(), r"cannot tell the format.*'\.zip'.*unpack it"),
    "a.xlsx: a spreadsheet": (zipped(), r"cannot tell the format.*'\.xlsx'.*save the sheet as CSV"),
    "a.json: one array": (b"[]", r"cannot tell the format.*'\.json'.*JSON Lines"),
    "a: no extension": (GOOD, "cannot tell the format.*set `format`"),
}


@pytest.mark.parametrize("name", FILES)
def test_one_line_says_what_is_wrong_with_the_file(tmp_path, name):
    content, message = FILES[name]
    file = name.partition(":")[0]
    path = write(tmp_path / file, content)
    with pytest.raises(UserError, match=message) as caught:
        generate(tmp_path, source=path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


EXAMPLE = encode_example({"text": ["some text"], "labels": ["joy"]})
RECORDS = {
    "a checksum": (lambda records: records[:-2] + b"\xff\xff", "record 3: cut off or corrupt"),
    "a length": (lambda records: b"\xff" + records[1:], "record 1: broken header"),
    "cut off": (lambda records: records[:-20], "record 3: cut off or corrupt"),
    "cut off within a length": (lambda records: records + b"\1\0\0", "record 4: broken header"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_broken_tfrecord_file_is_told(tmp_path, name):
    damage, message = RECORDS[name]
    path = write(tmp_path / "a.tfrecord", damage(as_tfrecord(tmp_path, EXAMPLE, EXAMPLE, EXAMPLE)))
    with pytest.raises(UserError, match=rf"a\.tfrecord: {message}"):
        generate(tmp_path, source=path)


def test_a_record_that_is_no_example_is_told(tmp_path):
    path = write(tmp_path / "a.tfrecord", as_tfrecord(tmp_path, EXAMPLE, b"\xff\xff"))
    with pytest.raises(UserError, match=r"a\.tfrecord: record 2: no tf\.Example"):
        generate(tmp_path, source=path)


def test_features_of_other_types_are_dead_letters(tmp_path):
    records = (
        EXAMPLE,
        encode_example({"text": [1.5], "labels": ["joy"]}),
        encode_example({"text": [b"caf\xe9"], "labels": ["joy"]}),
        encode_example({"text": ["one", "two"], "labels": ["joy"]}),
        encode_example({"labels": ["joy"]}),
        b"",
    )
    path = write(tmp_path / "a.tfrecord", as_tfrecord(tmp_path, *records))
    examples = generate(tmp_path, source=path, max_dead_letter_share=0.99)
    assert list(read_all(examples)) == ["a.tfrecord:1"]
    assert dead_letters(examples) == [
        (2, "wrong type"),
        (3, "not UTF-8"),
        (4, "wrong type"),
        (5, "empty text"),
        (6, "empty text"),
    ]


def test_parquet_columns_of_equal_names_are_told(tmp_path):
    table = pa.table([["one"], ["two"], ["joy"]], names=["text", "text", "labels"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: column 'text' is there twice"):
        generate(tmp_path, source=str(tmp_path / "a.parquet"))


def test_a_directory_in_place_of_a_file_is_told(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(UserError, match=r"a\.csv: no"):
        generate(tmp_path, source=str(tmp_path / "a.csv"))


def test_a_link_to_nothing_is_told(tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(UserError, match=r"a\.csv: no such file"):
        generate(tmp_path, source=str(tmp_path / "a.csv"))


def test_one_broken_file_among_good_ones_is_named(tmp_path):
    write(tmp_path / "data" / "train.csv", GOOD)
    write(tmp_path / "data" / "test.csv.gz", gzip.compress(GOOD)[:-12])
    with pytest.raises(UserError, match=r"test\.csv\.gz: broken gzip data"):
        generate(tmp_path, source=str(tmp_path / "data"))


def test_the_corpus_is_large():
    assert len(ROWS) + len(FILES) + len(RECORDS) >= 120
