import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from components.core.artifacts import Examples
from components.core.errors import DataError
from components.core.filesystem import content_digest
from components.example_gen import ExampleGenConfig, example_gen
from tests.components.data_stages import SHARED_DATA, generate, needs_shared_data, read_all, read_split, write

CSV = "id,text,labels\n" + "".join(
    f'{n},"text, number {n}",{"joy;pride" if n % 2 else "fear"}\n' for n in range(60)
)


class Lines:
    """A Progress that keeps what is to stay."""

    def __init__(self):
        self.logged = []

    def update(self, message, *, completed=None, total=None):
        pass

    def log(self, message):
        self.logged.append(message)


def settings(path, **more):
    return {"source": str(path), "columns": {"id": "id"}, "separator": ";", **more}


def test_one_csv_file_is_dealt_into_three_splits(tmp_path):
    examples = generate(tmp_path, **settings(write(tmp_path / "a.csv", CSV)))
    assert examples.splits() == ("train", "test", "validation")
    assert examples.labels() == ("fear", "joy", "pride")
    rows = read_all(examples)
    assert sorted(rows, key=int) == [str(n) for n in range(60)]
    assert rows["7"] == {"id": ["7"], "text": ["text, number 7"], "labels": ["joy", "pride"]}
    summary = examples.summary()
    assert sum(split["rows"] for split in summary["splits"].values()) == 60
    assert summary["dead_letters"] == 0
    assert summary["sources"] == [
        {
            "name": "a.csv",
            "format": "csv",
            "encoding": "utf-8",
            "rows": 60,
            "examples": {split: entry["rows"] for split, entry in sorted(summary["splits"].items())},
            "dead_letters": 0,
        }
    ]


def test_rows_keep_their_order(tmp_path):
    examples = generate(tmp_path, **settings(write(tmp_path / "a.csv", CSV)))
    for split in examples.splits():
        numbers = [int(example["id"][0]) for example in read_split(examples, split)]
        assert numbers == sorted(numbers)


def test_files_that_are_left_out_are_told(tmp_path):
    write(tmp_path / "data" / "a.csv", CSV)
    more = write(tmp_path / "data" / "more" / "b.csv", CSV)
    logged = Lines()
    examples = Examples(tmp_path / "examples")
    examples.path.mkdir()
    config = ExampleGenConfig.model_validate(settings(tmp_path / "data"))
    example_gen(config=config, examples=examples, progress=logged)
    (line,) = logged.logged
    assert "1 file in its directories" in line
    assert more in line


def test_a_row_of_many_lines_is_told(tmp_path):
    lines = ["text,labels", *(f"number {n},joy" for n in range(60))]
    lines[10], lines[40] = '"opened here,joy', 'and closed here",joy'
    logged = Lines()
    path = write(tmp_path / "a.csv", "\n".join(lines))
    examples = Examples(tmp_path / "examples")
    examples.path.mkdir()
    example_gen(config=ExampleGenConfig(source=path), examples=examples, progress=logged)
    assert logged.logged == [f"{path}: row 11 spans 31 lines; set `quoting: false`?"]


def test_lines_that_a_quote_swallows_count_as_dead_letters(tmp_path):
    lines = ["text,labels", *(f"number {n},joy" for n in range(1000))]
    lines[100], lines[900] = '"so this happened,joy', '"fine" he said,joy'
    path = write(tmp_path / "a.csv", "\n".join(lines))
    with pytest.raises(
        DataError, match=r"row 101: broken quoting.* in all 801 of 1,000 rows .*`quoting: false`"
    ):
        generate(tmp_path, source=path)


def test_two_runs_write_the_same_bytes(tmp_path):
    path = write(tmp_path / "a.csv", CSV)
    first, second = (generate(tmp_path / name, **settings(path)) for name in ("one", "two"))
    assert content_digest(str(first.path)) == content_digest(str(second.path))


def test_a_source_that_was_moved_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("one", "two"):
        source = write(tmp_path / name / "a.csv", CSV + "60,,joy\n")
        reviewed = write(tmp_path / name / "reviewed.csv", "row,kind,label,suggested,verdict\n")
        config = settings(source, corrections=[str(reviewed)], max_dead_letter_share=0.1)
        written.append(generate(tmp_path / name, **config))
    assert written[0].summary()["dead_letters"] == 1
    assert content_digest(str(written[0].path)) == content_digest(str(written[1].path))


def test_shards_are_limited_and_numbered(tmp_path):
    write(tmp_path / "data" / "train.csv", CSV)
    write(tmp_path / "data" / "test.csv", CSV)
    examples = generate(tmp_path, **settings(tmp_path / "data", rows_per_shard=25))
    names = [shard.name for shard in examples.shards("train")]
    assert names == [f"examples-0000{n}-of-00003.tfrecord.gz" for n in range(3)]
    assert [example["id"] for example in read_split(examples, "train")] == [[str(n)] for n in range(60)]


