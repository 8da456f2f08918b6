from pathlib import Path

import numpy as np
import pytest

from components.core.errors import DataError, StageError
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.modeling.dataset import TokenDataset, pad_tokens, read_split
from components.modeling.heads import Head
from tests.components.toy_corpus import LABELS, examples_of, run_transform, write_examples

HEADS = (Head(outputs=LABELS),)


def test_padding() -> None:
    inputs = pad_tokens([np.array([5, 6, 7], np.int32), np.array([8], np.int32)])
    assert inputs["token_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert inputs["padding_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert inputs["segment_ids"].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert {value.dtype for value in inputs.values()} == {np.dtype("int32")}


def test_segments_are_padded_with_the_tokens() -> None:
    rows = [np.array(row, np.int32) for row in ([5, 6, 7], [8])]
    segments = [np.array(row, np.int32) for row in ([0, 1, 1], [0])]
    inputs = pad_tokens(rows, segments)
    assert inputs["segment_ids"].tolist() == [[0, 1, 1], [0, 0, 0]]
    assert inputs["segment_ids"].dtype == np.int32


def test_padding_no_rows() -> None:
    assert pad_tokens([])["token_ids"].shape == (0, 0)


def test_padding_to_a_given_length() -> None:
    inputs = pad_tokens([np.array([5, 6], np.int32)], length=4)
    assert inputs["token_ids"].tolist() == [[5, 6, 0, 0]]
    assert pad_tokens([np.array([5, 6], np.int32)], length=1)["token_ids"].tolist() == [[5, 6]]


def test_reads_what_transform_wrote(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "i am happy", "labels": ["joy", "neutral"], "weight": 2.5},
        {"id": "b", "text": "so", "labels": [], "weight": 1},
    ]
    examples = examples_of(tmp_path, {"train": rows}, columns={"id": "id", "weight": "weight"})
    _, transformed = run_transform(tmp_path, examples)
    dataset = read_split(transformed, "train", labels=LABELS, heads=HEADS)
    assert dataset.lengths.tolist() == [5, 3]
    assert [row.tolist() for row in dataset.rows()] == [
        dataset.tokens[:5].tolist(),
        dataset.tokens[5:].tolist(),
    ]
    assert dataset.targets.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert dataset.weights.tolist() == [2.5, 1.0]


def test_reads_two_segments(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "i am happy", "context": "so", "labels": ["joy"]},
        {"id": "b", "text": "so", "labels": []},
    ]
    _, transformed = run_transform(tmp_path, write_examples(tmp_path, {"train": rows}), segments=2)
    dataset = read_split(transformed, "train", labels=LABELS, heads=HEADS)
    segments = dataset.segment_rows()
    assert segments is not None
    assert [row.tolist() for row in segments] == [[0, 0, 0, 1, 1, 1, 1], [0, 0, 0]]
    batch = dataset.batch(np.array([1, 0]))
    assert batch.inputs["segment_ids"].tolist() == [[0] * 7, [0, 0, 0, 1, 1, 1, 1]]
    assert batch.inputs["padding_mask"].sum(axis=1).tolist() == [3, 7]


def test_texts_alone_have_no_segments(tmp_path: Path) -> None:
    _, transformed = run_transform(
        tmp_path, write_examples(tmp_path, {"train": [{"id": "a", "text": "so", "labels": []}]})
    )
    assert read_split(transformed, "train", labels=LABELS, heads=HEADS).segment_rows() is None


def test_an_empty_split_is_an_empty_dataset(tmp_path: Path) -> None:
    _, transformed = run_transform(tmp_path, write_examples(tmp_path, {"train": []}))
    dataset = read_split(transformed, "train", labels=LABELS, heads=HEADS)
    assert len(dataset) == 0
    assert dataset.rows() == []


def test_other_records_are_no_dataset(tmp_path: Path) -> None:
    _, transformed = run_transform(
        tmp_path, write_examples(tmp_path, {"train": [{"id": "a", "text": "so", "labels": []}]})
    )
    write_records(transformed.shards("train")[0], [encode_example({"text": ["so"]})])
    with pytest.raises(DataError, match="no examples as Transform writes them"):
        read_split(transformed, "train", labels=LABELS, heads=HEADS)


def test_a_missing_shard_is_noticed(tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": "i", "labels": ["joy"]} for number in range(4)]
    examples = examples_of(tmp_path, {"train": rows}, rows_per_shard=2)
    _, transformed = run_transform(tmp_path, examples)
    transformed.shards("train")[1].unlink()
    with pytest.raises(StageError, match="split train: 4 rows were written but 2 read"):
        read_split(transformed, "train", labels=LABELS, heads=HEADS)


def test_a_sample_keeps_what_belongs_to_its_rows() -> None:
    lengths = [1, 3, 2, 4, 1, 2]
    rows = [np.full(length, number, np.int32) for number, length in enumerate(lengths)]
    dataset = TokenDataset(
        tokens=np.concatenate(rows),
        starts=np.cumsum([0, *lengths]).astype(np.int64),
        targets=np.arange(6, dtype=np.float32)[:, np.newaxis],
        weights=np.arange(6, dtype=np.float32) + 1,
        segments=np.concatenate([row % 2 for row in rows]),
    )
    assert dataset.sample(1.0, seed=0) is dataset
    sample = dataset.sample(0.5, seed=0)
    numbers = sample.targets[:, 0].astype(int)
    assert len(sample) == len(set(numbers)) == 3
    segments = sample.segment_rows()
    assert segments is not None
    for number, row, own in zip(numbers, sample.rows(), segments, strict=True):
        np.testing.assert_array_equal(row, rows[number])
        np.testing.assert_array_equal(own, rows[number] % 2)
    np.testing.assert_array_equal(sample.weights, numbers + 1)
    again, other = dataset.sample(0.5, seed=0), [dataset.sample(0.5, seed=seed) for seed in range(1, 9)]
    np.testing.assert_array_equal(again.weights, sample.weights)
    assert any((drawn.weights != sample.weights).any() for drawn in other)
    assert len(dataset.sample(0.001, seed=0)) == 1
