"""Verdicts of a person change exactly the rows that they are about, through the whole of ExampleGen."""

import json
from pathlib import Path

import pytest

from components.core.errors import DataError, UserError
from components.data.ingestion.corrections import COLUMNS, RowKey, read_corrections
from tests.components.data_stages import generate, read_all, write

_ROWS = [
    {"id": "a", "text": "I am so happy", "labels": ["anger"]},
    {"id": "b", "text": "what a day", "labels": ["joy"]},
    {"id": "c", "text": "i AM so  happy", "labels": ["anger"]},
    {"id": "d", "text": "I am so happy", "labels": ["anger", "joy"]},
    {"id": "e", "text": "buy now", "labels": []},
]


def _key(text, labels, context=None, targets=None):
    return str(RowKey.of(text, context, labels, targets or {}))


def _line(text, labels, verdict, label="", suggested="", kind="wrong", **more):
    row = _key(text, labels)
    return {"row": row, "kind": kind, "label": label, "suggested": suggested, "verdict": verdict, **more}


_REVIEWED = [
    _line("I am so happy", ["anger"], "change", "anger", "absent", id="a"),
    _line("I am so happy", ["anger"], "Change", "joy", "present", "missing", id="a"),
    _line("what a day", ["joy"], "keep", "joy", "absent", id="b"),
    _line("buy now", [], "drop", "joy", "present", "missing", id="e"),
    _line("a text of old", ["joy"], "drop", "joy", "absent", id="gone"),
    _line("what a day", ["joy"], "", "anger", "present", "missing", id="b"),
]


def _csv(lines, delimiter=","):
    table = [COLUMNS, *([line[column] for column in COLUMNS] for line in lines)]
    return "\ufeff" + "\r\n".join(delimiter.join(row) for row in table) + "\r\n"


def _json_lines(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def _generate(directory: Path, content: str | list[str], rows=_ROWS, **settings):
    source = write(directory / "rows.jsonl", _json_lines(rows))
    contents = [content] if isinstance(content, str) else content
    files = [write(directory / f"{number}.reviewed", text) for number, text in enumerate(contents)]
    options = {"columns": {"id": "id"}, "label_names": ["joy", "anger"], **settings}
    corrections = files[0] if isinstance(content, str) else files
    return generate(directory, source=source, corrections=corrections, **options)


def test_every_way_to_save_a_file_is_read_alike(tmp_path):
    contents = [_csv(_REVIEWED), _csv(_REVIEWED, ";"), _csv(_REVIEWED, "\t"), _json_lines(_REVIEWED)]
    files = [read_corrections(write(tmp_path / str(n), content)) for n, content in enumerate(contents)]
    for file in files:
        assert file.reviewed == 5
        assert file.judged == files[0].judged
        assert {key: change.labels for key, change in file.rows.items()} == {
            key: change.labels for key, change in files[0].rows.items()
        }


def test_verdicts_are_applied_and_counted(tmp_path):
    examples = _generate(tmp_path, _json_lines(_REVIEWED))
    labels = {id_: row["labels"] for id_, row in read_all(examples).items()}
    # Rows of the same content are the same; one with other labels is another.
    assert labels == {"a": ["joy"], "b": ["joy"], "c": ["joy"], "d": ["joy", "anger"]}
    (entry,) = examples.summary()["corrections"]
    assert entry.pop("name") == "0.reviewed"
    expected = {"reviewed": 5, "changed": 2, "dropped": 1, "unmatched": 1, "unmatched_ids": ["gone"]}
    assert entry == expected


def test_a_later_file_is_about_what_the_earlier_one_made(tmp_path):
    first = _json_lines([_line("what a day", ["joy"], "change", "joy", "absent")])
    second = _json_lines([_line("what a day", [], "change", "anger", "present", "missing")])
    examples = _generate(tmp_path / "right", [first, second])
    assert read_all(examples)["b"]["labels"] == ["anger"]
    with pytest.raises(DataError, match="none of its 1 corrections matches a row"):
        _generate(tmp_path / "wrong", [second, first])


def test_one_label_takes_the_place_of_another(tmp_path):
    line = _line("what a day", ["joy"], "change", "joy", "anger", "other")
    assert read_all(_generate(tmp_path, _json_lines([line])))["b"]["labels"] == ["anger"]


def test_numbers_contexts_and_labels_of_other_kinds(tmp_path):
    rows = [
        {"id": "a", "text": "yes", "before": "Sad?", "labels": "joy", "polarity": "good", "valence": 0.1},
        {"id": "b", "text": "yes", "before": "Glad?", "labels": "joy", "polarity": "good", "valence": 0.1},
    ]
    row = _key("yes", ["joy", "sentiment/good"], "Sad?", {"valence": 0.1})
    start = {"row": row, "verdict": "change"}
    lines = [
        {**start, "kind": "number", "label": "valence", "suggested": "-2.5"},
        {**start, "kind": "other", "label": "sentiment/good", "suggested": "sentiment/bad"},
    ]
    columns = {"id": "id", "context": "before", "labels": "labels", "targets": ["valence"]}
    columns["more_labels"] = {"sentiment": {"column": "polarity", "names": ["bad", "good"]}}
    found = read_all(_generate(tmp_path, _json_lines(lines), rows, columns=columns))
    assert found["a"]["labels"] == ["joy", "sentiment/bad"]
    assert found["a"]["target/valence"] == [-2.5]
    assert found["b"]["labels"] == ["joy", "sentiment/good"]
    assert found["b"]["target/valence"] == [pytest.approx(0.1)]


def test_a_label_list_keeps_labels_that_no_row_has_any_more(tmp_path):
    line = _line("what a day", ["joy"], "change", "joy", "absent")
    rows = [{"id": "b", "text": "what a day", "labels": ["joy"]}, {"id": "x", "text": "hm", "labels": ["no"]}]
    assert _generate(tmp_path, _json_lines([line]), rows, label_names=None).labels() == ("joy", "no")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "chnage"}, "line 1: `verdict` is 'chnage'; did you mean 'change'"),
        ({"kind": "odd"}, "`kind` is 'odd'; expected wrong, missing, other, number"),
        ({"suggested": "gone"}, "`suggested` is 'gone'; expected present, absent"),
        ({"suggested": ""}, "needs `label` and `suggested`"),
        ({"kind": "number", "suggested": "3,5"}, "expected a number, with a point"),
        ({"row": "1.2E+45"}, "'1.2E.45' is no `row` of an audit"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, changes, message):
    line = {**_line("what a day", ["joy"], "change", "joy", "absent"), **changes}
    with pytest.raises(DataError, match=message):
        read_corrections(write(tmp_path / "reviewed.jsonl", _json_lines([line])))


