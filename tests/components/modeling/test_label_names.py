from typing import Any

import keras
import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.heads import Head
from components.modeling.label_names import encode_label_names, start_from_names
from components.modeling.tiny_encoder import TINY_VOCABULARY
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules

TOKENIZER = TokenizerSpec(
    vocabulary=TINY_VOCABULARY, rules=CleaningRules(lowercase=True, strip_accents=True), max_tokens=16
)


@pytest.fixture(scope="module")
def backbone() -> Any:
    return load_backbone(resolve_encoder("tiny-random"))


def mean_vector(backbone: Any, text: str) -> Any:
    ids = np.array([HostTokenizer(TOKENIZER).encode(text)], np.int32)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    return backbone(inputs)["sequence_output"].numpy().mean(axis=1)[0]


def test_a_label_is_what_the_encoder_makes_of_its_name(backbone: Any) -> None:
    labels = ("Happy", "mood/very_sad", "27")
    vectors = encode_label_names(backbone, TOKENIZER, labels, {"27": "neither good nor bad"})
    assert list(vectors) == list(labels)
    for label, text in zip(labels, ("happy", "very sad", "neither good nor bad"), strict=True):
        np.testing.assert_allclose(vectors[label], mean_vector(backbone, text), atol=1e-5)


def test_a_description_of_no_label_is_refused(backbone: Any) -> None:
    with pytest.raises(ConfigError, match="no label 'joi'; there are joy, fear"):
        encode_label_names(backbone, TOKENIZER, ("joy", "fear"), {"joi": "being glad"})


def test_without_labels_there_is_nothing_to_encode(backbone: Any) -> None:
    assert encode_label_names(backbone, TOKENIZER, (), {}) == {}


HEADS = (
    Head(name="level", task="ordinal", outputs=("low", "middle", "high")),
    Head(name="mood", outputs=("happy", "sad")),
    Head(name="number", task="regression", outputs=("valence",), mean=(0.0,), std=(1.0,)),
    Head(name="kind", task="single_label", outputs=("work", "game", "life")),
)


def started(
    backbone: Any, heads: tuple[Head, ...], **settings: Any
) -> tuple[keras.Model, list[Any], dict[str, Any]]:
    """A network that started from names, its weights before, and the names' vectors."""
    config = ModelConfig(
        heads=heads,
        thresholds=(0.0,) * sum(len(head.outputs) for head in heads),
        max_tokens=16,
        encoder="tiny-random",
        backbone=BackboneConfig.of(backbone),
        **settings,
    )
    network = build_network(config)
    before = {variable.path: variable.numpy() for variable in network.trainable_variables}
    names = encode_label_names(backbone, TOKENIZER, [label for head in heads for label in head.outputs], {})
    start_from_names(network, heads, names)
    changed = [
        variable.path
        for variable in network.trainable_variables
        if not np.array_equal(variable.numpy(), before[variable.path])
    ]
    return network, changed, names


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("pooling", ["mean", "label_attention"])
def test_heads_of_labels_start_where_the_names_point_and_others_do_not(backbone: Any, pooling: str) -> None:
    network, changed, names = started(backbone, HEADS, pooling=pooling)
    attention = ["pooling/queries"] if pooling == "label_attention" else []
    assert sorted(changed) == sorted([*attention, "logits_mood/kernel", "logits_kind/kernel"])
    vectors = np.stack([names[label] for label in HEADS[3].outputs])
    kernel = network.get_layer("logits_kind").kernel.numpy()
    by_label = kernel if pooling == "label_attention" else kernel.T
    # On top of the random start, whose numbers are at most 0.04.
    assert by_label == pytest.approx(0.5 * unit(vectors - vectors.mean(axis=0)), abs=0.0401)
    if pooling == "label_attention":
        # A query for the levels, one for each label and number.
        queries = network.get_layer("pooling").queries.numpy().T
        expected = [names["happy"], names["sad"], None, *vectors]
        for query, vector in zip(queries[1:], expected, strict=True):
            assert query == pytest.approx(np.zeros(32) if vector is None else unit(vector), abs=1e-6)
        assert not queries[0].any()


def test_behind_a_hidden_layer_kernels_stay(backbone: Any) -> None:
    _, changed, _ = started(backbone, HEADS[1:2], pooling="label_attention", hidden_units=8)
    assert changed == ["pooling/queries"]


def test_no_text_says_a_label_more_than_its_own_name_before_training(backbone: Any) -> None:
    heads = (Head(outputs=("happy", "sad", "work", "game", "life")),)
    network, _, _ = started(backbone, heads, pooling="label_attention")
    # The network's encoder is random; give it the one that read the names.
    encoder = next(layer for layer in network.layers if isinstance(layer, type(backbone)))
    encoder.set_weights(backbone.get_weights())
    answers = []
    for label in heads[0].outputs:
        ids = np.array([HostTokenizer(TOKENIZER).encode(label)], np.int32)
        inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
        answers.append(network(inputs).numpy()[0])
    assert np.argmax(answers, axis=0).tolist() == [0, 1, 2, 3, 4]


def test_a_label_alone_has_no_others_to_differ_from(backbone: Any) -> None:
    network, _, _ = started(backbone, (Head(outputs=("happy",)),), pooling="mean")
    assert np.abs(network.get_layer("logits").kernel.numpy()).max() <= 0.0401
