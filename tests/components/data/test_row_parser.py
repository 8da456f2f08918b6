import math

import pytest

from components.data.labels import LabelReader
from components.data.row_parser import ColumnNames, RowParser
from components.data.rows import Reason, RowError

ALL = ColumnNames(
    "text", "labels", id="id", group="author", weight="weight", context="before", slices=("lang", "age")
)


def parse(values, columns=ALL):
    return RowParser(columns, LabelReader(None, {}, ",")).parse(values, default_id="a.csv:7")


def test_every_column_finds_its_feature():
    example = parse(
        {
            "text": " Hi ",
            "labels": "joy",
            "id": 5,
            "author": "x",
            "weight": "0.5",
            "before": "?",
            "lang": "en",
            "age": 30,
        }
    )
    assert dict(example.features()) == {
        "id": ["5"],
        "text": [" Hi "],
        "labels": ("joy",),
        "group": ["x"],
        "weight": [0.5],
        "context": ["?"],
        "slice/lang": ["en"],
        "slice/age": ["30"],
    }


@pytest.mark.parametrize("absent", [None, "", math.nan])
def test_absent_values_are_left_out(absent):
    names = ("id", "author", "before", "lang", "age")
    example = parse({"text": "hi", "weight": None, **dict.fromkeys(names, absent)})
    assert dict(example.features()) == {"id": ["a.csv:7"], "text": ["hi"], "labels": ()}


@pytest.mark.parametrize("text", [None, "", "  \t\n", "\u200b\ufeff", "\0", "\ufffd", math.nan])
def test_a_text_without_a_visible_character_is_empty(text):
    with pytest.raises(RowError) as caught:
        parse({"text": text})
    assert caught.value.reason is Reason.EMPTY_TEXT


@pytest.mark.parametrize("text", ["🙂", "a\0b", "é", "."])
def test_any_visible_character_is_text(text):
    assert parse({"text": text}).text == text


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "much", [1], {}])
def test_bad_weights(weight):
    with pytest.raises(RowError, match="expected a finite number from 0 up") as caught:
        parse({"text": "hi", "weight": weight})
    assert caught.value.reason is Reason.BAD_WEIGHT


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"text": 5}, Reason.WRONG_TYPE),
        ({"text": ["hi"]}, Reason.WRONG_TYPE),
        ({"text": "caf\udce9"}, Reason.NOT_UTF8),
        ({"text": "hi", "lang": "\ud800"}, Reason.NOT_UTF8),
        ({"text": "hi", "id": ["x"]}, Reason.WRONG_TYPE),
    ],
)
def test_other_values_are_refused(values, reason):
    with pytest.raises(RowError) as caught:
        parse(values)
    assert caught.value.reason is reason


def test_indicator_columns_replace_the_label_column():
    columns = ColumnNames("text", None, label_columns=("joy", "fear"))
    assert columns.wanted == ("text", "joy", "fear")
    assert parse({"text": "hi", "joy": "0", "fear": "1"}, columns).labels == ("fear",)


def test_values_of_columns_that_are_not_read_do_not_matter():
    assert parse({"text": "hi", "other": "\udce9"}).text == "hi"
