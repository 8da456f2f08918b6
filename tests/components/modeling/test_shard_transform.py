from pathlib import Path
from typing import Any

import pytest

from components.core.errors import DataError
from components.data.records.example_proto import decode_example, encode_example
from components.data.records.tfrecord import read_records, write_records
from components.modeling.shard_transform import ShardReport, ShardTransformer, merge_reports
from components.modeling.tiny_encoder import TINY_VOCABULARY
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules

SPEC = TokenizerSpec(
    vocabulary=TINY_VOCABULARY, rules=CleaningRules(lowercase=True, strip_accents=True), max_tokens=6
)


@pytest.fixture(scope="module")
def transformer() -> ShardTransformer:
    return ShardTransformer(SPEC, ["joy", "anger"])


def _write(path: Path, examples: list[dict[str, Any]]) -> Path:
    write_records(path, [encode_example(example) for example in examples])
    return path


def test_more_rows_than_a_batch_keep_their_order(transformer: ShardTransformer, tmp_path: Path) -> None:
    texts = [f"happy {number}" for number in range(9500)]
    source = _write(
        tmp_path / "in.tfrecord.gz",
        [{"id": [str(number)], "text": [text], "labels": ["joy"]} for number, text in enumerate(texts)],
    )
    report = transformer.transform(source, tmp_path / "out.tfrecord.gz")
    written = [decode_example(record) for record in read_records(tmp_path / "out.tfrecord.gz")]
    host = HostTokenizer(SPEC)
    assert report.rows == 9500
    assert [example["id"] for example in written] == [[str(number).encode()] for number in range(9500)]
    assert [example["token_ids"] for example in written] == [host.encode(text) for text in texts]


def test_an_empty_shard_gives_an_empty_shard(transformer: ShardTransformer, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.tfrecord.gz", [])
    assert transformer.transform(source, tmp_path / "out.tfrecord.gz") == ShardReport()
    assert list(read_records(tmp_path / "out.tfrecord.gz")) == []


def test_a_label_that_is_not_listed_is_refused(transformer: ShardTransformer, tmp_path: Path) -> None:
    source = _write(tmp_path / "in.tfrecord.gz", [{"id": ["a"], "text": ["so"], "labels": ["envy"]}])
    with pytest.raises(DataError, match=r"label 'envy' is not in the label list \(joy, anger\)"):
        transformer.transform(source, tmp_path / "out.tfrecord.gz")


def test_records_are_those_of_the_plain_encoder(transformer: ShardTransformer, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": ["a"], "text": ["happy"], "labels": ["anger", "joy"], "weight": [0.5]},
        {"id": ["naïve"], "text": [""], "labels": [], "weight": []},
        {"id": ["c"], "text": ["so so so so so so"]},
    ]
    transformer.transform(_write(tmp_path / "in.tfrecord.gz", rows), tmp_path / "out.tfrecord.gz")
    host = HostTokenizer(SPEC)
    assert list(read_records(tmp_path / "out.tfrecord.gz")) == [
        encode_example(
            {
                "id": row["id"],
                "token_ids": host.encode(row["text"][0]),
                "label_ids": label_ids,
                "weight": weight,
            }
        )
        for row, label_ids, weight in zip(rows, [[0, 1], [], []], [[0.5], [1.0], [1.0]], strict=True)
    ]


def test_other_records_are_refused(transformer: ShardTransformer, tmp_path: Path) -> None:
    for record in (b"\xff\xff", encode_example({"id": ["a"]})):
        write_records(tmp_path / "in.tfrecord.gz", [record])
        with pytest.raises(DataError, match=r"in\.tfrecord\.gz: no examples as ExampleGen writes them"):
            transformer.transform(tmp_path / "in.tfrecord.gz", tmp_path / "out.tfrecord.gz")


def test_reports_add_up_in_any_grouping() -> None:
    one = ShardReport(2, 1, 10, 3, {4: 1, 6: 1})
    two = ShardReport(1, 0, 5, 0, {6: 1})
    three = ShardReport(3, 2, 7, 1, {3: 3})
    merged = merge_reports([merge_reports([one, two]), three])
    assert merged == merge_reports([one, two, three])
    assert merged == ShardReport(6, 3, 22, 4, {4: 1, 6: 2, 3: 3})
    assert one.lengths == {4: 1, 6: 1}