def test_a_label_that_the_data_do_not_have_is_refused(tmp_path):
    line = _line("what a day", ["joy"], "change", "joy", "angr", "other")
    with pytest.raises(DataError, match="nothing called 'angr'; did you mean 'anger'"):
        _generate(tmp_path, _json_lines([line]))


def test_contradictions_other_files_and_missing_ones_are_told(tmp_path):
    lines = [_line("what a day", ["joy"], verdict, "joy", "absent") for verdict in ("keep", "change")]
    contrary = write(tmp_path / "contrary.csv", _csv(lines))
    with pytest.raises(
        DataError, match=r"line 3: the verdict on 'joy' is 'change to absent' here and 'keep'"
    ):
        read_corrections(contrary)
    with pytest.raises(DataError, match="has no 'row', 'kind', 'suggested', 'verdict'; expected a file"):
        read_corrections(write(tmp_path / "other.csv", "text,label\nwhat,joy\n"))
    with pytest.raises(DataError, match="line 1: is no JSON object"):
        read_corrections(write(tmp_path / "broken.jsonl", "{oh no\n"))
    with pytest.raises(DataError, match="save it as `CSV UTF-8`"):
        read_corrections(write(tmp_path / "old.csv", "é".encode("latin-1")))
    with pytest.raises(UserError, match=r"none\.csv"):
        read_corrections(str(tmp_path / "none.csv"))


def test_a_key_is_of_content_alone():
    key = RowKey.of("So  HAPPY", None, ["joy", "anger"], {"v": 0.1})
    assert key == RowKey.of("so happy", "", ["anger", "joy"], {"v": 0.10000000149011612})
    assert key == RowKey.read(str(key))
    assert key.text == RowKey.of("so happy", None, [], {}).text
    assert key != RowKey.of("so happy", None, ["joy"], {"v": 0.1})
    assert key.text != RowKey.of("so happy", "hello", ["joy", "anger"], {"v": 0.1}).text
