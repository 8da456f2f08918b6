"""Which variables are trained, how fast and from when on, and that the others stay as they are."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from components.core.errors import ConfigError
from components.modeling.dataset import Batch
from components.modeling.heads import Head
from components.modeling.training.adamw import AdamW
from components.modeling.training.batching import Step
from components.modeling.training.lora import add_lora
from components.modeling.training.objective import HeadsLoss, NetworkObjective
from components.modeling.training.step import TrainingStep
from components.modeling.training.trainable import TrainableConfig, TrainingPlan, plan_training
from tests.components.modeling.training.networks import (
    FAMILIES,
    LABELS,
    LAYERS,
    some_inputs,
    some_targets,
    tiny_network,
)

Network = Any


def _config(settings: Any) -> TrainableConfig:
    return TrainableConfig.model_validate(settings)


def _plan(network: Network, settings: Any, *, epochs: int = 10, total_steps: int = 100) -> TrainingPlan:
    config = _config(settings)
    if config.lora is not None:
        add_lora(network, config.lora, top_layers=config.top_layers)
    return plan_training(network, config, epochs=epochs, total_steps=total_steps)


def _part(variable: Any) -> str:
    """`head`, `0` for the lowest layer, or `embeddings`."""
    first = variable.path.split("/")[0]
    if first == "logits":
        return "head"
    return (
        first.removeprefix("transformer_layer_") if first.startswith("transformer_layer_") else "embeddings"
    )


def _parts(plan: TrainingPlan) -> set[str]:
    return {_part(variable) for variable in plan.variables}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ("all", {"head", "2", "1", "0", "embeddings"}),
        ("head", {"head"}),
        ({"top_layers": 2}, {"head", "2", "1"}),
        ({"top_layers": 3}, {"head", "2", "1", "0"}),
        ({"embeddings": "freeze"}, {"head", "2", "1", "0"}),
        ({"lora": {}}, {"head", "2", "1", "0"}),
        ({"lora": {}, "top_layers": 1}, {"head", "2"}),
    ],
)
def test_parts_of_every_family(family: str, settings: Any, parts: set[str]) -> None:
    assert _parts(_plan(tiny_network(family), settings)) == parts


def test_all_is_all_but_the_pooler_that_no_output_reads() -> None:
    network = tiny_network()
    plan = _plan(network, "all")
    left_out = {variable.path for variable in network.weights} - {item.path for item in plan.variables}
    assert left_out == {"pooled_dense/kernel", "pooled_dense/bias"}
    assert plan.all_parameters - plan.parameters == 8 * 8 + 8


def test_more_layers_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match="top_layers is 4; the encoder has 3 layers"):
        _plan(tiny_network(), {"top_layers": 4})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("heads", "'heads'; expected all, head, or keys"),
        ({"lora": {}, "top_layers": 0}, "lora adapts the encoder"),
        ({"lora": {"targets": ["qeury"]}}, "query"),
        ({"layer_decay": 0}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _config(settings)


def test_learning_rates_fall_from_layer_to_layer() -> None:
    plan = _plan(tiny_network(), {"layer_decay": 0.5, "head_learning_rate_factor": 3})
    rates = defaultdict(set)
    for variable, rate in zip(plan.variables, plan.rates, strict=True):
        rates[_part(variable)].add(rate)
    assert rates == {"head": {3.0}, "2": {1.0}, "1": {0.5}, "0": {0.25}, "embeddings": {0.125}}


def test_layers_are_unfrozen_from_the_top() -> None:
    plan = _plan(tiny_network(), {"unfreeze_every_epochs": 0.25})
    first_steps = defaultdict(set)
    for variable, first_step in zip(plan.variables, plan.first_steps, strict=True):
        first_steps[_part(variable)].add(first_step)
    assert first_steps == {"head": {0}, "2": {3}, "1": {5}, "0": {8}, "embeddings": {10}}


def test_what_the_training_never_reaches_has_no_moments() -> None:
    plan = _plan(tiny_network(), {"unfreeze_every_epochs": 1}, epochs=2, total_steps=20)
    assert _parts(plan) == {"head", "2"}


class _Training:
    """A tiny network in training."""

    def __init__(self, network: Network, plan: TrainingPlan) -> None:
        self.network = network
        self.plan = plan
        self.optimizer = AdamW(
            plan.variables,
            learning_rate=lambda _: tf.constant(0.01),
            weight_decay=0.01,
            clip_norm=1.0,
            rates=plan.rates,
            first_steps=plan.first_steps,
        )
        self.step = TrainingStep(
            NetworkObjective(network, HeadsLoss([Head(outputs=LABELS)])),
            [variable.value for variable in plan.variables],
            self.optimizer,
            outputs=len(LABELS),
            first_steps=plan.first_steps,
        )

    def run(self, steps: int = 1) -> set[str]:
        """Makes some steps; returns the parts that changed."""
        before = {variable.path: variable.numpy() for variable in self.network.variables}
        for _ in range(steps):
            seed = int(self.optimizer.step)
            batch = Batch(some_inputs(seed=seed), some_targets(seed=seed), np.ones(4, np.float32))
            self.step(Step((batch,), examples=4, tokens=24))
        return {
            _part(variable)
            for variable in self.network.variables
            if (before[variable.path] != variable.numpy()).any()
        }


@pytest.mark.parametrize(
    ("family", "dtype", "settings"),
    [
        *((family, "float32", "all") for family in FAMILIES),
        *((family, "mixed_bfloat16", {"lora": {}}) for family in FAMILIES),
        ("BertBackbone", "mixed_bfloat16", {"top_layers": 1}),
        ("BertBackbone", "float32", {"embeddings": "freeze"}),
    ],
)
def test_only_what_is_planned_changes(family: str, dtype: str, settings: Any) -> None:
    network = tiny_network(family, dtype=dtype)
    training = _Training(network, _plan(network, settings))
    planned = {variable.path for variable in training.plan.variables}
    before = {variable.path: variable.numpy() for variable in network.variables}
    training.run(3)
    changed = {item.path for item in network.variables if (before[item.path] != item.numpy()).any()}
    assert changed <= planned
    assert {path.split("/")[0] for path in changed} == {path.split("/")[0] for path in planned}


def test_each_phase_trains_one_layer_more() -> None:
    network = tiny_network()
    training = _Training(network, _plan(network, {"unfreeze_every_epochs": 0.2}))
    assert [training.run(2) for _ in range(4)] == [
        {"head"},
        {"head", "2"},
        {"head", "2", "1"},
        {"head", "2", "1", "0"},
    ]
    assert training.run(2) == {"head", "2", "1", "0", "embeddings"}


def test_an_unfrozen_layer_starts_as_if_the_training_began() -> None:
    """Adam's first update of any variable is its learning rate, whenever it comes."""
    network = tiny_network()
    training = _Training(network, _plan(network, {"unfreeze_every_epochs": 1, "layer_decay": 0.5}))
    training.run(10)
    suffix = f"transformer_layer_{LAYERS - 1}/feedforward_output_dense/kernel"
    kernel = next(variable for variable in network.variables if variable.path.endswith(suffix))
    before = kernel.numpy()
    training.run(1)
    change = np.abs(kernel.numpy() - before * (1 - 0.01 * 0.01))
    np.testing.assert_allclose(np.median(change), 0.01, rtol=0.05)


