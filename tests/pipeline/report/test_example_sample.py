import pytest

from components.core.artifacts import Examples
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from pipeline.report.example_sample import sample_examples


def rare_or_common(row):
    return "rare" if row % 97 == 0 else "common"


def shards_of(path, rows, *, rows_per_shard, label=rare_or_common):
    examples = Examples(path)
    records = [
        encode_example({"id": [f"row {row}"], "text": [f"text {row}"], "labels": [label(row)]})
        for row in range(rows)
    ]
    starts = range(0, rows, rows_per_shard)
    for split in ("train", "test"):
        examples.split_dir(split).mkdir(parents=True)
        for number, start in enumerate(starts):
            name = f"examples-{number:05d}-of-{len(starts):05d}.tfrecord.gz"
            write_records(examples.split_dir(split) / name, records[start : start + rows_per_shard])
    return examples


def test_the_sample_depends_on_the_examples_alone(tmp_path):
    whole = sample_examples(shards_of(tmp_path / "whole", 400, rows_per_shard=400))
    divided = sample_examples(shards_of(tmp_path / "divided", 400, rows_per_shard=70))
    assert whole == divided
    assert [text["id"] for text in whole.by_split["train"]] != [f"row {row}" for row in range(5)]
    assert len({text["id"] for text in whole.by_split["train"]}) == 5


def test_ids_that_repeat(tmp_path):
    examples = shards_of(tmp_path / "examples", 50, rows_per_shard=50)
    records = [
        encode_example({"id": ["same"], "text": [f"text {row}"], "labels": ["joy"]}) for row in range(50)
    ]
    write_records(examples.shards("train")[0], records)
    sample = sample_examples(examples)
    assert len({example["text"] for example in sample.by_split["train"]}) == 5


def test_rare_labels_have_texts_of_train(tmp_path):
    sample = sample_examples(shards_of(tmp_path / "examples", 400, rows_per_shard=400))
    assert [text["labels"] for text in sample.by_label["rare"]] == [["rare"]] * 2


def test_few_rows_of_many_are_read(tmp_path):
    sample = sample_examples(shards_of(tmp_path / "examples", 12_000, rows_per_shard=6_000))
    assert sample.searched == {"train": 10_000, "test": 10_000}


def test_the_rows_come_from_all_over_the_split(tmp_path):
    examples = shards_of(
        tmp_path / "examples", 120, rows_per_shard=10, label=lambda row: f"shard {row // 10}"
    )
    read = {int(label.split()[1]) for label in sample_examples(examples).by_label}
    assert read == {0, 1, 3, 4, 6, 7, 9, 10}


@pytest.mark.parametrize("content", [b"", b"not gzip", b"\x1f\x8b\x08\x00"])
def test_a_broken_shard_costs_its_own_texts_alone(tmp_path, content):
    examples = shards_of(tmp_path / "examples", 100, rows_per_shard=50)
    examples.shards("train")[0].write_bytes(content)
    sample = sample_examples(examples)
    assert sample.searched == {"train": 50, "test": 100}
