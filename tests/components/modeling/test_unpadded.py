"""Networks answer alike with padding and without."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.modeling.classifier import BackboneConfig, ModelConfig, build_network, scoring_network
from components.modeling.heads import Head
from components.modeling.unpadded import without_padding

TOKENS, LONGEST, HEADS = 50, 12, 4
SIZES = {"num_layers": 2, "num_heads": HEADS, "hidden_dim": 16, "intermediate_dim": 32}
FAMILIES: dict[str, dict[str, Any]] = {
    "BertBackbone": {"vocabulary_size": TOKENS},
    "DistilBertBackbone": {"vocabulary_size": TOKENS},
    "ElectraBackbone": {"vocab_size": TOKENS, "embedding_dim": 8},
}


def a_network(family: str = "BertBackbone", heads: int | None = None, **changes: Any) -> keras.Model:
    """With random weights, and scores for answers."""
    keras.utils.set_random_seed(3)
    backbone = BackboneConfig(
        class_name=family,
        arguments={**SIZES, "max_sequence_length": LONGEST, **FAMILIES[family]},
        heads=heads,
    )
    config = ModelConfig(
        heads=(Head(outputs=("joy", "anger", "fear")),),
        thresholds=(0.5,) * 3,
        max_tokens=LONGEST,
        encoder="tiny-random",
        backbone=backbone,
        **changes,
    )
    network = build_network(config)
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.2, seed=2))
    return scoring_network(network, config.heads)


def a_batch(lengths: list[int]) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(0)
    mask = np.arange(max(lengths)) < np.array(lengths, int)[:, None]
    arrays = {
        "token_ids": np.where(mask, random.integers(1, TOKENS, mask.shape), 0),
        "segment_ids": np.where(mask, np.arange(mask.shape[1]) >= 2, 0),
        "padding_mask": mask,
    }
    return {name: tf.constant(array, tf.int32) for name, array in arrays.items()}


def compared(network: keras.Model, *batches: dict[str, tf.Tensor]) -> None:
    changed = without_padding(network)
    assert {id(variable) for variable in changed.variables} <= {
        id(variable) for variable in network.variables
    }
    call = tf.function(changed, reduce_retracing=True)
    for batch in batches:
        expected = network(batch).numpy()
        np.testing.assert_allclose(call(batch).numpy(), expected, atol=2e-6)
        if len(expected) > 1:
            assert np.ptp(expected, axis=0).max() > 0.003, "all rows alike would prove nothing"


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        *((family, {}) for family in FAMILIES),
        ("BertBackbone", {"heads": 3}),
        ("BertBackbone", {"members": 2}),
        ("BertBackbone", {"pooling": "cls"}),
        ("BertBackbone", {"pooling": "max"}),
        ("BertBackbone", {"pooling": "label_attention"}),
        ("BertBackbone", {"pooled_segment": "second"}),
    ],
)
def test_rows_of_any_length(family: str, changes: dict[str, Any]) -> None:
    compared(a_network(family, **changes), a_batch([3, 12, 5, 7]), a_batch([6, 6]), a_batch([4]))


def test_masks_with_holes_and_rows_without_a_token() -> None:
    batch = a_batch([5, 9, 4])
    holes = tf.constant([[1, 0, 1, 0, 1, 0, 0, 0, 0], [0] * 9, [0, 1, 1, 0, 0, 0, 0, 0, 1]], tf.int32)
    nothing = {**batch, "padding_mask": tf.zeros_like(holes)}
    network = a_network()
    compared(network, {**batch, "padding_mask": holes})
    np.testing.assert_allclose(without_padding(network)(nothing), network(nothing), atol=2e-6)


def test_no_rows() -> None:
    batch = {name: values[:0] for name, values in a_batch([5]).items()}
    assert without_padding(a_network())(batch).shape == (0, 3)


def test_what_stands_at_padding_changes_nothing() -> None:
    network, batch = without_padding(a_network()), a_batch([3, 12, 5])
    noise = tf.where(batch["padding_mask"] == 1, batch["token_ids"], 7)
    np.testing.assert_array_equal(network({**batch, "token_ids": noise}), network(batch))


def test_products_see_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    multiply = keras.layers.EinsumDense.call

    def watched(layer: Any, inputs: tf.Tensor, **named: Any) -> tf.Tensor:
        seen.append(tuple(inputs.shape[:2]))
        return multiply(layer, inputs, **named)

    network, batch = a_network(), a_batch([3, 12, 5, 7])
    monkeypatch.setattr(keras.layers.EinsumDense, "call", watched)
    network(batch)
    padded = set(seen)
    changed = without_padding(network)
    seen.clear()
    changed(batch)
    assert (padded, set(seen)) == ({(4, 12)}, {(1, 27)})
