import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.core.config import ExternalInput
from components.core.errors import DataError, EncoderError, StageError
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.modeling.dataset import read_split
from components.modeling.heads import Head
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.transform import TransformConfig, transform
from tests.components.toy_corpus import (
    LABELS,
    examples_of,
    needs_minilm,
    run_transform,
    toy_examples,
    toy_rows,
    write_examples,
)
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
    assert "segment_ids" not in first


def test_graph_holds_all_that_serving_needs(small: Any) -> None:
    _, graph, _ = small
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    assert spec.max_tokens == 32
    masked = ("CARD", "EMAIL", "IBAN", "ID", "IP", "PHONE", "URL", "USER")
    own = {"[NAME]": "xxname", "[RELIGION]": "xxreligion"}
    assert spec.rules.special_tokens == own | {f"[{kind}]": f"xx{kind.lower()}" for kind in masked}
    assert spec.rules.lowercase
    renamed = [row for row, token in enumerate(spec.vocabulary) if token != TINY_VOCABULARY[row]]
    assert [TINY_VOCABULARY[row] for row in renamed] == [f"[unused{number}]" for number in range(10)]
    assert [spec.vocabulary[row] for row in renamed] == list(spec.rules.special_tokens.values())
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
    with pytest.raises(EncoderError, match="64 free vocabulary rows"):
        run_transform(tmp_path, examples, special_tokens=[f"[T{number}]" for number in range(65)])


def test_placeholders_of_masked_data_are_special_tokens(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "call [PHONE] [NAME]", "labels": ["joy"]}]
    examples = write_examples(tmp_path, {"train": rows}, placeholders=("[PHONE]", "[NAME]", "[URL]"))
    graph, transformed = run_transform(tmp_path, examples)
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    assert list(spec.rules.special_tokens) == ["[NAME]", "[RELIGION]", "[PHONE]", "[URL]"]
    (record,) = _records(transformed, "train")
    tokens = [spec.vocabulary[index] for index in record["token_ids"]]
    assert tokens[-3:-1] == ["xxphone", "xxname"]


@pytest.mark.parametrize(
    ("policy", "pieces"),
    [
        ("keep", ["[UNK]"]),
        ("words", ["happy", "r", "##e", "##d", "h", "##e", "##ar", "##t"]),
        ("drop", ["happy"]),
    ],
)
def test_emoji_policy_is_part_of_the_tokenizer(policy: str, pieces: list[str], tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "happy❤️", "labels": ["joy"]}]
    graph, transformed = run_transform(tmp_path, write_examples(tmp_path, {"train": rows}), emoji=policy)
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    (record,) = _records(transformed, "train")
    assert record["token_ids"] == HostTokenizer(spec).encode("happy❤️")
    found = [spec.vocabulary[index] for index in record["token_ids"][1:-1]]
    assert "".join(found).replace("##", "") == "".join(pieces).replace("##", "")


def test_two_segments_hold_the_context_before_the_text(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "so happy", "context": "how was it", "labels": ["joy"]},
        {"id": "b", "text": "so sad", "labels": ["sadness"]},
        {"id": "c", "text": "so " * 20, "context": "how was it", "labels": ["anger"]},
    ]
    examples = write_examples(tmp_path, {"train": rows})
    graph, transformed = run_transform(tmp_path, examples, segments=2, max_tokens=10)
    host = HostTokenizer(TokenizerSpec.load(graph.tokenizer_dir))
    assert host.spec.segments == 2
    first, second, third = _records(transformed, "train")
    assert (first["token_ids"], first["segment_ids"]) == host.encode_pair("so happy", "how was it")
    assert first["segment_ids"] == [0, 0, 0, 0, 0, 1, 1, 1]
    assert (second["token_ids"], second["segment_ids"]) == (host.encode("so sad"), [0, 0, 0, 0])
    assert third["segment_ids"] == [0] * 10
    counted = transformed.summary()["splits"]["train"]
    assert counted == {"rows": 3, "longest": 10, "truncated": 1, "tokens": 5 + 2 + 8, "unknown_tokens": 0}


