"""What ExampleGen does about equal and nearly equal texts."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Examples
from components.core.errors import DataError
from components.example_gen import ExampleGenConfig, example_gen
from tests.components.data_stages import generate, read_all, read_split, write
from tests.components.progress import Recorder

FILLER = "this is text number {} and it has nothing to do with {} others of its kind at {}"
SEED = "the bus was late again and i walked home in the rain"
COPY = "The bus was late again, and i ran home in the rain!"


def lines(*rows: tuple[str, str]) -> str:
    return "".join(json.dumps({"text": text, "labels": label}) + "\n" for text, label in rows)


def unlike(count: int, start: int = 0) -> list[tuple[str, str]]:
    """Texts of few words in common."""
    return [(" ".join(f"w{start + 31 * row + word}" for word in range(8)), "joy") for row in range(count)]


def groups_of(examples: Examples) -> list[dict[str, Any]]:
    return [json.loads(line) for line in examples.duplicates_path.read_text(encoding="utf-8").splitlines()]


def given_splits(directory: Path, **settings: Any) -> Examples:
    train = [*unlike(20), (SEED, "sadness"), (SEED, "anger"), ("so happy today", "joy")]
    test = [
        *unlike(5, start=10_000),
        (COPY, "sadness"),
        ("So  HAPPY today", "joy"),
        ("so happy today", "joy"),
    ]
    files = {
        "train": write(directory / "train.jsonl", lines(*train)),
        "test": write(directory / "test.jsonl", lines(*test)),
    }
    return generate(directory, splits=files, **settings)


def test_duplicates_are_counted_and_listed(tmp_path: Path):
    examples = given_splits(tmp_path)
    found = examples.summary()["duplicates"]
    assert found["exact"] == {"groups": 2, "rows": 5, "surplus_rows": 3}
    assert found["near"] == {"groups": 1, "rows": 3, "surplus_rows": 2}
    (across,) = found["across_splits"]
    assert across["splits"] == ["test", "train"]
    assert (across["groups"], across["exact_groups"], across["rows"]) == (2, 1, [3, 3])
    assert across["examples"][0] == {"texts": [COPY, SEED], "similarity": pytest.approx(11 / 12, abs=1e-3)}
    assert found["within_splits"]["train"] == {"groups": 1, "surplus_rows": 1}
    assert found["conflicts"]["groups"] == 1
    assert found["conflicts"]["examples"] == [{"text": SEED, "labels": [["anger"], ["sadness"]]}]
    assert (found["dropped"], found["moved"]) == ({}, 0)
    listed = groups_of(examples)
    assert [group["rows"] for group in listed] == [3, 3]
    assert {member["split"] for member in listed[0]["members"]} == {"train", "test"}


def test_dropping_leaves_the_test_as_it_is_and_accounts_for_every_row(tmp_path: Path):
    examples = given_splits(tmp_path, duplicates={"policy": "drop"})
    summary = examples.summary()
    texts = [example["text"][0] for example in read_split(examples, "train")]
    assert SEED not in texts
    assert "so happy today" not in texts
    assert [example["text"][0] for example in read_split(examples, "test")][-2:] == [COPY, "So HAPPY today"]
    assert summary["duplicates"]["dropped"] == {"train": 3, "test": 1}
    assert summary["duplicates"]["across_splits"] == []
    kept = sum(entry["rows"] for entry in summary["splits"].values())
    assert sum(source["rows"] for source in summary["sources"]) == kept + 4


def test_texts_are_equal_only_where_their_contexts_are(tmp_path: Path):
    said = [
        {
            "text": "Yes I do",
            "context": f"Question {number // 2}?",
            "labels": "joy" if number % 4 < 2 else "fear",
        }
        for number in range(20)
    ]
    near = [
        {"text": text, "context": f"{text} at {row}", "labels": "joy"}
        for row, text in enumerate((SEED, COPY))
    ]
    source = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in said + near))
    columns, duplicates = {"context": "context"}, {"policy": "drop", "contexts": True}
    examples = generate(tmp_path, source=source, columns=columns, duplicates=duplicates)
    contexts = sorted(row["context"][0] for row in read_all(examples).values())
    assert contexts == sorted({row["context"] for row in said + near})
    found = examples.summary()["duplicates"]
    assert found["exact"] == {"groups": 10, "rows": 20, "surplus_rows": 10}
    assert (found["near"]["groups"], found["conflicts"]["groups"]) == (0, 0)


def test_contexts_that_the_model_does_not_read_hide_no_duplicate(tmp_path: Path):
    rows = [{"text": text, "context": f"{text} at {row}"} for row, text in enumerate((SEED, SEED, COPY))]
    splits = {
        name: write(
            tmp_path / f"{name}.jsonl", "".join(json.dumps({**row, "labels": "joy"}) + "\n" for row in held)
        )
        for name, held in (("train", rows[1:]), ("test", rows[:1]))
    }
    examples = generate(tmp_path, splits=splits, columns={"context": "context"})
    found = examples.summary()["duplicates"]
    assert (found["exact"]["groups"], found["near"]["groups"]) == (1, 1)
    assert sum(pair["groups"] for pair in found["across_splits"]) == 1


def test_nearly_equal_texts_with_one_context_are_duplicates(tmp_path: Path):
    rows = [
        {"text": text, "context": context, "labels": "joy"} for text, context in ((SEED, "Hi "), (COPY, "hi"))
    ]
    source = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    examples = generate(
        tmp_path, source=source, columns={"context": "context"}, duplicates={"contexts": True}
    )
    assert examples.summary()["duplicates"]["near"]["groups"] == 1


def test_a_headline_with_several_entities_is_no_duplicate(tmp_path: Path):
    rows = [{"text": SEED, "entities": {"bus": "negative", "rain": "neutral", "home": "positive"}}] * 2
    source = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    columns = {"context": "entities.key", "labels": "entities.value"}
    nested, duplicates = {"column": "entities"}, {"policy": "drop", "contexts": True}
    examples = generate(tmp_path, source=source, columns=columns, nested=nested, duplicates=duplicates)
    assert {tuple(row["context"]) for row in read_all(examples).values()} == {("bus",), ("rain",), ("home",)}
    found = examples.summary()["duplicates"]
    assert (sum(found["dropped"].values()), found["conflicts"]["rows"]) == (3, 0)


def test_failing_says_how_many_and_what_to_do(tmp_path: Path):
    with pytest.raises(DataError, match=r"2 groups .* two splits.*policy: drop"):
        given_splits(tmp_path, duplicates={"policy": "fail"})


def test_off_looks_for_nothing(tmp_path: Path):
    examples = given_splits(tmp_path, duplicates={"policy": "off"})
    assert examples.summary()["duplicates"] is None
    assert not examples.duplicates_path.exists()


def test_dealt_rows_stay_with_their_duplicates(tmp_path: Path):
    rows = unlike(300)
    rows += [(f"{text} edited", label) for text, label in rows[:150]]
    config = ExampleGenConfig(source=write(tmp_path / "texts.jsonl", lines(*rows)))
    examples, progress = Examples(tmp_path / "examples"), Recorder()
    examples.path.mkdir()
    example_gen(config=config, examples=examples, progress=progress)
    split_by_text = {
        example["text"][0]: split for split in examples.splits() for example in read_split(examples, split)
    }
    assert set(split_by_text.values()) == {"train", "validation", "test"}
    assert all(split_by_text[text] == split_by_text[f"{text} edited"] for text, _ in rows[:150])
    found = examples.summary()["duplicates"]
    assert found["moved"] > 0
    assert (found["across_splits"], found["largest_group"]) == ([], 2)
    together = {split: entry["rows"] for split, entry in examples.summary()["splits"].items()}
    assert found["rows_together"] == together != found["rows_dealt"]
    assert sum(found["rows_dealt"].values()) == 450
    (line,) = progress.lines
    assert f"{found['moved']} rows moved to the split of equal or nearly equal texts" in line
    assert "has 2 rows" in line


def test_groups_keep_their_split_before_duplicates_do(tmp_path: Path):
    rows = [{"text": SEED, "labels": "joy", "author": f"a{number}"} for number in range(60)]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    source = write(tmp_path / "texts.jsonl", content)
    examples = generate(tmp_path, source=source, columns={"group": "author"})
    assert len(examples.splits()) == 3
    assert all(examples.summary()["splits"][split]["rows"] for split in examples.splits())
    assert len(examples.summary()["duplicates"]["across_splits"]) == 3


def test_the_order_of_rows_does_not_change_the_splits(tmp_path: Path):
    rows = unlike(100)
    rows += [(f"{text} edited", label) for text, label in rows[:50]]
    one = generate(tmp_path / "one", source=write(tmp_path / "a" / "texts.jsonl", lines(*rows)))
    other = generate(tmp_path / "two", source=write(tmp_path / "b" / "texts.jsonl", lines(*rows[::-1])))

    def texts(examples: Examples, split: str) -> set[str]:
        return {example["text"][0] for example in read_split(examples, split)}

    assert all(texts(one, split) == texts(other, split) for split in one.splits())


def test_personal_data_are_in_no_file(tmp_path: Path):
    rows = [*unlike(30), ("write to ann.smith@example.org or call +44 20 7946 0958", "joy"), (SEED, "joy")]
    content = (
        lines(*rows) + '{"text": 5, "labels": "joy", "note": "bob@example.com"}\n{"text": "bob@example.com"\n'
    )
    examples = generate(
        tmp_path,
        source=write(tmp_path / "texts.jsonl", content),
        max_dead_letter_share=0.5,
        rows_per_shard=10,
    )
    summary = examples.summary()
    assert summary["masked"] == {"EMAIL": 1, "PHONE": 1}
    assert summary["masked_rows"] == 1
    assert "[EMAIL]" in examples.placeholders()
    texts = [example["text"][0] for example in read_all(examples).values()]
    assert "write to [EMAIL] or call [PHONE]" in texts
    assert len(list(examples.dead_letters_dir.iterdir())) == 1
    written = b"".join(
        path.read_bytes() for path in examples.path.rglob("*") if path.is_file() and path.suffix != ".gz"
    )
    assert b"example.com" not in written
    assert b"example.org" not in written
    assert not (examples.path / ".staging").exists()