ROWS = [
    {"id": n, "text": f"text {n} é", "labels": ["joy"] if n % 2 else [], "weight": 0.5} for n in range(30)
]


def as_csv(rows):
    return "id,text,labels,weight\n" + "".join(
        f"{row['id']},{row['text']},{';'.join(row['labels'])},{row['weight']}\n" for row in rows
    )


def test_every_format_gives_the_same_examples(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    text = as_csv(ROWS)
    sources = {
        "csv": write(tmp_path / "a.csv", "\ufeff" + text.replace("\n", "\r\n")),
        "gz": write(tmp_path / "a.csv.gz", gzip.compress(text.encode())),
        "tsv": write(tmp_path / "a.tsv", text.replace(",", "\t")),
        "jsonl": write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in ROWS)),
        "parquet": str(tmp_path / "a.parquet"),
    }
    columns = {"id": "id", "weight": "weight"}
    found = {
        name: read_all(generate(tmp_path / name, source=path, columns=columns, separator=";"))
        for name, path in sources.items()
    }
    again = str(tmp_path / "csv" / "examples" / "Split-*" / "*.tfrecord.gz")
    found["tfrecord"] = read_all(generate(tmp_path / "again", source=again, columns=columns))
    assert found["csv"]["3"] == {"id": ["3"], "text": ["text 3 é"], "labels": ["joy"], "weight": [0.5]}
    assert all(examples == found["csv"] for examples in found.values())


def test_a_remote_directory_is_read(tmp_path):
    import fsspec

    for name in ("train", "dev"):
        with fsspec.open(f"memory://corpus/{name}.csv", "w") as stream:
            stream.write(CSV)
    examples = generate(tmp_path, **settings("memory://corpus"))
    assert {split: len(read_split(examples, split)) for split in examples.splits()} == {
        "train": 60,
        "validation": 60,
    }


def test_indicator_columns_slices_and_context(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "say,joy,fear,lang,before\nhello,1,0,en,hi\nbye,0,1,,\nmixed,1,1,de,\nflat,0,0,en,\n",
    )
    columns = {"text": "say", "label_columns": ["fear", "joy"], "slices": ["lang"], "context": "before"}
    examples = generate(tmp_path, source=path, columns=columns)
    assert examples.labels() == ("fear", "joy")
    rows = read_all(examples)
    assert rows["a.csv:2"] == {
        "id": ["a.csv:2"],
        "text": ["hello"],
        "labels": ["joy"],
        "slice/lang": ["en"],
        "context": ["hi"],
    }
    assert [rows[f"a.csv:{row}"]["labels"] for row in (3, 4, 5)] == [["fear"], ["fear", "joy"], []]


def test_labels_by_id_with_names_from_a_file_and_a_mapping(tmp_path):
    path = write(tmp_path / "a.tsv", "good day\t0 1\nbad day\t2\n")
    names = write(tmp_path / "labels.txt", "joy\nlove\nanger\n")
    config = {
        "source": path,
        "header": False,
        "names": ["text", "labels"],
        "separator": " ",
        "label_names": names,
        "label_mapping": {"joy": "positive", "love": "positive"},
    }
    examples = generate(tmp_path, **config)
    assert examples.labels() == ("positive", "anger")
    assert {key: row["labels"] for key, row in read_all(examples).items()} == {
        "a.tsv:1": ["positive"],
        "a.tsv:2": ["anger"],
    }
    assert [found.path for found in ExampleGenConfig.model_validate(config).external_inputs()] == [
        path,
        names,
    ]


def split_by_id(examples):
    return {example["id"][0]: split for split in examples.splits() for example in read_split(examples, split)}


def test_duplicates_of_a_text_stand_in_one_split(tmp_path):
    rows = "".join(f"{n},{'Same  Text' if n % 2 else 'same text '} {n // 10},joy\n" for n in range(200))
    placed = split_by_id(generate(tmp_path, **settings(write(tmp_path / "a.csv", "id,text,labels\n" + rows))))
    for start in range(0, 200, 10):
        assert len({placed[str(n)] for n in range(start, start + 10)}) == 1
    assert len(set(placed.values())) == 3


def test_groups_stand_in_one_split(tmp_path):
    rows = "".join(f"{n},text {n},joy,author {n % 20}\n" for n in range(200))
    path = write(tmp_path / "a.csv", "id,text,labels,author\n" + rows)
    placed = split_by_id(generate(tmp_path, **settings(path, columns={"id": "id", "group": "author"})))
    for author in range(20):
        assert len({placed[str(n)] for n in range(author, 200, 20)}) == 1


