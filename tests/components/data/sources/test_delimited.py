import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import DataError
from components.data.sources.delimited import Dialect, read_delimited, read_header
from components.data.sources.rows import BrokenRow, Reason, Row


def read(text, dialect=None, wanted=(), delimiter=","):
    dialect = dialect or Dialect()
    header = read_header(lines_of(text), dialect, delimiter, where="a.csv", wanted=wanted)
    return list(read_delimited(lines_of(text), dialect, delimiter, header.columns, where="a.csv"))


def lines_of(text):
    return iter(io.StringIO(text, newline="").readlines())


def test_rows_carry_the_line_that_they_start_on():
    rows = read('text,labels\r\n"two\r\nlines",joy\r\n\r\nlast,fear\r\n')
    assert rows == [
        Row(2, {"text": "two\r\nlines", "labels": "joy"}, lines=2),
        Row(5, {"text": "last", "labels": "fear"}),
    ]


def test_quotes_are_characters_where_quoting_is_off():
    dialect = Dialect(None, False, ("text", "labels"))
    assert read('"half a quote\tjoy\n', dialect, delimiter="\t") == [
        Row(1, {"text": '"half a quote', "labels": "joy"})
    ]


def test_nul_is_a_character_like_others():
    assert read("text,labels\na\0b,joy\n")[0].values["text"] == "a\0b"


def test_a_wrong_number_of_columns_breaks_that_row_only():
    broken, good = read("text,labels\none,joy,extra\ntwo,fear\n")
    assert broken == BrokenRow(2, Reason.COLUMN_COUNT, "expected 2 (text, labels), got 3", "one,joy,extra")
    assert good.number == 3


def test_stray_quotes_break_that_row_only():
    broken, good = read('text,labels\n"so" he said,joy\ntwo,fear\n')
    assert (broken.reason, broken.number, broken.content) == (
        Reason.BROKEN_QUOTING,
        2,
        '"so" he said,joy\n',
    )
    assert good == Row(3, {"text": "two", "labels": "fear"})


def test_every_line_that_a_stray_quote_swallows_is_broken():
    *broken, last = read('text,labels\n"so this,joy\n\ntwo,fear\n"fine" he said,joy\nlast,fear\n')
    assert [(row.number, row.content) for row in broken] == [
        (2, '"so this,joy\n'),
        (4, "two,fear\n"),
        (5, '"fine" he said,joy\n'),
    ]
    assert {(row.reason, row.detail) for row in broken} == {
        (
            Reason.BROKEN_QUOTING,
            "a quote that is opened in row 2 goes on to row 5: ',' expected after '\"'",
        )
    }
    assert last == Row(6, {"text": "last", "labels": "fear"})


def test_an_unclosed_quote_is_a_mistake_about_the_file():
    with pytest.raises(
        DataError, match=r"a\.csv: row 3: a quote is opened and never closed.*`quoting: false`"
    ):
        read('text,labels\none,joy\n"two,fear\nthree,joy\n')


def test_large_fields_are_read():
    text = "x" * 1_000_000
    assert read(f"text,labels\n{text},joy\n")[0].values["text"] == text


def test_a_missing_column_names_what_is_there_and_the_nearest():
    with pytest.raises(
        DataError, match=r"a\.csv: no column 'text'; the columns are 'Text', 'label'; did you mean 'Text'"
    ):
        read("Text,label\none,joy\n", wanted=("text",))


def test_a_missing_header_names_the_remedy():
    with pytest.raises(DataError, match=r"no column 'text'.*`header: false` and `names`"):
        read("I love it,joy\n", wanted=("text",))


def test_another_delimiter_is_suggested():
    with pytest.raises(
        DataError, match=r"no column 'text'; the columns are 'text;labels'; set `delimiter: ';'`$"
    ):
        read("text;labels\none;joy\n", wanted=("text",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n", "has no rows"),
        ("t\udce9xt,labels\n", "row 1: the header is not UTF-8"),
        ('"text"x,labels\n', "row 1: the header cannot be read"),
    ],
)
def test_a_header_that_is_none_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        read(text)


def test_a_wanted_column_must_be_there_once():
    with pytest.raises(DataError, match="column 'text' is there twice"):
        read("text,text,labels\n", wanted=("text",))
    (row,) = read("text,note,note\none,two,three\n", wanted=("text",))
    assert row.values["text"] == "one"


def test_empty_fields_after_the_last_column_are_none():
    assert read("text,labels\none,joy,,\n") == [Row(2, {"text": "one", "labels": "joy"})]
    assert read("text,labels,,\none,joy\n") == [Row(2, {"text": "one", "labels": "joy", "": ""})]


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(rows=st.lists(st.tuples(FIELDS, FIELDS), max_size=6), end=st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_module_writes_is_read(rows, end):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("text", "labels"))
    writer.writerows(rows)
    assert [(row.values["text"], row.values["labels"]) for row in read(stream.getvalue())] == rows


@given(text=st.text(st.sampled_from('a,"\n\r\0'), max_size=40))
def test_no_content_is_too_strange(text):
    with contextlib.suppress(DataError):
        assert all(isinstance(row, Row | BrokenRow) for row in read("a,b\n" + text))
