"""Heads: how they are configured, where they start, and what their scores mean."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from components.core.errors import ConfigError, DataError
from components.modeling.head_layers import CumulativeLogits, decisions, head_logits, scores_of
from components.modeling.head_settings import HeadSettings
from components.modeling.heads import (
    Head,
    arrange_targets,
    decide,
    initial_logits,
    make_heads,
    output_names,
    with_scale,
)

NAN = float("nan")
EMOTION = Head(name="emotion", outputs=("joy", "anger"))
SENTIMENT = Head(name="sentiment", task="single_label", outputs=("sentiment/bad", "sentiment/good"))
STRENGTH = Head(name="strength", task="ordinal", outputs=("none", "some", "much", "very"))
VALENCE = Head(name="valence", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,))
ALL = (EMOTION, SENTIMENT, STRENGTH, VALENCE)


def _settings(**heads: Any) -> dict[str, HeadSettings]:
    return {name: HeadSettings.model_validate(value) for name, value in heads.items()}


def _targets(rows: list[list[float]]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_one_head_takes_all_labels_or_all_numbers() -> None:
    (labels,) = make_heads("multi_label", {}, labels=("a", "b"), targets=("x",))
    assert labels == Head(outputs=("a", "b"))
    (numbers,) = make_heads("regression", {}, labels=("a", "b"), targets=("x", "y"))
    assert (numbers.task, numbers.outputs) == ("regression", ("x", "y"))


def test_heads_take_what_their_patterns_mean() -> None:
    heads = make_heads(
        "multi_label",
        _settings(
            mood={"task": "multi_label", "outputs": ["joy", "anger"]},
            sentiment={"task": "single_label", "outputs": ["sentiment/*"]},
            vad={"task": "regression", "outputs": ["*"]},
        ),
        labels=("anger", "joy", "sentiment/bad", "sentiment/good"),
        targets=("valence", "arousal"),
    )
    assert output_names(heads) == ("joy", "anger", "sentiment/bad", "sentiment/good", "valence", "arousal")


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("regression", {}, "example_gen.columns.targets"),
        ("single_label", {}, "only 'joy'"),
        (
            "multi_label",
            {"a": {"task": "multi_label", "outputs": ["jy"]}},
            "nothing is called 'jy'; there are joy",
        ),
        (
            "multi_label",
            {
                "a": {"task": "multi_label", "outputs": ["joy"]},
                "b": {"task": "multi_label", "outputs": ["*"]},
            },
            "'joy' belongs to both 'a' and 'b'",
        ),
    ],
)
def test_what_the_data_do_not_have_is_refused(task: Any, settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_heads(task, _settings(**settings), labels=("joy",), targets=())


def test_data_without_labels_need_another_task() -> None:
    with pytest.raises(ConfigError, match="set it to regression"):
        make_heads("multi_label", {}, labels=(), targets=("valence",))


def test_targets_stand_in_the_order_of_the_outputs() -> None:
    labels = {"anger": 0, "joy": 1, "sentiment/bad": 2, "sentiment/good": 3}
    marks = np.array([[1, 0, 0, 1], [1, 1, 0, 0]])
    numbers = {"valence": np.float32([2.5, NAN])}
    found = arrange_targets((EMOTION, SENTIMENT, VALENCE), labels, marks, numbers)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, _targets([[0, 1, 0, 1, 2.5], [1, 1, NAN, NAN, NAN]]))


def test_two_labels_do_not_fit_one_of_them() -> None:
    labels = {"sentiment/bad": 0, "sentiment/good": 1}
    with pytest.raises(DataError, match=r"1 rows have more than one label of head 'sentiment'.*row 1\)"):
        arrange_targets((SENTIMENT,), labels, np.array([[1, 0], [1, 1]]), {})


def test_an_output_that_the_data_lack_is_named() -> None:
    with pytest.raises(DataError, match="answers 'valence'"):
        arrange_targets((VALENCE,), {"joy": 0}, np.ones((1, 1)), {})


def test_scale_is_that_of_the_known_rows() -> None:
    (scaled,) = with_scale(
        (VALENCE.model_copy(update={"mean": (), "std": ()}),), _targets([[1], [NAN], [3], [5]])
    )
    assert scaled.mean == (3.0,)
    assert scaled.std == pytest.approx((np.std([1, 3, 5]),))
    with pytest.raises(DataError, match="no row of the split 'train'"):
        with_scale((VALENCE,), _targets([[NAN]]))


def test_an_untrained_network_answers_the_frequencies() -> None:
    generator = np.random.default_rng(0)
    rows = 20_000
    level = generator.choice(4, rows, p=[0.5, 0.2, 0.2, 0.1])
    good = generator.random(rows) < 0.7
    targets = np.column_stack(
        [generator.random(rows) < 0.02, generator.random(rows) < 0.4, ~good, good, np.eye(4)[level], level]
    ).astype(np.float32)
    heads = with_scale(ALL, targets)
    logits = initial_logits(heads, targets, np.ones(rows, np.float32))
    inputs = keras.Input((3,))
    network = keras.Model(inputs, head_logits(heads, inputs, logits))
    scores = scores_of(heads, network(np.zeros((1, 3), np.float32))).numpy()[0]
    np.testing.assert_allclose(scores, targets.mean(axis=0), atol=2e-3)


def test_levels_have_probabilities_whatever_is_learnt() -> None:
    layer = CumulativeLogits(np.zeros(3, np.float32))
    layer.build((None, 2))
    layer.gaps.assign([-50.0, 3.0])
    pooled = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32) * 100
    scores = scores_of((STRENGTH,), layer(pooled)).numpy()
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_scores_have_the_meaning_of_their_head() -> None:
    logits = np.float32([[0, 2, 1, 3, 2, 0, -1, 2]])
    scores = scores_of(ALL, tf.constant(logits)).numpy()[0]
    above = 1 / (1 + np.exp(-np.array([2.0, 0.0, -1.0])))
    expected = [
        *(1 / (1 + np.exp(-np.array([0.0, 2.0])))),
        *(np.exp([1, 3]) / np.exp([1, 3]).sum()),
        *(1 - above[0], above[0] - above[1], above[1] - above[2], above[2]),
        2 * 0.5 + 3,
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_decisions_are_the_same_in_the_graph() -> None:
    scores = np.float32(
        [[0.3, 0.2, 0.6, 0.4, 0.1, 0.5, 0.3, 0.1, 4], [0.1, 0.9, 0.5, 0.5, 0.2, 0.2, 0.3, 0.3, 1]]
    )
    thresholds = [0.3, 0.5, 0, 0, 0, 0, 0, 0, 0]
    expected = [[1, 0, 1, 0, 0, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0, 1, 0, 0]]
    assert decide(ALL, scores, thresholds).tolist() == np.array(expected, bool).tolist()
    in_graph = decisions(ALL, tf.constant(scores), tf.constant(thresholds, tf.float32))
    np.testing.assert_array_equal(in_graph, expected)