def test_by_id_a_row_keeps_its_split_when_its_text_changes(tmp_path):
    before = write(tmp_path / "a.csv", CSV)
    after = write(tmp_path / "b.csv", CSV.replace("text, number", "edited text"))
    first, second = (
        split_by_id(generate(tmp_path / name, **settings(path, split_by="id")))
        for name, path in (("one", before), ("two", after))
    )
    assert first == second


def test_a_validation_split_can_be_taken_from_train(tmp_path):
    splits = {"train": write(tmp_path / "a.csv", CSV), "test": write(tmp_path / "b.csv", CSV)}
    examples = generate(tmp_path, splits=splits, separator=";", validation_share=0.3)
    rows = {split: entry["rows"] for split, entry in examples.summary()["splits"].items()}
    assert rows["train"] + rows["validation"] == 60
    assert 8 <= rows["validation"] <= 28
    assert rows["test"] == 60


def test_a_split_that_no_row_falls_into_is_there_and_empty(tmp_path):
    examples = generate(tmp_path, **settings(write(tmp_path / "a.csv", "id,text,labels\n1,one,joy\n")))
    assert sorted(entry["rows"] for entry in examples.summary()["splits"].values()) == [0, 0, 1]
    assert all(len(examples.shards(split)) == 1 for split in ("train", "validation", "test"))


BAD_ROWS = b"""id,text,labels,weight
1,fine,joy,1
2,,joy,1
3,misspelt,joyy,1
4,too,many,columns,here
5,caf\xe9,joy,1
6,heavy,joy,lots
7,"so" what,joy,1
8,fine too,fear,
"""


