"""Low-rank additions: nothing at first, learned, and merged without a trace."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.modeling.classifier import build_network
from components.modeling.training.lora import add_lora, plain_weights
from components.modeling.training.trainable import LoraConfig, find_encoder
from tests.components.modeling.training.networks import FAMILIES, some_inputs, tiny_config, tiny_network

ALL_TARGETS = (
    "query",
    "key",
    "value",
    "attention_output",
    "feedforward_intermediate",
    "feedforward_output",
)


def _answers(network: Any) -> Any:
    return np.asarray(network(some_inputs(16)))


def _learn(network: Any) -> None:
    """Gives A and B values as large as kernels have."""
    generator = np.random.default_rng(0)
    for variable in network.trainable_variables:
        if variable.name.startswith("lora_kernel"):
            variable.assign(generator.normal(0, 0.3, variable.shape).astype(np.float32))


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_the_same_before_and_after_the_merge(family: str) -> None:
    network = tiny_network(family)
    untouched = _answers(network)
    add_lora(network, LoraConfig(rank=2, alpha=3.0, targets=ALL_TARGETS))
    np.testing.assert_array_equal(_answers(network), untouched)
    _learn(network)
    learned = _answers(network)
    assert np.abs(learned - untouched).max() > 1e-3
    plain = tiny_network(family)
    plain.set_weights(plain_weights(network))
    np.testing.assert_allclose(_answers(plain), learned, atol=1e-5)


def test_a_merged_model_is_saved_and_loaded_as_any_other(tmp_path: Path) -> None:
    network = tiny_network()
    add_lora(network, LoraConfig(targets=ALL_TARGETS))
    _learn(network)
    plain = tiny_network()
    plain.set_weights(plain_weights(network))
    plain.save_weights(tmp_path / "model.weights.h5")
    loaded = build_network(tiny_config(find_encoder(plain)))
    loaded.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(_answers(loaded), _answers(network), atol=1e-5)


def test_weights_are_merged_in_float32_whatever_the_training_computes_in() -> None:
    networks = []
    for dtype in ("float32", "mixed_bfloat16"):
        network = tiny_network(dtype=dtype)
        add_lora(network, LoraConfig(targets=ALL_TARGETS))
        _learn(network)
        networks.append(plain_weights(network))
    for exact, mixed in zip(*networks, strict=True):
        assert mixed.dtype == np.float32
        np.testing.assert_array_equal(mixed, exact)


def test_the_merged_kernel_is_the_papers() -> None:
    network = tiny_network()
    before = plain_weights(network)
    add_lora(network, LoraConfig(rank=4, alpha=6.0, targets=("feedforward_output",)))
    _learn(network)
    dense = find_encoder(network).transformer_layers[0]._feedforward_output_dense
    a, b = dense.lora_kernel_a.numpy(), dense.lora_kernel_b.numpy()
    changed = [
        (one, other)
        for one, other in zip(before, plain_weights(network), strict=True)
        if (one != other).any()
    ]
    assert len(changed) == 3
    np.testing.assert_allclose(changed[0][1], changed[0][0] + 6 / 4 * a @ b, rtol=1e-5, atol=1e-6)


def test_without_additions_the_weights_are_the_networks() -> None:
    network = tiny_network()
    for one, other in zip(plain_weights(network), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_upper_layers_get_them() -> None:
    network = tiny_network()
    add_lora(network, LoraConfig(targets=("key",)), top_layers=2)
    paths = [variable.path for variable in network.variables if variable.name == "lora_kernel_a"]
    assert paths == [f"transformer_layer_{layer}/self_attention_layer/key/lora_kernel_a" for layer in (1, 2)]
