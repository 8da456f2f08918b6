import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.core.errors import EncoderError, StageError
from components.data.example_proto import decode_example
from components.data.tfrecord import read_records
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.transform import TransformConfig, transform
from tests.components.toy_corpus import LABELS, examples_of, run_transform, toy_examples, toy_rows
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

ROWS = [
    {"id": "a", "text": "I am SO happy, [NAME]!", "labels": ["neutral", "joy"], "weight": 1},
    {"id": "b", "text": "日本", "labels": [], "weight": 1},
    {"id": "c", "text": "happy " * 40, "labels": ["anger"], "weight": 0.25},
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Examples, TransformGraph, TransformedExamples]:
    directory = tmp_path_factory.mktemp("small")
    examples = examples_of(
        directory,
        {"train": ROWS, "validation": [{**row, "weight": 1} for row in toy_rows(5, seed=3)]},
        columns={"id": "id", "weight": "weight"},
    )
    return examples, *run_transform(directory, examples)


def _records(transformed: TransformedExamples, split: str) -> list[dict[str, Any]]:
    return [decode_example(record) for shard in transformed.shards(split) for record in read_records(shard)]


def test_writes_token_ids_label_ids_weights_and_ids(small: Any) -> None:
    _, graph, transformed = small
    host = HostTokenizer(TokenizerSpec.load(graph.tokenizer_dir))
    first, second, third = _records(transformed, "train")
    assert first == {
        "id": [b"a"],
        "token_ids": host.encode(ROWS[0]["text"]),
        "label_ids": [0, 3],
        "weight": [1.0],
    }
    assert second["label_ids"] == []
    assert third["weight"] == [0.25]
    assert len(third["token_ids"]) == 32


def test_graph_holds_all_that_serving_needs(small: Any) -> None:
    _, graph, _ = small
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    assert spec.max_tokens == 32
    assert spec.rules.special_tokens == {"[NAME]": "xxname", "[RELIGION]": "xxreligion"}
    assert spec.rules.lowercase
    renamed = [row for row, token in enumerate(spec.vocabulary) if token != TINY_VOCABULARY[row]]
    assert [(TINY_VOCABULARY[row], spec.vocabulary[row]) for row in renamed] == [
        ("[unused0]", "xxname"),
        ("[unused1]", "xxreligion"),
    ]
    assert graph.labels() == LABELS
    assert graph.encoder() == "tiny-random"


def test_counts_rows_lengths_truncation_and_unknown_tokens(small: Any) -> None:
    _, graph, transformed = small
    counted = transformed.summary()["splits"]["train"]
    assert counted == {"rows": 3, "longest": 32, "truncated": 1, "tokens": 7 + 2 + 30, "unknown_tokens": 2}
    lengths = json.loads(graph.lengths_path.read_text())
    assert lengths["train"] == {"4": 1, "9": 1, "32": 1}
    assert sum(lengths["validation"].values()) == 5


def test_summary_is_for_a_person(small: Any, tmp_path: Path) -> None:
    examples, _, _ = small
    graph, transformed = TransformGraph(tmp_path / "g"), TransformedExamples(tmp_path / "t")
    graph.path.mkdir()
    transformed.path.mkdir()
    summary = transform(
        config=TransformConfig(encoder="tiny-random"),
        examples=examples,
        transform_graph=graph,
        transformed=transformed,
    )
    assert summary["train rows"] == 3
    assert summary["validation rows"] == 5
    assert summary["truncated"] == "0.00%"


def test_output_bytes_depend_on_input_and_config_alone(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=50, validation=10, rows_per_shard=20)
    first, second = (run_transform(tmp_path / name, examples) for name in ("first", "second"))
    for one, other in zip(first, second, strict=True):
        files = sorted(path.relative_to(one.path) for path in one.path.rglob("*") if path.is_file())
        assert files
        assert [(one.path / file).read_bytes() for file in files] == [
            (other.path / file).read_bytes() for file in files
        ]
    assert [shard.name for shard in first[1].shards("train")] == [
        f"transformed-{number:05d}-of-00003.tfrecord.gz" for number in range(3)
    ]


def test_a_lost_row_stops_the_stage(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=20, validation=5)
    summary = examples.summary()
    summary["splits"]["train"]["rows"] = 21
    examples.summary_path.write_text(json.dumps(summary))
    with pytest.raises(StageError, match="split train: 21 examples were written but 20 transformed"):
        run_transform(tmp_path, examples)


def test_a_corrupt_shard_stops_the_stage(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=20, validation=5)
    shard = examples.shards("train")[0]
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(StageError, match="train"):
        run_transform(tmp_path, examples)


def test_casing_can_be_overridden(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=2, validation=2)
    graph, _ = run_transform(tmp_path, examples, casing="cased")
    rules = TokenizerSpec.load(graph.tokenizer_dir).rules
    assert (rules.lowercase, rules.strip_accents) == (False, False)


def test_a_limit_beyond_the_encoder_is_refused(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=2, validation=2)
    with pytest.raises(EncoderError, match="max_tokens is 513, but encoder 'tiny-random' takes at most 512"):
        run_transform(tmp_path, examples, max_tokens=513)


def test_more_special_tokens_than_free_rows_are_refused(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=2, validation=2)
    with pytest.raises(EncoderError, match="8 free vocabulary rows"):
        run_transform(tmp_path, examples, special_tokens=[f"[T{number}]" for number in range(9)])


def test_a_local_encoder_is_part_of_the_cache_key(tmp_path: Path) -> None:
    directory = tmp_path / "encoders" / "mine"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    relative = TransformConfig.model_validate({"encoder": "./encoders/mine"}, context={"base": str(tmp_path)})
    assert relative.external_inputs() == (str(directory),)
    assert TransformConfig(encoder="tiny-random").external_inputs() == ()
    assert TransformConfig(encoder="bert_tiny_en_uncased").external_inputs() == ()
    shutil.rmtree(directory)
    with pytest.raises(EncoderError, match=r"config\.json"):
        relative.external_inputs()