def test_every_row_is_an_example_or_a_dead_letter(tmp_path):
    path = write(tmp_path / "a.csv", BAD_ROWS)
    lines = Lines()
    examples = Examples(tmp_path / "examples")
    examples.path.mkdir()
    config = settings(
        path,
        columns={"id": "id", "weight": "weight"},
        label_names=["joy", "fear"],
        label_mapping={"jooy": "joy"},
        max_dead_letter_share=0.9,
    )
    told = example_gen(config=ExampleGenConfig.model_validate(config), examples=examples, progress=lines)
    assert sorted(read_all(examples)) == ["1", "8"]
    letters = [
        json.loads(line)
        for file in sorted(examples.dead_letters_dir.iterdir())
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert [(letter["row"], letter["reason"]) for letter in letters] == [
        (3, "empty text"),
        (4, "unknown label"),
        (5, "wrong column count"),
        (6, "not UTF-8"),
        (7, "bad weight"),
        (8, "broken quoting"),
    ]
    assert all(letter["file"] == Path(path).name for letter in letters)
    assert letters[1]["detail"] == "'joyy' (did you mean 'joy'?)"
    assert letters[2]["content"] == "4,too,many,columns,here"
    summary = examples.summary()
    assert told["dead letters"] == summary["dead_letters"] == 6
    assert summary["dead_letters_by_reason"]["not UTF-8"] == 1
    assert summary["sources"][0]["rows"] == 8
    assert lines.logged == [
        "label_mapping maps what is not in the label list and has no effect: jooy",
        f"{path}: 6 dead letters, the first: row 3: empty text",
    ]


def test_long_content_is_cut(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "ok", "labels": "joy"}\n{"text": "' + "x" * 9000)
    examples = generate(tmp_path, source=path, max_dead_letter_share=0.5)
    (file,) = examples.dead_letters_dir.iterdir()
    assert len(json.loads(file.read_text())["content"]) == 500


@pytest.mark.parametrize(
    ("name", "content", "more", "message"),
    [
        ("a.csv", "", {}, r"a\.csv: is empty; expected rows"),
        ("a.csv", "text,labels\n", {}, r"a\.csv: has no rows"),
        ("a.jsonl", "\n\n", {}, r"a\.jsonl: has no rows"),
        ("a.csv", "body,labels\nx,joy\n", {}, r"a\.csv: no column 'text'; the columns are 'body', 'labels'"),
        ("a.csv", "x,joy\ny,fear\n", {}, r"a\.csv: no column 'text'.*`header: false` and `names`"),
        (
            "a.csv",
            b"text,labels\ncaf\xe9,joy\nok,joy\n",
            {},
            r"a\.csv: row 2: not UTF-8: column 'text'; in all 1 of 2 rows cannot be used \(50\.0%; .* 1\.0%\): convert",
        ),
        (
            "a.csv",
            "text,labels\nhi,happy\n",
            {"label_names": ["joy", "fear"]},
            r"a\.csv: row 2: unknown label: 'happy' \(expected one of 2 label names or ids\)",
        ),
        ("a.csv", "text,labels\nhi,7\n", {"label_names": ["joy", "fear"]}, "row 2: unknown label: '7'"),
        ("a.csv", "text,labels\nhi\n", {}, r"row 2: wrong column count: expected 2 \(text, labels\), got 1"),
        ("a.jsonl", '{"text": "hi"\n', {}, r"row 1: broken JSON"),
        ("a.csv", "text,labels\nhi,\nho,\n", {}, r"a\.csv: no row has a label"),
        ("a.json", "[]", {}, r"a\.json: cannot tell the format from the extension '\.json'"),
        ("a.csv", "text,labels\nhi,joy\n", {"label_names": "gone.txt"}, r"gone\.txt: no such file"),
        ("a.csv", 'text,labels\n"hi,joy\nho,fear\n', {}, "row 2: a quote is opened and never closed"),
    ],
)
def test_bad_input_is_told_in_one_line(tmp_path, name, content, more, message):
    from components.core.errors import UserError

    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as caught:
        generate(tmp_path, source=path, **more)
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    config = ExampleGenConfig(source=str(tmp_path / "gone.csv"))
    (problem,) = config.problems()
    assert problem.setting == "source"
    assert "gone.csv: no such file; check the path" in problem.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "a.csv"
    write(path, CSV)
    path.chmod(0)
    with pytest.raises(DataError, match=r"a\.csv: permission denied"):
        generate(tmp_path, source=str(path))


def test_the_second_bad_file_is_named(tmp_path):
    write(tmp_path / "a.csv", CSV)
    write(tmp_path / "b.csv", "text;labels\n")
    with pytest.raises(DataError, match=r"b\.csv: no column 'text'.*`delimiter: ';'`"):
        generate(tmp_path, source=str(tmp_path / "*.csv"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "give either `source`"),
        ({"source": "a", "splits": {"train": "b"}}, "give either `source`"),
        ({"splits": {"dev": "a", "validation": "b"}}, "dev, validation: two of these are the same split"),
        ({"source": "a", "header": False}, "`names` go with `header: false`"),
        ({"source": "a", "names": ["text"]}, "`names` go with `header: false`"),
        ({"source": "a", "split_shares": {"train": 0.5}}, "must sum up to 1, not 0.7"),
        ({"source": "a", "split_by": "group"}, "`split_by: group` needs `columns.group`"),
        ({"source": "a", "columns": {"labels": "l", "label_columns": ["joy"]}}, "not both"),
        (
            {"source": "a", "columns": {"label_columns": ["joy"]}, "label_names": ["joy"]},
            "`label_names` do not go",
        ),
        ({"source": "a", "label_names": ["joy", "joy"]}, "'joy' is named twice"),
        ({"source": "a", "label_names": ["joy "]}, "'joy ' cannot be a label name"),
        ({"source": "a", "label_mapping": "plutchik"}, "there is no label mapping 'plutchik'; shipped are"),
        ({"source": "a", "preset": "plutchik"}, "plutchik"),
        ({"source": "a", "delimiter": ";;"}, "at most 1 character"),
        ({"source": "a", "separatr": ";"}, "separatr"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        ExampleGenConfig.model_validate(values)


def test_relative_paths_start_at_the_configuration_file(tmp_path):
    splits = {
        "train": write(tmp_path / "data" / "a.csv", CSV),
        "test": write(tmp_path / "data" / "b.csv", CSV),
    }
    names = write(tmp_path / "labels.txt", "joy")
    relative = {"splits": {"train": "data/a.csv", "test": "data/*b.csv"}, "label_names": "labels.txt"}
    config = ExampleGenConfig.model_validate(relative, context={"base": tmp_path})
    assert [found.path for found in config.external_inputs()] == [splits["train"], splits["test"], names]


def test_a_preset_can_be_overridden():
    config = ExampleGenConfig.model_validate(
        {"preset": "goemotions", "source": "x", "header": True, "names": []}
    )
    assert (config.header, config.format, len(config.label_names)) == (True, "tsv", 28)


@needs_shared_data
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("mapping", "labels"), [(None, 28), ("goemotions-ekman", 7), ("goemotions-sentiment", 4)]
)
def test_goemotions(tmp_path, mapping, labels):
    more = {"label_mapping": mapping} if mapping else {}
    examples = generate(tmp_path, preset="goemotions", source=str(SHARED_DATA / "goemotions"), **more)
    rows = {split: entry["rows"] for split, entry in examples.summary()["splits"].items()}
    assert rows == {"train": 43_410, "validation": 5_426, "test": 5_427}
    assert examples.summary()["dead_letters"] == 0
    assert len(examples.labels()) == labels
    first = read_split(examples, "validation")[1]
    expected = {None: ["approval", "neutral"], "goemotions-ekman": ["joy", "neutral"]}
    assert first["labels"] == expected.get(mapping, ["positive", "neutral"])
    assert first["id"] == ["ee84bjg"]
