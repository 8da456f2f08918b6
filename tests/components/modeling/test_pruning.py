"""Encoders with fewer layers and units."""

from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.pruning import PruningConfig, prune

INPUTS = {
    "token_ids": np.array([[10, 30, 40, 11], [10, 50, 11, 0]]),
    "segment_ids": np.zeros((2, 4), int),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]]),
}


@pytest.fixture(scope="module")
def backbone() -> Any:
    return load_backbone(resolve_encoder("tiny-random"))


def test_the_lowest_layers_are_those_of_the_whole_encoder(backbone: Any) -> None:
    import keras

    lowest = backbone.transformer_layers[0].output
    expected = keras.Model(backbone.input, lowest)(INPUTS)
    pruned = prune(backbone, PruningConfig(layers=1))
    assert (pruned.num_layers, pruned.intermediate_dim) == (1, backbone.intermediate_dim)
    np.testing.assert_array_equal(pruned(INPUTS)["sequence_output"], expected)


def test_layers_can_be_named(backbone: Any) -> None:
    pruned = prune(backbone, PruningConfig(layers=[1]))
    for kept, whole in zip(
        pruned.transformer_layers[0].weights, backbone.transformer_layers[1].weights, strict=True
    ):
        np.testing.assert_array_equal(kept, whole)


def test_units_without_weight_are_the_first_to_go(backbone: Any) -> None:
    whole = load_backbone(resolve_encoder("tiny-random"))
    idle = np.arange(0, 64, 2)
    for layer in whole.transformer_layers:
        kernel = layer._feedforward_output_dense.kernel
        values = kernel.numpy()
        values[idle] = 0.0
        kernel.assign(values)
    pruned = prune(whole, PruningConfig(feed_forward=32))
    assert pruned.count_params() < whole.count_params()
    np.testing.assert_allclose(pruned(INPUTS)["sequence_output"], whole(INPUTS)["sequence_output"], atol=1e-6)
    # One unit fewer, and an answer changes.
    narrower = prune(whole, PruningConfig(feed_forward=31))
    assert not np.allclose(narrower(INPUTS)["sequence_output"], whole(INPUTS)["sequence_output"], atol=1e-6)


def test_heads_without_weight_are_the_first_to_go(backbone: Any) -> None:
    whole = load_backbone(resolve_encoder("tiny-random"))
    for layer in whole.transformer_layers:
        kernel = layer._self_attention_layer.output_dense.kernel
        values = kernel.numpy()
        values[0] = 0.0
        kernel.assign(values)
    pruned = prune(whole, PruningConfig(heads=1))
    assert pruned.count_params() < whole.count_params()
    assert [variable.path for variable in pruned.weights] == [variable.path for variable in whole.weights]
    np.testing.assert_allclose(pruned(INPUTS)["sequence_output"], whole(INPUTS)["sequence_output"], atol=1e-6)
    # With a head that says something, the answer changes.
    other = prune(backbone, PruningConfig(heads=1))
    assert not np.allclose(other(INPUTS)["sequence_output"], backbone(INPUTS)["sequence_output"], atol=1e-6)


@pytest.mark.parametrize("family", ["DistilBertBackbone", "ElectraBackbone"])
def test_every_family_can_be_pruned(family: str) -> None:
    import keras_hub

    sizes = {"num_layers": 3, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    sizes |= (
        {"vocab_size": 60, "embedding_dim": 4} if family == "ElectraBackbone" else {"vocabulary_size": 60}
    )
    whole = getattr(keras_hub.models, family)(**sizes, max_sequence_length=8)
    pruned = prune(whole, PruningConfig(layers=[0, 2], feed_forward=4, heads=1))
    assert len(pruned.transformer_layers) == 2
    np.testing.assert_array_equal(pruned.token_embedding.embeddings, whole.token_embedding.embeddings)
    answer = pruned({name: INPUTS[name] for name in pruned.input})
    assert np.isfinite(answer["sequence_output"] if isinstance(answer, dict) else answer).all()


def test_more_than_there_is_cannot_be_kept(backbone: Any) -> None:
    with pytest.raises(ConfigError, match=r"trainer.pruning.layers: the encoder has 2 layers, 0 to 1, and 3"):
        prune(backbone, PruningConfig(layers=3))
    with pytest.raises(ConfigError, match=r"trainer.pruning.feed_forward: 65 units cannot be kept of 64"):
        prune(backbone, PruningConfig(feed_forward=65))
    with pytest.raises(ConfigError, match=r"trainer.pruning.heads: 3 heads cannot be kept of 2"):
        prune(backbone, PruningConfig(heads=3))


@pytest.mark.parametrize("layers", [0, [], [1, 0], [1, 1], [-1]])
def test_layers_are_named_in_order(layers: Any) -> None:
    with pytest.raises(ValueError, match="layer"):
        PruningConfig(layers=layers)
