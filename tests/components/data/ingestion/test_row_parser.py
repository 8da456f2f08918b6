import math
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from components.data.ingestion.cleaning import Cleaning
from components.data.ingestion.labels import LabelReader
from components.data.ingestion.row_parser import ColumnNames, RowParser
from components.data.ingestion.text_preparation import prepare_with
from components.data.pii.settings import Pii
from components.data.sources.rows import Reason, RowError

PREPARATION = prepare_with(Cleaning(), Pii())

ALL = ColumnNames(
    "text", "labels", id="id", group="author", weight="weight", context="before", slices=("lang", "age")
)


def parse(values, columns=ALL):
    return RowParser(columns, LabelReader(None, {}, ","), PREPARATION).parse(values, default_id="a.csv:7")


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
        "text": ["Hi"],
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


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 12), "2026-01-31 12:00:00"),
        (Decimal("5.50"), "5.50"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)
def test_values_of_other_types_that_have_one_text(value, told):
    example = parse({"text": "hi", "author": value, "lang": value})
    assert (example.group, example.slices["lang"]) == (told, told)


@pytest.mark.parametrize("text", [None, "", "  \t\n", "\u200b\ufeff", "\0", "\ufffd", math.nan])
def test_a_text_without_a_visible_character_is_empty(text):
    with pytest.raises(RowError) as caught:
        parse({"text": text})
    assert caught.value.reason is Reason.EMPTY_TEXT


@pytest.mark.parametrize("text", ["🙂", "a b", "é", "."])
def test_any_visible_character_is_text(text):
    assert parse({"text": text}).text == text


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "1e39", "much", [1], {}])
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


VOTED = ColumnNames("text", None, votes="votes", raters="raters")


def vote(votes, *, raters=None, share=0.5, names=None):
    reader = LabelReader(names, {"happy": "joy"}, ",")
    values = {"text": "hi", "votes": votes, "raters": raters}
    return RowParser(VOTED, reader, PREPARATION, share).parse(values, default_id="a")


@pytest.mark.parametrize(
    "votes",
    [
        {"joy": 2, "anger": 1, "fear": 0},
        '{"happy": 2, "anger": 1}',
        ["joy", "anger", "happy"],
        "joy,anger,joy",
    ],
)
def test_labels_come_from_votes(votes):
    example = vote(votes)
    assert example.votes == {"joy": 2, "anger": 1}
    assert example.labels == ("joy",)
    assert dict(example.features())["votes/counts"] == [2, 1]


def test_votes_are_a_share_of_the_raters():
    assert vote({"joy": 2, "anger": 1}, raters=4, share=0.5).labels == ("joy",)
    assert vote({"joy": 2, "anger": 1}, raters=5, share=0.5).labels == ()
    assert vote({"joy": 2, "anger": 1}, share=0.3).labels == ("joy", "anger")


@pytest.mark.parametrize("votes", [None, {}, [], {"joy": None}])
def test_a_row_without_votes_has_no_label(votes):
    example = vote(votes)
    assert example.labels == ()
    assert "votes/labels" not in example.features()


@pytest.mark.parametrize(
    "votes",
    [
        {"joy": -1},
        {"joy": 0.5},
        {"joy": "many"},
        {"joy": True},
        {"joy": math.nan},
        {"joy": 1e30},
        {"joy": 10**400},
        "{joy",
        '{"joy":' * 100_000,
    ],
)
def test_counts_of_votes_are_whole_numbers(votes):
    with pytest.raises(RowError) as caught:
        vote(votes)
    assert caught.value.reason is Reason.WRONG_TYPE


def test_votes_for_an_unknown_label_are_refused():
    with pytest.raises(RowError) as caught:
        vote({"yoy": 1}, names=("joy",))
    assert caught.value.reason is Reason.UNKNOWN_LABEL


def test_personal_data_are_masked_wherever_they_stand():
    example = parse(
        {
            "text": "mail ann@example.org now",
            "labels": "joy",
            "id": "ann@example.org",
            "author": "ann@example.org",
            "before": "see https://example.org/ann",
            "lang": "ann@example.org",
        }
    )
    assert example.text == "mail [EMAIL] now"
    assert example.context == "see [URL]"
    assert example.slices == {"lang": "[EMAIL]"}
    assert example.id == example.group
    assert example.id.startswith("pseudonym-")
    assert example.masked == {"EMAIL": 4, "URL": 1}
    assert "ann@" not in str(example.features())
