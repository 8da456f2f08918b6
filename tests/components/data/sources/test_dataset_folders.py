"""Data sets in the layouts of the `datasets` library and of TensorFlow Datasets."""

import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.core.errors import DataError
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.data.sources.delimited import Dialect
from components.data.sources.source_files import find_sources
from components.data.sources.source_units import plan_units
from components.example_gen import ExampleGenConfig
from tests.components.data.sources.reading import read_units
from tests.components.data_stages import generate, read_all, write

CLASS_LABEL = {"names": ["anger", "joy"], "_type": "ClassLabel"}


def table(labels, feature):
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": feature}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = {"text": [f"text {n}" for n in range(len(labels))], "label": labels}
    return pa.table(columns).replace_schema_metadata(metadata)


def save_arrow(path, content, *, stream=True, batch_rows=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(sink, content.schema) as writer:
        writer.write_table(content, max_chunksize=batch_rows)


def save_dataset(directory, content, *names):
    for name in names:
        save_arrow(directory / name, content)
    state = {"_data_files": [{"filename": name} for name in names], "_split": directory.name}
    write(directory / "state.json", json.dumps(state))
    write(directory / "dataset_info.json", "{}")


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_files_are_read_by_record_batches(tmp_path, stream):
    save_arrow(tmp_path / "a.arrow", table([0, 1, 1, 0, 1], CLASS_LABEL), stream=stream)
    wanted = ("text", "label")
    whole, plan = read_units(tmp_path / "a.arrow", "arrow", wanted)
    assert len(plan.units) == 1
    assert [(row.number, row.values["label"]) for row in whole] == [(1, 0), (2, 1), (3, 1), (4, 0), (5, 1)]
    rows, plan = read_units(tmp_path / "a.arrow", "arrow", wanted, unit_bytes=1)
    assert [unit.first_row for unit in plan.units] == [1, 3, 5]
    assert rows == whole
    assert plan.class_names == {"label": ("anger", "joy")}


def test_remote_arrow_files_are_read(tmp_path):
    save_arrow(tmp_path / "a.arrow", table([0, 1, 1], CLASS_LABEL))
    with fsspec.open("memory://arrow/a.arrow", "wb") as stream:
        stream.write((tmp_path / "a.arrow").read_bytes())
    rows, plan = read_units("memory://arrow/a.arrow", "arrow", ("label",), unit_bytes=1)
    assert [row.values["label"] for row in rows] == [0, 1, 1]
    assert len(plan.units) == 2


@pytest.mark.parametrize(
    "feature",
    [
        CLASS_LABEL,
        {"feature": CLASS_LABEL, "_type": "Sequence"},
        {"feature": CLASS_LABEL, "length": -1, "_type": "List"},
        [CLASS_LABEL],
    ],
)
@pytest.mark.parametrize("file_format", ["arrow", "parquet"])
def test_class_names_are_told_by_the_schema(tmp_path, feature, file_format):
    labels = [0, 1] if feature is CLASS_LABEL else [[0], [0, 1]]
    path = tmp_path / f"a.{file_format}"
    if file_format == "parquet":
        pq.write_table(table(labels, feature), path)
    else:
        save_arrow(path, table(labels, feature))
    rows, plan = read_units(path, file_format, ("text", "label"))
    assert plan.class_names == {"label": ("anger", "joy")}
    assert [row.values["label"] for row in rows] == labels


@pytest.mark.parametrize(
    "told", [b"{", b"[]", b'{"info": 3}', b'{"info": {"features": {"label": {"names": 7}}}}']
)
def test_other_schema_notes_name_no_classes(tmp_path, told):
    content = table([0], CLASS_LABEL).replace_schema_metadata({b"huggingface": told})
    pq.write_table(content, tmp_path / "a.parquet")
    _, plan = read_units(tmp_path / "a.parquet", "parquet", ("label",))
    assert plan.class_names == {}


def test_class_names_may_stand_beside_the_file(tmp_path):
    save_arrow(tmp_path / "a.arrow", table([0], CLASS_LABEL).replace_schema_metadata(None))
    write(tmp_path / "dataset_info.json", json.dumps({"features": {"label": CLASS_LABEL}}))
    _, plan = read_units(tmp_path / "a.arrow", "arrow", ("text", "label"))
    assert plan.class_names == {"label": ("anger", "joy")}


def test_a_saved_dataset_dict_holds_its_splits(tmp_path):
    write(tmp_path / "dataset_dict.json", '{"splits": ["train", "validation"]}')
    content = table([0, 1, 1], CLASS_LABEL)
    save_dataset(tmp_path / "train", content, "data-00000-of-00002.arrow", "data-00001-of-00002.arrow")
    save_dataset(tmp_path / "validation", content, "data-00000-of-00001.arrow")
    save_arrow(tmp_path / "train" / "cache-1234.arrow", content)
    found = find_sources(str(tmp_path), {}, None)
    assert [(source.name, source.split, source.format) for source in found] == [
        ("data-00000-of-00002.arrow", "train", "arrow"),
        ("data-00001-of-00002.arrow", "train", "arrow"),
        ("data-00000-of-00001.arrow", "validation", "arrow"),
    ]


def test_a_saved_dataset_holds_the_files_of_its_state(tmp_path):
    save_dataset(tmp_path, table([0], CLASS_LABEL), "data-00000-of-00001.arrow")
    save_arrow(tmp_path / "cache-1.arrow", table([0], CLASS_LABEL))
    (source,) = find_sources(str(tmp_path), {}, None)
    assert (source.name, source.split) == ("data-00000-of-00001.arrow", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"dataset_dict\.json: is no JSON"),
        ("[]", r"dataset_dict\.json: expected an object"),
        ("{}", r"dataset_dict\.json: expected a list under 'splits'"),
        ('{"splits": ["train"]}', r"train/state\.json: no such file"),
    ],
)
def test_a_broken_saved_dataset_is_told(tmp_path, content, message):
    from components.core.errors import UserError

    write(tmp_path / "dataset_dict.json", content)
    with pytest.raises(UserError, match=message):
        find_sources(str(tmp_path), {}, None)


