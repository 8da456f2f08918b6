"""Integrated gradients against models whose attributions are known otherwise."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from components.evaluation.explanations.integrated_gradients import (
    IntegratedGradients,
    Question,
    Tolerance,
)
from components.modeling.pooling import MaskedMean

ROWS, WIDTH, UNITS, OUTPUTS = 30, 6, 5, 3
START, HIDDEN = 1, 2
TEXTS = ([1, 5, 6, 7], [1, 9, 9, 10, 11, 12, 13, 29], [1, 4], [1])


def _hide(tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.where(tokens == START, tokens, HIDDEN).astype(np.int32)


def _network(*, linear: bool, scale: float = 1.0) -> tuple[keras.Model, list[NDArray[np.float32]]]:
    """Mean over tokens of (tanh of) a projection, then a dense layer (and sigmoid); and its weights."""
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    words = keras.layers.Embedding(ROWS, WIDTH, name="words")(inputs["token_ids"])
    projected = keras.layers.Dense(UNITS, activation=None if linear else "tanh")(words)
    pooled = MaskedMean()(projected, inputs["padding_mask"])
    scores = keras.layers.Dense(OUTPUTS, activation=None if linear else "sigmoid")(pooled)
    network = keras.Model(inputs, scores)
    random = np.random.default_rng(5)
    network.set_weights([random.normal(0, scale, weight.shape) for weight in network.get_weights()])
    return network, network.get_weights()


def _gradients(network: keras.Model, *, max_steps: int = 5000) -> IntegratedGradients:
    return IntegratedGradients(
        network, [network.get_layer("words")], hide=_hide, units=[1.0] * OUTPUTS, max_steps=max_steps
    )


def _questions(texts: Sequence[list[int]] = TEXTS, *, output: int = 0) -> list[Question]:
    return [Question(np.array(text, np.int32), np.zeros(len(text), np.int32), output) for text in texts]


def _riemann(weights: list[NDArray[np.float32]], text: list[int], output: int) -> NDArray[np.float64]:
    """Equation 3 of the paper in plain NumPy, with the derivatives written out: float64 [tokens]."""
    table, inner, inner_bias, outer, outer_bias = [weight.astype(np.float64) for weight in weights]
    words, hidden = table[text], table[_hide(np.array(text))]
    steps = 20_000
    fractions = ((np.arange(steps) + 0.5) / steps)[:, None, None]
    units = np.tanh((hidden + fractions * (words - hidden)) @ inner + inner_bias)
    scores = 1 / (1 + np.exp(-(units.mean(axis=1) @ outer[:, output] + outer_bias[output])))
    slopes = (
        (scores * (1 - scores))[:, None, None] * ((1 - units**2) * outer[:, output]) @ inner.T / len(text)
    )
    return (slopes * (words - hidden)).sum(axis=2).mean(axis=0)


def test_a_linear_model_is_explained_exactly() -> None:
    network, (table, inner, _, outer, _) = _network(linear=True)
    gradients = _gradients(network)
    for output in range(OUTPUTS):
        answers = gradients.attribute(_questions(output=output))
        for text, found in zip(TEXTS, answers, strict=True):
            way = table[text] - table[_hide(np.array(text))]
            expected = way @ inner @ outer[:, output] / len(text)
            np.testing.assert_allclose(found.values, expected, atol=1e-5)
            assert found.complete
            assert found.values[0] == 0
            assert found.score - found.baseline_score == pytest.approx(expected.sum(), abs=1e-4)
    assert gradients.attribute([]) == []


@pytest.mark.parametrize("scale", [0.5, 3.0], ids=["gentle", "steep"])
def test_a_curved_model_is_explained_as_a_fine_riemann_sum_does(scale: float) -> None:
    network, weights = _network(linear=False, scale=scale)
    for text, found in zip(
        TEXTS[:3], _gradients(network).attribute(_questions(TEXTS[:3], output=1)), strict=True
    ):
        assert found.complete
        allowed = Tolerance().of(found.score - found.baseline_score, unit=1.0)
        assert found.gap <= allowed
        assert abs(found.values.sum() - (found.score - found.baseline_score)) <= found.gap + 1e-9
        np.testing.assert_allclose(found.values, _riemann(weights, text, 1), atol=allowed)


def test_steep_paths_take_more_steps_and_say_when_these_do_not_suffice() -> None:
    network, _ = _network(linear=False, scale=3.0)
    exact = _gradients(network).attribute(_questions())
    assert max(found.steps for found in exact) > 12
    cut_short = _gradients(network, max_steps=12).attribute(_questions())
    assert {found.steps for found in cut_short} == {12}
    for rough, fine in zip(cut_short, exact, strict=True):
        assert rough.complete == (fine.steps == 12)
        assert rough.complete or rough.gap > Tolerance().of(rough.score - rough.baseline_score, unit=1.0)


def test_texts_do_not_depend_on_their_company() -> None:
    network, _ = _network(linear=False, scale=2.0)
    gradients = _gradients(network)
    for text, together in zip(TEXTS, gradients.attribute(_questions()), strict=True):
        (alone,) = gradients.attribute(_questions([text]))
        np.testing.assert_allclose(together.values, alone.values, atol=1e-5)


def test_scores_that_are_no_numbers_are_never_explained_completely() -> None:
    network, weights = _network(linear=False)
    network.set_weights([*weights[:-1], np.full(OUTPUTS, np.nan)])
    assert not any(found.complete for found in _gradients(network).attribute(_questions()[:3]))
