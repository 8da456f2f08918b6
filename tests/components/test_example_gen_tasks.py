"""What ExampleGen reads for other tasks than one list of labels: numbers, labels of several kinds, dialogues."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.core.artifacts import Examples
from components.core.errors import DataError
from components.example_gen import ExampleGenConfig
from tests.components.data_stages import SHARED_DATA, generate, needs_shared_data, read_all, read_split, write


def write_lines(path: Path, rows: list[object]) -> str:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def dead_letters(examples: Examples) -> list[dict[str, object]]:
    paths = sorted(examples.dead_letters_dir.glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_data_of_numbers_need_no_labels(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "text,valence,arousal\ngood,4.5,3\nwell,,nan\nbad,1e0,-2.25\n")
    examples = generate(tmp_path, source=source, columns={"targets": ["valence", "arousal"]})
    rows = read_all(examples)
    assert (examples.labels(), examples.targets()) == ((), ("valence", "arousal"))
    assert rows["a.csv:2"]["target/valence"] == [4.5]
    assert rows["a.csv:2"]["target/arousal"] == [3.0]
    assert not [name for name in rows["a.csv:3"] if name.startswith("target/")]
    assert rows["a.csv:4"]["target/arousal"] == [-2.25]


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e39", "high", "3,5", True, [1], {}])
def test_targets_that_are_no_finite_numbers_are_dead_letters(tmp_path: Path, value: object) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "hi", "v": 1}, {"text": "no", "v": value}])
    examples = generate(tmp_path, source=source, columns={"targets": ["v"]}, max_dead_letter_share=0.5)
    (letter,) = dead_letters(examples)
    assert (letter["row"], letter["reason"]) == (2, "bad target")
    assert "column 'v': expected a finite number, got" in str(letter["detail"])


def test_a_target_column_that_is_missing_stops_the_run(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "text,valence\ngood,4.5\n")
    with pytest.raises(DataError, match=r"no column 'valance'.*did you mean 'valence'"):
        generate(tmp_path, source=source, columns={"targets": ["valance"]})


def test_labels_of_several_kinds_stand_in_one_list(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "emotion": "joy", "polarity": "pos", "act": 1},
        {"text": "b", "emotion": ["joy", "anger"], "polarity": "neg", "act": 0},
        {"text": "c"},
    ]
    examples = generate(
        tmp_path,
        source=write_lines(tmp_path / "a.jsonl", rows),
        columns={
            "labels": "emotion",
            "more_labels": {
                "sentiment": {
                    "column": "polarity",
                    "names": ["neg", "neu", "pos"],
                    "mapping": {"neu": "pos"},
                },
                "act": "act",
            },
        },
    )
    assert examples.labels() == ("anger", "joy", "sentiment/pos", "sentiment/neg", "act/0", "act/1")
    found = {row["text"][0]: row["labels"] for row in read_all(examples).values()}
    assert found == {
        "a": ["joy", "sentiment/pos", "act/1"],
        "b": ["anger", "joy", "sentiment/neg", "act/0"],
        "c": [],
    }


def test_an_unknown_label_of_a_group_names_its_column(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "a", "polarity": "pso"}])
    group = {"column": "polarity", "names": ["neg", "pos"]}
    with pytest.raises(DataError, match=r"column 'polarity': 'pso' \(did you mean 'pos'\?\)"):
        generate(tmp_path, source=source, columns={"more_labels": {"sentiment": group}})


def test_a_group_without_any_label_names_its_setting(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [{"text": "a", "labels": "joy", "polarity": None}])
    with pytest.raises(DataError, match=r"no row has a label; check `columns.more_labels.sentiment`"):
        generate(
            tmp_path, source=source, columns={"labels": "labels", "more_labels": {"sentiment": "polarity"}}
        )


def test_a_first_label_named_like_a_group_is_a_dead_letter(tmp_path: Path) -> None:
    rows = [{"text": "a", "labels": "mood/up", "m": "x"}, {"text": "b", "labels": "joy", "m": "x"}]
    examples = generate(
        tmp_path,
        source=write_lines(tmp_path / "a.jsonl", rows),
        columns={"labels": "labels", "more_labels": {"mood": "m"}},
        max_dead_letter_share=0.5,
    )
    (letter,) = dead_letters(examples)
    assert "'mood/up' is named like the labels of `more_labels.mood`" in str(letter["detail"])


DIALOGUES = [
    {
        "id": "d1",
        "turns": [
            {"who": "Ann", "text": "Coffee?", "emotion": "neutral"},
            {"who": "Bob", "text": "Yes!", "emotion": "joyful"},
            {"who": "Ann", "text": "", "emotion": "sad"},
            {"who": "Bob", "text": "Cappuccino.", "emotion": "neutral"},
        ],
    },
    {"id": "d2", "turns": []},
    {"id": "d3", "turns": [{"who": "Cleo", "text": "Hello.", "emotion": "neutral"}]},
]
COLUMNS = {"text": "turns.text", "labels": "turns.emotion", "slices": ["turns.who"]}


def test_every_turn_of_a_dialogue_is_a_row(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", DIALOGUES)
    examples = generate(
        tmp_path,
        splits={"train": source},
        columns=COLUMNS,
        nested={"column": "turns", "context_rows": 2, "speaker": "turns.who"},
        max_dead_letter_share=0.3,
    )
    rows = {row["id"][0]: row for row in read_split(examples, "train")}
    assert list(rows) == ["a.jsonl:1.1", "a.jsonl:1.2", "a.jsonl:1.4", "a.jsonl:3.1"]
    assert "context" not in rows["a.jsonl:1.1"]
    assert rows["a.jsonl:1.4"]["context"] == ["Ann: Coffee? Bob: Yes!"]
    assert rows["a.jsonl:1.4"]["group"] == ["a.jsonl:1"]
    assert rows["a.jsonl:1.4"]["slice/turns.who"] == ["Bob"]
    summary = examples.summary()
    assert (summary["sources"][0]["rows"], summary["dead_letters"]) == (5, 1)
    (letter,) = dead_letters(examples)
    assert (letter["row"], letter["reason"], letter["detail"]) == (1, "empty text", "item 3: ")


def test_rows_of_one_record_stay_in_one_split(tmp_path: Path) -> None:
    rows = [{"turns": [{"text": f"{n} {t}", "emotion": "a"} for t in range(4)]} for n in range(200)]
    source = write_lines(tmp_path / "a.jsonl", rows)
    columns = {"text": "turns.text", "labels": "turns.emotion"}
    examples = generate(tmp_path, source=source, columns=columns, nested={"column": "turns"})
    groups = {split: {row["group"][0] for row in read_split(examples, split)} for split in examples.splits()}
    assert sum(map(len, groups.values())) == 200
    assert all(groups.values())


def test_dialogues_are_read_from_parquet_and_csv_too(tmp_path: Path) -> None:
    dialogues = [one for one in DIALOGUES if one["id"] != "d2"]
    turns = [one["turns"] for one in dialogues]
    pq.write_table(pa.table({"id": ["d1", "d3"], "turns": turns}), tmp_path / "a.parquet")
    lines = [json.dumps(json.dumps(turn))[1:-1].replace('\\"', '""') for turn in turns]
    write(tmp_path / "a.csv", "turns\n" + "".join(f'"{line}"\n' for line in lines))
    texts = []
    for name in ("a.parquet", "a.csv"):
        examples = generate(
            tmp_path / name.partition(".")[2],
            splits={"train": str(tmp_path / name)},
            columns=COLUMNS,
            nested={"column": "turns", "context_rows": 1},
            max_dead_letter_share=0.3,
        )
        texts.append([(row["text"], row.get("context")) for row in read_split(examples, "train")])
    assert texts[0] == texts[1]
    assert texts[0][-1] == (["Hello."], None)


def test_a_key_that_no_item_has_is_a_mistake(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", DIALOGUES)
    with pytest.raises(DataError, match=r"no column 'turns.emotoin'.*did you mean 'turns.emotion'"):
        generate(
            tmp_path,
            source=source,
            columns={"text": "turns.text", "labels": "turns.emotoin"},
            nested={"column": "turns"},
            max_dead_letter_share=0.3,
        )


def test_a_record_without_rows_is_a_dead_letter(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", [*DIALOGUES, {"id": "d4", "turns": 5}, {"id": "d5"}])
    examples = generate(
        tmp_path, source=source, columns=COLUMNS, nested={"column": "turns"}, max_dead_letter_share=0.9
    )
    assert [letter["row"] for letter in dead_letters(examples)] == [1, 4, 5]


def test_the_context_cannot_come_from_two_places() -> None:
    with pytest.raises(ValueError, match=r"`nested.context_rows` makes the context"):
        ExampleGenConfig(
            source="a.jsonl", columns={"context": "before"}, nested={"column": "turns", "context_rows": 1}
        )


def test_rows_that_have_their_text_in_common_are_not_dropped_as_duplicates() -> None:
    settings = {
        "columns": {"context": "entities.key", "labels": "entities.value"},
        "nested": {"column": "entities"},
    }
    with pytest.raises(ValueError, match=r"`duplicates.policy: drop` would leave one of them"):
        ExampleGenConfig(source="a.jsonl", duplicates={"policy": "drop"}, **settings)


@needs_shared_data
def test_all_utterances_of_the_dialogues_are_there(tmp_path: Path) -> None:
    examples = generate(
        tmp_path,
        splits={name: str(SHARED_DATA / f"emorynlp_dialog/{name}.jsonl") for name in ("train", "dev")},
        columns={"text": "turns.text", "labels": "turns.emotion", "group": "id"},
        nested={"column": "turns", "context_rows": 3},
    )
    rows = {split: entry["rows"] for split, entry in examples.summary()["splits"].items()}
    dead = examples.summary()["dead_letters"]
    assert sum(rows.values()) + dead == 7551 + 954
    assert len(examples.labels()) == 7