def test_the_parquet_layout_of_the_hub(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        (tmp_path / "data").mkdir(exist_ok=True)
        pq.write_table(table([0, 1], CLASS_LABEL), tmp_path / "data" / f"{name}.parquet")
    write(tmp_path / "README.md", "x")
    found = find_sources(str(tmp_path), {}, None)
    assert [(source.split, source.format) for source in found] == [
        ("test", "parquet"),
        ("train", "parquet"),
        ("train", "parquet"),
    ]


def test_a_tensorflow_datasets_folder(tmp_path):
    record = encode_example({"text": ["I am glad"], "label": [1]})
    for name in (
        "train.tfrecord-00000-of-00002",
        "train.tfrecord-00001-of-00002",
        "test.tfrecord-00000-of-00001",
    ):
        write_records(tmp_path / f"emotions-{name}", [record])
    write(tmp_path / "features.json", "{}")
    write(tmp_path / "dataset_info.json", "{}")
    write(tmp_path / "label.labels.txt", "anger\njoy\n")
    found = find_sources(str(tmp_path), {}, None)
    assert [(source.split, source.format) for source in found] == [
        ("test", "tfrecord"),
        ("train", "tfrecord"),
        ("train", "tfrecord"),
    ]
    plan = plan_units(0, found[0], Dialect(), ("text", "label"))
    assert plan.class_names == {"label": ("anger", "joy")}
    write(tmp_path / "label.labels.txt", "joy\njoy\n")
    with pytest.raises(DataError, match="'joy' is named twice"):
        plan_units(0, found[0], Dialect(), ("text", "label"))


def test_a_data_set_with_class_names_needs_no_others(tmp_path):
    data = tmp_path / "emotions"
    for split in ("train", "test"):
        records = [encode_example({"text": [f"text {n}"], "label": [n % 2]}) for n in range(6)]
        data.mkdir(exist_ok=True)
        write_records(data / f"emotions-{split}.tfrecord-00000-of-00001", records)
    names = write(data / "label.labels.txt", "anger\njoy\n")
    settings = {"source": str(data), "columns": {"labels": "label"}}
    examples = generate(tmp_path, **settings)
    assert examples.labels() == ("anger", "joy")
    assert {tuple(row["labels"]) for row in read_all(examples).values()} == {("anger",), ("joy",)}
    assert names in [found.path for found in ExampleGenConfig.model_validate(settings).external_inputs()]


def test_classes_may_have_numbers_for_names(tmp_path):
    ratings = {"names": ["1", "2", "3"], "_type": "ClassLabel"}
    path = tmp_path / "stars.arrow"
    save_arrow(path, table([0, 1, 2], ratings))
    examples = generate(
        tmp_path, source=str(path), columns={"labels": "label", "more_labels": {"stars": "label"}}
    )
    found = {name: row["labels"] for name, row in read_all(examples).items()}
    assert found == {f"stars.arrow:{n}": [f"{n}", f"stars/{n}"] for n in (1, 2, 3)}


def test_a_change_of_class_names_is_one_of_the_data_for_every_kind_of_labels(tmp_path):
    source = tmp_path / "a.tfrecord"
    write_records(source, [encode_example({"text": ["hi"], "emotion": ["joy"], "polarity": [1]})])
    names = write(tmp_path / "polarity.labels.txt", "negative\npositive\n")
    columns = {"labels": "emotion", "more_labels": {"sentiment": "polarity"}}
    config = ExampleGenConfig.model_validate({"source": str(source), "columns": columns})
    assert names in [found.path for found in config.external_inputs()]


def test_files_that_name_different_classes_are_refused(tmp_path):
    for split, names in (("train", ["anger", "joy"]), ("test", ["joy", "anger"])):
        path = tmp_path / "data" / f"{split}.arrow"
        save_arrow(path, table([0, 1], {"names": names, "_type": "ClassLabel"}))
    settings = {"source": str(tmp_path / "data"), "columns": {"labels": "label"}}
    with pytest.raises(DataError, match=r"the files name different classes.*give `label_names`"):
        generate(tmp_path, **settings)