def _products(function: Any) -> int:
    """Matrix products in a graph."""
    kinds = ("MatMul", "BatchMatMulV2", "Einsum")
    return sum(
        operation.type in kinds for operation in function.get_concrete_function().graph.get_operations()
    )


def test_frozen_layers_cost_no_backward_pass() -> None:
    network = tiny_network()
    spec = {name: tf.TensorSpec([None, None], tf.int32) for name in some_inputs()}
    forward = tf.function(lambda inputs: network(inputs, training=True), input_signature=[spec])
    products = []
    for settings in ("head", {"top_layers": 1}, {"top_layers": 2}):
        network = tiny_network()
        products.append(_products(_Training(network, _plan(network, settings)).step._graph(0)))
    assert products[0] == _products(forward) + 1
    assert products[0] < products[1] < products[2]


def test_frozen_variables_have_no_moments() -> None:
    network = tiny_network()
    everything, head = (_Training(network, _plan(network, settings)) for settings in ("all", "head"))
    sizes = [
        sum(int(np.prod(item.shape)) for item in training.optimizer.variables if "moment" in item.name)
        for training in (everything, head)
    ]
    assert sizes == [2 * everything.plan.parameters, 2 * head.plan.parameters]


def test_a_rate_of_its_own_scales_the_update_of_a_variable() -> None:
    changes = []
    for factor in (1.0, 3.0):
        network = tiny_network()
        before = network.get_layer("logits").kernel.numpy()
        _Training(network, _plan(network, {"top_layers": 0, "head_learning_rate_factor": factor})).run(1)
        changes.append(network.get_layer("logits").kernel.numpy() - before)
    np.testing.assert_allclose(changes[1], 3 * changes[0], rtol=1e-3, atol=1e-7)
