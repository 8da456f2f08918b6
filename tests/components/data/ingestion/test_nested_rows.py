import pytest

from components.data.ingestion.nested_rows import NestedRows
from components.data.sources.rows import Row, RowError


def expand(values, **settings):
    nested = NestedRows(**{"column": "turns", "text": "turns.text", **settings})
    return list(nested.expand(Row(7, values), "a.jsonl:7"))


TURNS = [
    {"speaker": "Ann", "text": "Coffee?"},
    {"speaker": "Bob", "text": " "},
    {"speaker": None, "text": "Thank you."},
    {"speaker": "Bob", "text": "Cappuccino."},
]


def test_each_item_is_a_row_with_what_belongs_to_the_record():
    rows = expand({"id": "d1", "turns": TURNS[:2]})
    assert [row.place for row in rows] == ["7.1", "7.2"]
    assert dict(rows[0].values) == {
        "id": "d1",
        "turns.speaker": "Ann",
        "turns.text": "Coffee?",
        "turns[record]": "a.jsonl:7",
    }


def test_the_context_is_what_was_said_before():
    contexts = [row.values["turns[context]"] for row in expand({"turns": TURNS}, context_rows=2)]
    assert contexts == ["", "Coffee?", "Coffee?", "Coffee? Thank you."]
    named = expand({"turns": TURNS}, context_rows=1, speaker="turns.speaker")
    assert [row.values["turns[context]"] for row in named] == [
        "",
        "Ann: Coffee?",
        "Ann: Coffee?",
        "Thank you.",
    ]


@pytest.mark.parametrize(
    "entities",
    [
        {"Gold": "positive", "Silver": "negative", "Tin": None},
        '{"Gold": "positive", "Silver": "negative"}',
        [("Gold", "positive"), ("Silver", "negative")],
        [{"key": "Gold", "value": "positive"}, {"key": "Silver", "value": "negative"}],
    ],
    ids=["object", "JSON text", "Arrow map", "list of objects"],
)
def test_each_entry_of_an_object_is_a_row(entities):
    rows = expand({"text": "Gold shines; Silver dull", "entities": entities}, column="entities", text="text")
    found = [(row.values["entities.key"], row.values["entities.value"], row.values["text"]) for row in rows]
    assert found == [
        ("Gold", "positive", "Gold shines; Silver dull"),
        ("Silver", "negative", "Gold shines; Silver dull"),
    ]


def test_an_entry_may_hold_columns_of_its_own():
    (row,) = expand({"turns": {"first": {"text": "hi"}}})
    assert (row.values["turns.key"], row.values["turns.text"]) == ("first", "hi")


def test_items_that_are_no_objects_are_values_and_no_items_are_no_rows():
    assert [row.values["turns.value"] for row in expand({"turns": ["hi", "hello"]})] == ["hi", "hello"]
    assert expand({"turns": []}) == []


@pytest.mark.parametrize("turns", [None, "hello", 5, "[1,", "[" * 100_000])
def test_what_holds_no_rows_is_refused(turns):
    with pytest.raises(RowError, match="column 'turns'"):
        expand({"turns": turns})
