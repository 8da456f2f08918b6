"""10,000 strange strings have the same token ids in Transform's records, in SavedModels and on the device's host."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.core import features
from components.core.artifacts import TransformedExamples, TransformGraph
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.modeling.tokenization import in_graph_tokenizer
from components.transform import TransformConfig, transform
from serving.description import HeadDescription
from serving.predictor import Predictor, encode_texts
from serving.saved_model import export_saved_model
from tests.components.strange_texts import strange_texts
from tests.components.toy_corpus import write_examples
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

COUNT = 10_000
TEXTS = strange_texts(COUNT, seed=20261125)
CONTEXTS = [*TEXTS[COUNT // 2 :], *[""] * (COUNT // 2)]
MAX_TOKENS = 24


@pytest.fixture(scope="module", params=["keep", "words", "drop"])
def emoji_policy(request: pytest.FixtureRequest) -> str:
    policy: str = request.param
    return policy


def _transform(directory: Path, **settings: Any) -> tuple[TransformGraph, list[dict[str, list[Any]]]]:
    rows = [
        {"id": str(number), "text": text, "context": context, "labels": []}
        for number, (text, context) in enumerate(zip(TEXTS, CONTEXTS, strict=True))
    ]
    examples = write_examples(directory, {"train": rows}, rows_per_shard=3000, placeholders=("[EMAIL]",))
    graph, transformed = TransformGraph(directory / "graph"), TransformedExamples(directory / "transformed")
    graph.path.mkdir()
    transformed.path.mkdir()
    config = TransformConfig.model_validate({"encoder": "tiny-random", "max_tokens": MAX_TOKENS, **settings})
    transform(config=config, examples=examples, transform_graph=graph, transformed=transformed)
    shards = transformed.shards("train")
    return graph, [decode_example(record) for shard in shards for record in read_records(shard)]


def _different(found: list[Any], expected: list[Any]) -> list[str]:
    return [text for text, one, other in zip(TEXTS, found, expected, strict=True) if one != other]


def test_one_segment(emoji_policy: str, tmp_path: Path) -> None:
    graph, records = _transform(tmp_path, emoji=emoji_policy)
    spec = TokenizerSpec.load(graph.tokenizer_dir)
    host = HostTokenizer(spec)
    expected = [host.encode(text) for text in TEXTS]
    assert [record[features.ID] for record in records] == [[str(number).encode()] for number in range(COUNT)]
    assert _different([record[features.TOKEN_IDS] for record in records], expected) == []
    assert _different(_ids_of_saved_model(spec, tmp_path / "saved_model"), expected) == []
    known = sum(len(ids) - 2 - ids.count(spec.unknown_id) for ids in expected)
    assert known > 4 * COUNT, "most words must be known, or equality proves little"


def test_two_segments(emoji_policy: str, tmp_path: Path) -> None:
    graph, records = _transform(tmp_path, emoji=emoji_policy, segments=2)
    host = HostTokenizer(TokenizerSpec.load(graph.tokenizer_dir))
    expected = [host.encode_pair(text, context) for text, context in zip(TEXTS, CONTEXTS, strict=True)]
    found = [(record[features.TOKEN_IDS], record[features.SEGMENT_IDS]) for record in records]
    assert _different(found, expected) == []
    tokenize = tf.saved_model.load(str(graph.tokenizer_graph_dir)).signatures["serving_default"]
    encoded = {name: tf.constant([text.encode() for text in rows]) for name, rows in _sides().items()}
    outputs = {name: tensor.numpy() for name, tensor in tokenize(**encoded).items()}
    assert (
        _different(
            list(zip(_rows(outputs, "token_ids"), _rows(outputs, "segment_ids"), strict=True)), expected
        )
        == []
    )
    assert sum(1 in segments for _, segments in expected) > COUNT // 8, "contexts must fit often enough"


def _sides() -> dict[str, list[str]]:
    return {"text": TEXTS, "context": CONTEXTS}


def _ids_of_saved_model(spec: TokenizerSpec, directory: Path) -> list[list[int]]:
    """The ids by the signature `tokenize` of a SavedModel whose network does nothing."""
    export_saved_model(
        directory,
        network=lambda inputs: tf.cast(inputs["padding_mask"][:, :1], tf.float32),
        tokenizer=in_graph_tokenizer(spec),
        decide=lambda scores: scores >= 0.5,
        heads=[HeadDescription("emotion", "multi_label", ("joy",))],
        thresholds=[0.5],
    )
    predictor = Predictor(directory)
    try:
        outputs = predictor.run("tokenize", {"text": encode_texts(TEXTS)})
    finally:
        predictor.close()
    return _rows(outputs, "token_ids")


def _rows(outputs: dict[str, np.ndarray], name: str) -> list[list[int]]:
    lengths = outputs["padding_mask"].sum(axis=1)
    return [row[:length].tolist() for row, length in zip(outputs[name], lengths, strict=True)]
