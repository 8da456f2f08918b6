import csv
import io
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.core.errors import DataError
from components.data.sources import delimited, row_starts
from components.data.sources.delimited import Dialect
from components.data.sources.row_starts import RowStart, find_row_starts
from tests.components.data.sources.reading import read_units

PIECES = ["a", ",", '"', "\n", "\r", "\r\n", "é", "\0", "\ufeff", "x\n", '"x"\n', '"\n"', '"x" y']
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=40)


def starts_of(content, part_bytes, **settings):
    return find_row_starts(io.BytesIO(content), len(content), part_bytes, **settings)


def test_every_line_end_may_end_a_row():
    content = b"one\ntwo\r\nthree\rfour"
    assert starts_of(content, 1) == [RowStart(0, 1), RowStart(4, 2), RowStart(9, 3), RowStart(15, 4)]


def test_line_ends_inside_quotes_end_none():
    content = b'a,"b\nc"\nd,e\n"f\r\n\r\n",g\nh,i'
    assert starts_of(content, 1, delimiter=",") == [
        RowStart(0, 1),
        RowStart(8, 3),
        RowStart(12, 4),
        RowStart(22, 7),
    ]
    assert len(starts_of(content, 1)) == 7


def test_after_an_unclosed_quote_the_file_is_not_cut():
    assert starts_of(b'a,b\n"c,d\ne,f\ng,h\n', 1, delimiter=",") == [RowStart(0, 1), RowStart(4, 2)]


@pytest.fixture(params=[1, 2, 3, 5, 1 << 20], autouse=True)
def chunk_bytes(request, monkeypatch):
    monkeypatch.setattr(row_starts, "_CHUNK_BYTES", request.param)


def outcome(path, *settings, **more):
    """The rows of a file, or what is wrong with it."""
    try:
        return read_units(path, *settings, **more)[0]
    except DataError as err:
        return str(err)


@pytest.mark.parametrize("quoting", [True, False])
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_any_text_gives_the_same_rows_in_units_of_any_size(tmp_path, chunk_bytes, quoting, file_format):
    path = tmp_path / "a"
    dialect = Dialect(quoting=quoting, encoding="utf-8")

    @settings(max_examples=100, database=None)
    @given(text=TEXTS, unit_bytes=st.integers(1, 20))
    @example('a\n"b\n', 1)
    @example("\n\na,b\nc,d\n", 1)
    @example('\ufeff"a\n",b\nc,d\n', 1)
    @example("a\r\n\r\nb\r", 2)
    def check(text, unit_bytes):
        path.write_bytes(
            b"\xef\xbb\xbf"[: 3 * text.startswith("\ufeff")] + text.encode("utf-8", "surrogatepass")
        )
        whole = outcome(path, file_format, (), dialect)
        assert outcome(path, file_format, (), dialect, unit_bytes=unit_bytes) == whole

    check()


def test_units_have_at_least_the_wanted_size(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,labels\n" + b'"some, text",joy\n' * 1000)
    rows, plan = read_units(path, "csv", (), unit_bytes=1000)
    assert len(rows) == 1000
    assert len(plan.units) == 17
    edges = [unit.start for unit in plan.units]
    assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(edges))


def test_one_byte_encodings_are_cut_as_utf8_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,labels\n" + '"größer,\nschöner",joy\nübel,fear\n'.encode("cp1252") * 50)
    dialect = Dialect(encoding="cp1252")
    whole, plan = read_units(path, "csv", (), dialect)
    assert len(plan.units) == 1
    rows, plan = read_units(path, "csv", (), dialect, unit_bytes=100)
    assert len(plan.units) == 15
    assert rows == whole
    assert rows[0].values["text"] == "größer,\nschöner"


@pytest.mark.parametrize("line", ["x" * 60, "é" * 40, '"' + "x" * 60 + '"', '"' + "x\n" * 40 + '"'])
def test_fields_that_are_too_long_are_the_same_in_units(tmp_path, monkeypatch, line):
    """Bytes are counted where rows are found, characters where they are read."""
    monkeypatch.setattr(delimited, "_MAX_FIELD_CHARACTERS", 50)
    before = csv.field_size_limit(50)
    try:
        path = tmp_path / "a.csv"
        path.write_text(f"text,labels\none,joy\n{line},joy\ntwo,joy\nthree,joy\n", encoding="utf-8")
        assert outcome(path, "csv", (), unit_bytes=5) == outcome(path, "csv", ())
    finally:
        csv.field_size_limit(before)
