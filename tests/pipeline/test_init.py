import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.core.errors import DataError, UserError
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from pipeline.commands.data_look import look_at
from pipeline.commands.init import init_command
from pipeline.config import PipelineConfig, load_config

TEXTS = [
    "so happy today",
    "leave me alone, all of you",
    "thanks, that helped me a lot",
    "the bus leaves at nine",
]


def write_csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def init(data: Path, tmp_path: Path, **options: object) -> PipelineConfig:
    output = tmp_path / "emotion.yaml"
    arguments = {"text": None, "labels": None, "force": False, **options}
    init_command(data, output=output, **arguments)
    return load_config(output)


def test_a_csv_with_several_labels_a_text(tmp_path: Path):
    rows = [
        f'"{text}",{number},{labels}'
        for number, (text, labels) in enumerate(
            zip(TEXTS * 5, ["joy", "anger;sadness", "gratitude", "neutral"] * 5, strict=True)
        )
    ]
    config = init(write_csv(tmp_path / "my data.csv", "comment,id,emotions", rows), tmp_path)
    assert config.name == "my-data"
    assert (config.example_gen.columns.text, config.example_gen.columns.labels) == ("comment", "emotions")
    assert config.example_gen.columns.id == "id"
    assert config.example_gen.separator == ";"
    assert config.example_gen.sources()[0].uri == str(tmp_path / "my data.csv")


def test_columns_without_usual_names_are_told_by_their_content(tmp_path: Path):
    rows = [f"{number},{text.replace(',', '')},{number % 2}" for number, text in enumerate(TEXTS * 5)]
    config = init(write_csv(tmp_path / "data.csv", "a,b,c", rows), tmp_path)
    assert (config.example_gen.columns.text, config.example_gen.columns.labels) == ("b", "c")
    assert config.example_gen.separator is None


def test_a_column_of_0_and_1_for_each_label(tmp_path: Path):
    rows = [f"{number % 2},{text.replace(',', '')},{number % 2},0" for number, text in enumerate(TEXTS)]
    data = write_csv(tmp_path / "data.csv", "user,comment,joy,anger", rows)
    assert init(data, tmp_path).example_gen.columns.label_columns == ("joy", "anger")
    found = look_at(str(data), text=None, labels=None)
    assert (found.labels, found.counts) == (None, {"joy": 2, "anger": 0})


def test_semicolons_between_fields(tmp_path: Path):
    rows = [f"{text};joy, love" for text in TEXTS]
    config = init(write_csv(tmp_path / "data.csv", "comment;emotions", rows), tmp_path)
    assert config.example_gen.delimiter == ";"
    assert (config.example_gen.columns.labels, config.example_gen.separator) == ("emotions", ",")


def test_jsonl_parquet_and_splits(tmp_path: Path):
    rows = [{"text": text, "labels": ["joy"], "author": "a"} for text in TEXTS]
    directory = tmp_path / "splits"
    directory.mkdir()
    for split in ("train", "dev", "test"):
        (directory / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    config = init(directory, tmp_path)
    assert {source.split for source in config.example_gen.sources()} == {"train", "validation", "test"}
    assert config.example_gen.columns.group == "author"

    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    config = init(tmp_path / "data.parquet", tmp_path, force=True)
    assert config.example_gen.columns.labels == "labels"


def test_whatever_example_gen_reads_can_be_looked_at(tmp_path: Path):
    rows = "".join(f"{text.replace(',', '')},größer\n" for text in TEXTS)
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(f"text,label\n{rows}".encode("utf-16")))
    config = init(tmp_path / "data.csv.gz", tmp_path)
    assert config.example_gen.columns.labels == "label"

    records = [encode_example({"text": [text], "emotion": ["joy"]}) for text in TEXTS]
    write_records(tmp_path / "data.tfrecord", records)
    config = init(tmp_path / "data.tfrecord", tmp_path, force=True)
    assert config.example_gen.columns.labels == "emotion"


def test_the_configuration_is_commented_and_never_overwritten_unasked(tmp_path: Path):
    data = write_csv(tmp_path / "data.csv", "text,label", [f"{text.replace(',', '')},joy" for text in TEXTS])
    init(data, tmp_path)
    content = (tmp_path / "emotion.yaml").read_text(encoding="utf-8")
    assert content.count("#") > 5
    with pytest.raises(UserError, match=r"exists already; add --force"):
        init(data, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("data.csv", b"", DataError, "is empty"),
        ("data.csv", b"text,labels\n", DataError, "has no rows"),
        ("data.csv", "text,labels\nh\xe4ppy,joy\n".encode("latin-1"), DataError, "row 2: not UTF-8"),
        ("data.jsonl", b'{"text": "a"\n', DataError, "row 1: broken JSON"),
        ("data.jsonl", b"7\n", DataError, "row 1: broken JSON"),
        ("data.docx", b"zip", DataError, "data.docx"),
        ("data.csv", b"a,b\nx,1\ny,2\nz,3\n", UserError, "cannot tell which column holds the labels"),
        ("data.csv", b"text\nx\n", UserError, "has no column beside the text"),
    ],
)
def test_data_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], said: str
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        init(tmp_path / name, tmp_path)
    assert not (tmp_path / "emotion.yaml").exists()


def test_a_column_that_is_not_there(tmp_path: Path):
    data = write_csv(tmp_path / "data.csv", "text,label", ["a,joy", "b,anger"])
    with pytest.raises(UserError, match="no column 'mood' for --labels; there are text, label"):
        init(data, tmp_path, labels="mood")
