"""Adversarial gradients against the recipe that copies the table, moves it, and puts it back."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.modeling.dataset import Batch
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.shifted_embedding import shifted
from components.modeling.training.adamw import AdamW
from components.modeling.training.batching import Step
from components.modeling.training.gradients import plain_gradients
from components.modeling.training.regularization.adversarial import AdversarialGradients
from components.modeling.training.regularization.settings import AdversarialSettings
from components.modeling.training.step import TrainingStep
from tests.components.modeling.training.regularization.toy_network import (
    HEADS,
    toy_batch,
    toy_network,
    toy_objective,
)

Array = NDArray[np.float32]


def _variables(network: keras.Model) -> list[Any]:
    return [variable.value for variable in network.trainable_variables]


def _dense(gradients: Any) -> list[Array]:
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def _by_moving_the_table(
    network: keras.Model, batch: Any, *, epsilon: float, steps: int, weight: float
) -> tuple[float, list[Array]]:
    """Madry et al.'s loop on the table itself; right where no token occurs twice in a batch."""
    inputs, targets, weights = batch
    objective, variables = toy_objective(network), _variables(network)
    table = network.get_layer("words").embeddings
    original, ids = table.numpy(), inputs["token_ids"].numpy()
    is_token = inputs["padding_mask"].numpy() == 1
    moved = original.copy()
    loss, clean = plain_gradients(objective, variables, inputs, targets, weights)
    found = clean
    for _ in range(steps):
        gradient = _dense(found)[0]
        for row, mask in zip(ids, is_token, strict=True):
            own = row[mask]
            radius = epsilon * np.linalg.norm(original[own])
            moved[own] += 2.5 * radius / steps * gradient[own] / np.linalg.norm(gradient[own])
            shift = moved[own] - original[own]
            moved[own] = original[own] + shift * min(1, radius / np.linalg.norm(shift))
        table.assign(moved)
        _, found = plain_gradients(objective, variables, inputs, targets, weights)
    table.assign(original)
    both = zip(_dense(clean), _dense(found), strict=True)
    return float(loss), [(one + weight * other) / (1 + weight) for one, other in both]


@pytest.mark.parametrize(("steps", "weight"), [(1, 1.0), (1, 0.25), (3, 1.0)])
def test_equals_moving_the_table_where_no_token_occurs_twice(steps: int, weight: float) -> None:
    network, batch = toy_network(), toy_batch()
    expected_loss, expected = _by_moving_the_table(network, batch, epsilon=0.1, steps=steps, weight=weight)
    settings = AdversarialSettings(epsilon=0.1, steps=steps, loss_weight=weight)
    gradients = AdversarialGradients(settings, network.get_layer("words"))
    loss, found = tf.function(
        lambda inputs, targets, weights: gradients(
            toy_objective(network), _variables(network), inputs, targets, weights
        )
    )(*batch)
    assert float(loss) == pytest.approx(expected_loss, rel=1e-6)
    for one, other in zip(_dense(found), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)


def test_the_moved_texts_have_a_higher_loss_and_more_steps_find_a_higher_one() -> None:
    network, (inputs, targets, weights) = toy_network(), toy_batch(repeats=True)
    objective, embedding = toy_objective(network), network.get_layer("words")
    losses: dict[int, list[float]] = {}
    for steps in (1, 8):

        def remember(*batch: Any, steps: int = steps) -> tf.Tensor:
            loss = objective(*batch)
            losses.setdefault(steps, []).append(float(loss))
            return loss

        AdversarialGradients(AdversarialSettings(epsilon=0.6, steps=steps), embedding)(
            remember, _variables(network), inputs, targets, weights
        )
    assert len(losses[1]) == 2
    assert len(losses[8]) == 9
    assert losses[1][0] < losses[1][-1] < losses[8][-1]


def test_the_perturbation_is_gone_afterwards() -> None:
    network, batch = toy_network(), toy_batch()
    objective, embedding = toy_objective(network), network.get_layer("words")
    before, look_up = float(objective(*batch)), embedding.call
    table = embedding.embeddings.numpy()
    with shifted(embedding, tf.ones([4, 5, 6])):
        assert float(objective(*batch)) != pytest.approx(before)
    assert embedding.call == look_up
    assert float(objective(*batch)) == before
    np.testing.assert_array_equal(embedding.embeddings.numpy(), table)


def test_a_text_of_weight_0_stays_where_it_is() -> None:
    network, (inputs, targets, _) = toy_network(), toy_batch()
    gradients = AdversarialGradients(AdversarialSettings(), network.get_layer("words"))
    loss, found = gradients(toy_objective(network), _variables(network), inputs, targets, tf.zeros([4]))
    assert float(loss) == 0
    for gradient in _dense(found):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_the_embeddings_gradient_stays_a_gradient_of_rows() -> None:
    network, batch = toy_network(), toy_batch(repeats=True)
    gradients = AdversarialGradients(AdversarialSettings(), network.get_layer("words"))
    _, found = gradients(toy_objective(network), _variables(network), *batch)
    assert isinstance(found[0], tf.IndexedSlices)


def test_frozen_embeddings_can_be_moved() -> None:
    network, batch = toy_network(), toy_batch()
    variables = _variables(network)[1:]
    gradients = AdversarialGradients(AdversarialSettings(epsilon=0.5), network.get_layer("words"))
    _, found = gradients(toy_objective(network), variables, *batch)
    _, plain = plain_gradients(toy_objective(network), variables, *batch)
    assert len(found) == len(variables)
    assert not np.allclose(_dense(found)[0], _dense(plain)[0], rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_trains_an_encoder_in_one_graph(dtype: str) -> None:
    keras.utils.set_random_seed(1)
    backbone = load_backbone(resolve_encoder("tiny-random"), dtype=dtype)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    first = backbone(inputs)["sequence_output"][:, 0]
    network = keras.Model(inputs, keras.layers.Dense(3, dtype="float32")(first))
    optimizer = AdamW(
        network.trainable_variables,
        learning_rate=lambda step: tf.constant(5e-3),
        weight_decay=0.0,
        clip_norm=1.0,
    )
    step = TrainingStep(
        toy_objective(network),
        _variables(network),
        optimizer,
        outputs=len(HEADS[0].outputs),
        gradients=AdversarialGradients(AdversarialSettings(steps=2), backbone.token_embedding),
    )
    tensors, targets, weights = toy_batch(repeats=True)

    batch = Batch({name: value.numpy() for name, value in tensors.items()}, targets.numpy(), weights.numpy())
    one_step = Step((batch,), examples=len(batch.weights), tokens=0)
    losses = [float(step(one_step)) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