def test_the_tokenizer_graph_needs_tensorflow_text_alone(small: Any) -> None:
    _, graph, _ = small
    text = "I am SO happy, [NAME]! 😂"
    expected = HostTokenizer(TokenizerSpec.load(graph.tokenizer_dir)).encode(text)
    code = f"""
        import sys
        import tensorflow as tf, tensorflow_text
        tokenize = tf.saved_model.load({str(graph.tokenizer_graph_dir)!r}).signatures["serving_default"]
        outputs = tokenize(text=tf.constant([{text!r}, ""]))
        print(outputs["token_ids"].numpy()[0].tolist(), outputs["padding_mask"].numpy().sum(axis=1).tolist())
        print(not [name for name in sys.modules if name.split(".")[0] in ("components", "serving", "tflite")])
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    finished = subprocess.run(command, capture_output=True, check=True, text=True, cwd=graph.path)
    assert finished.stdout.splitlines() == [f"{expected} [{len(expected)}, 2]", "True"]


def test_words_of_the_domain_take_unused_rows(tmp_path: Path) -> None:
    rows = [
        {"id": str(number), "text": text, "labels": ["joy"]}
        for number, text in enumerate(["😂😂 brexit", "so brexit", "fun😂", "brexit 🫠", "day"] * 3)
    ]
    validation = [{**row, "text": row["text"].replace("🫠", "")} for row in rows[:5]]
    examples = write_examples(tmp_path, {"train": rows, "validation": validation, "test": rows[:1]})
    extension = {"min_count": 3, "min_pieces": 3}
    graph, transformed = run_transform(tmp_path, examples, vocabulary_extension=extension)
    document = json.loads(graph.extension_path.read_text(encoding="utf-8"))
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    added = {entry["token"]: entry for entry in document["added"]}
    # 🫠 is as frequent, but is no help on the validation split.
    assert set(added) == {"brexit", "😂", "##😂"}
    assert {token: entry["row"] for token, entry in added.items()} == {
        token: spec.vocabulary.index(token) for token in added
    }
    assert added["😂"]["pieces"] == ["[UNK]"]
    assert added["brexit"]["count"] == 9
    assert "".join(added["brexit"]["pieces"]).replace("##", "") == "brexit"
    host = HostTokenizer(spec)
    named = [index for word in host.words("face with tears of joy") for index in host.word_ids(word)]
    assert added["##😂"]["starts_from"] == named
    assert graph.added_tokens()[added["😂"]["row"]] == named
    assert document["before"]["unknown_rate"] > document["after"]["unknown_rate"] == 0
    assert document["before"]["tokens_per_text"] > document["after"]["tokens_per_text"]
    first = _records(transformed, "train")[0]["token_ids"]
    assert [spec.vocabulary[index] for index in first[1:-1]] == ["😂", "##😂", "brexit"]


def test_without_an_extension_nothing_is_added(small: Any) -> None:
    _, graph, _ = small
    assert not graph.extension_path.exists()
    assert graph.added_tokens() == {}


def test_an_extension_needs_a_split_to_measure_on(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=5, validation=None)
    with pytest.raises(DataError, match="vocabulary_extension needs the split 'validation'"):
        run_transform(tmp_path, examples, vocabulary_extension={})


@needs_minilm
def test_a_hugging_face_directory_needs_no_keras_to_be_tokenized_for(tmp_path: Path) -> None:
    examples = write_examples(tmp_path, {"train": [{"id": "a", "text": "so happy", "labels": ["joy"]}]})
    code = f"""
        import sys
        from pathlib import Path
        from components.core.artifacts import Examples, TransformedExamples, TransformGraph
        from components.transform import TransformConfig, transform
        graph, transformed = TransformGraph(Path("graph")), TransformedExamples(Path("transformed"))
        graph.path.mkdir()
        transformed.path.mkdir()
        examples = Examples(Path({str(examples.path)!r}))
        transform(config=TransformConfig(), examples=examples, transform_graph=graph, transformed=transformed)
        print("keras_hub" in sys.modules)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    finished = subprocess.run(
        command, capture_output=True, check=True, text=True, cwd=tmp_path, env=environment
    )
    assert finished.stdout.strip() == "False"


def test_a_local_encoder_is_part_of_the_cache_key(tmp_path: Path) -> None:
    directory = tmp_path / "encoders" / "mine"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    relative = TransformConfig.model_validate({"encoder": "./encoders/mine"}, context={"base": str(tmp_path)})
    assert relative.external_inputs() == (ExternalInput("encoder", str(directory)),)
    assert TransformConfig(encoder="tiny-random").external_inputs() == ()
    assert TransformConfig(encoder="bert_tiny_en_uncased").external_inputs() == ()
    shutil.rmtree(directory)
    (problem,) = relative.problems()
    assert problem.setting == "encoder"
    assert "config.json" in problem.message


def test_numbers_pass_through_in_their_order(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "so happy", "valence": 4.5, "arousal": "3"},
        {"id": "b", "text": "so sad", "valence": None, "arousal": -1.25},
        {"id": "c", "text": "so it was"},
    ]
    columns = {"id": "id", "targets": ["valence", "arousal"]}
    examples = examples_of(tmp_path, {"train": rows}, columns=columns, label_names=None)
    graph, transformed = run_transform(tmp_path, examples)
    assert (graph.targets(), graph.labels()) == (("valence", "arousal"), ())
    found = [record["targets"] for record in _records(transformed, "train")]
    np.testing.assert_array_equal(found, [[4.5, 3.0], [np.nan, -1.25], [np.nan, np.nan]])
    heads = (Head(task="regression", outputs=("arousal", "valence")),)
    dataset = read_split(transformed, "train", labels=(), targets=graph.targets(), heads=heads)
    np.testing.assert_array_equal(dataset.targets, np.array(found)[:, ::-1])
