"""Every pooling, with and without a hidden layer, on heads of every task: trained, saved, loaded and converted."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from components.core.artifacts import Model
from components.modeling.classifier import (
    BackboneConfig,
    ModelConfig,
    build_network,
    load_model,
    save_model,
    scoring_network,
)
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.head_layers import vector_count
from components.modeling.heads import Head, output_names
from components.modeling.tiny_encoder import TINY_VOCABULARY
from tflite.converter import convert
from tflite.host_tokenizer import TokenizerSpec
from tflite.session import Session
from tflite.text import CleaningRules

HEADS = (
    Head(outputs=("joy", "anger", "fear")),
    Head(name="sentiment", task="single_label", outputs=("bad", "good")),
    Head(name="strength", task="ordinal", outputs=("none", "some", "much")),
    Head(name="valence", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,)),
)
POOLINGS = ("mean", "cls", "max", "attention", "label_attention")
START = np.float32([-1, 0, 1, 0.5, -0.5, 1, -1, 0.25])
SEPARATOR = TINY_VOCABULARY.index("[SEP]")
TEXTS = ([10, 30, 11], [10, 30, 41, 52, 63, 74, 11], [10, *range(40, 60), 11])


def _network(*, trained: bool = False, **settings: Any) -> tuple[keras.Model, ModelConfig]:
    keras.utils.set_random_seed(2)
    backbone = load_backbone(resolve_encoder("tiny-random"))
    samples = settings.pop("dropout_samples", 1)
    heads = settings.pop("heads", HEADS)
    config = ModelConfig(
        heads=heads,
        thresholds=(0.0,) * len(output_names(heads)),
        max_tokens=24,
        encoder="tiny-random",
        for_tests_only=True,
        backbone=BackboneConfig.of(backbone),
        **settings,
    )
    start = START if heads is HEADS else None
    network = build_network(config, backbone=backbone, initial_logits=start, dropout_samples=samples)
    if trained:
        generator = np.random.default_rng(3)
        for weight in network.weights:
            if weight.path.split("/")[0] in ("pooling", "hidden") or "logits" in weight.path:
                weight.assign_add(generator.normal(0, 0.3, weight.shape))
    return network, config


def _inputs(*rows: list[int]) -> dict[str, Any]:
    width = max(map(len, rows))
    ids = np.array([[*row, *[0] * (width - len(row))] for row in rows], np.int32)
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": (ids != 0).astype(np.int32)}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("hidden_units", [None, 12])
def test_padding_and_the_other_texts_of_a_batch_do_not_matter(pooling: Any, hidden_units: int | None) -> None:
    network, _ = _network(pooling=pooling, hidden_units=hidden_units, trained=True)
    together = network(_inputs(*TEXTS)).numpy()
    assert together.shape == (3, len(START))
    assert np.ptp(together, axis=0).min() > 1e-3
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(together[row], network(_inputs(text)).numpy()[0], atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_it_starts_near_the_initial_logits(pooling: Any) -> None:
    network, _ = _network(pooling=pooling)
    np.testing.assert_allclose(network(_inputs(*TEXTS)).numpy(), np.tile(START, (3, 1)), atol=0.7)


def test_label_attention_gives_every_output_its_own_vector_and_projection() -> None:
    network, _ = _network(pooling="label_attention", heads=HEADS[:1], trained=True)
    attention, head = network.get_layer("pooling"), network.get_layer("logits")
    before = network(_inputs(*TEXTS)).numpy()
    for weight, axis in ((attention.queries, 1), (head.kernel, 0)):
        values = weight.numpy().copy()
        changed = values.copy()
        own = (slice(None),) * axis + (1,)
        changed[own] += np.random.default_rng(4).normal(size=changed[own].shape)
        weight.assign(changed)
        apart = np.abs(network(_inputs(*TEXTS)).numpy() - before).max(axis=0)
        weight.assign(values)
        assert apart[1] > 1e-3
        np.testing.assert_array_equal(apart[[0, 2]], 0)
    assert vector_count(HEADS) == 3 + 2 + 1 + 1


@pytest.mark.parametrize("settings", [{}, {"pooling": "label_attention", "hidden_units": 8}])
def test_a_network_trained_with_several_dropout_samples_is_loaded_without(
    settings: Any, tmp_path: Path
) -> None:
    network, config = _network(**settings, dropout=0.5, dropout_samples=4, trained=True)
    inputs = _inputs(*TEXTS)
    copies = network(inputs, training=True).numpy()
    assert copies.shape == (12, len(START))
    assert not np.allclose(copies[:3], copies[3:6], atol=1e-3)
    rules = CleaningRules(lowercase=True, strip_accents=True)
    tokenizer = TokenizerSpec(vocabulary=TINY_VOCABULARY, rules=rules, max_tokens=24)
    save_model(Model(tmp_path), network=network, config=config, tokenizer=tokenizer)
    loaded = load_model(Model(tmp_path))
    assert loaded.config.hidden_units == settings.get("hidden_units")
    np.testing.assert_allclose(loaded.network(inputs), network(inputs), atol=1e-6)
    assert loaded.network(inputs, training=True).shape == (3, len(START))


@pytest.mark.parametrize(
    ("pooling", "hidden_units"),
    [("max", None), ("attention", None), ("label_attention", 12)],
)
def test_converts_to_tflite_with_builtin_operations(pooling: Any, hidden_units: int | None) -> None:
    network, _ = _network(pooling=pooling, hidden_units=hidden_units, trained=True)
    scores = scoring_network(network, HEADS)
    files = convert(scores, max_tokens=24, separator_id=SEPARATOR)
    interpreter = Interpreter(model_content=files["float32"])
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not {name for name in names if name.startswith(("Flex", "CUSTOM"))}
    for text in TEXTS:
        expected = scores(_inputs(text)).numpy()[0]
        np.testing.assert_allclose(Session(files["float32"]).run(text), expected, atol=1e-5)
        np.testing.assert_allclose(Session(files["int8"]).run(text), expected, atol=0.15)
