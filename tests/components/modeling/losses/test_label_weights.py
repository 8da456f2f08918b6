"""Weights of labels against scikit-learn and the paper."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from components.core.errors import ConfigError
from components.modeling.losses.label_weights import (
    LabelCounts,
    balanced_class_weights,
    balanced_positive_weights,
    effective_number_weights,
    named_weights,
)

COUNTS = LabelCounts(np.array([500.0, 50.0, 5.0]), 1000.0)


def test_counts_are_of_rows_with_a_label_by_weight() -> None:
    nan = np.nan
    targets = np.float32([[1, 0], [0, 1], [1, 1], [nan, nan], [0.5, 0]])
    counts = LabelCounts.of(targets, np.float32([1, 2, 0, 9, 1]))
    # Four rows are known; their weights 1, 2, 0, 1 are 1 on average.
    np.testing.assert_allclose(counts.positives, [1.5, 2])
    assert counts.rows == 4


def test_balanced_positives_weigh_what_negatives_do() -> None:
    weights = balanced_positive_weights(COUNTS)
    np.testing.assert_allclose(weights * COUNTS.positives, COUNTS.rows - COUNTS.positives)
    np.testing.assert_allclose(balanced_positive_weights(COUNTS, power=0.5), np.sqrt(weights))


def test_labels_of_no_row_or_of_every_row_have_no_balance() -> None:
    weights = balanced_positive_weights(LabelCounts(np.array([0.0, 10.0, 2.0]), 10.0))
    np.testing.assert_allclose(weights, [1, 1, 4])


def test_balanced_classes_are_scikit_learns() -> None:
    labels = np.repeat([0, 1, 2], [500, 50, 5])
    counts = LabelCounts.of(np.eye(3, dtype=np.float32)[labels], np.ones(len(labels), np.float32))
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced_class_weights(counts), expected, rtol=1e-6)


def test_gentler_balance_keeps_the_mean_over_occurrences() -> None:
    weights = balanced_class_weights(COUNTS, power=0.5)
    assert weights @ COUNTS.positives == pytest.approx(COUNTS.positives.sum())
    assert weights[2] / weights[1] == pytest.approx(10**0.5)


def test_effective_numbers_are_the_papers() -> None:
    beta = 0.99
    effective = [(1 - beta**n) / (1 - beta) for n in COUNTS.positives]
    weights = effective_number_weights(COUNTS, beta=beta)
    np.testing.assert_allclose(weights / weights[0], effective[0] / np.array(effective))
    assert weights.sum() == pytest.approx(3)


def test_effective_number_goes_from_no_weights_to_inverse_frequency() -> None:
    np.testing.assert_allclose(effective_number_weights(COUNTS, beta=0.0), [1, 1, 1])
    nearly = effective_number_weights(COUNTS, beta=1 - 1e-9)
    np.testing.assert_allclose(nearly[2] / nearly[0], 100, rtol=1e-4)


def test_a_label_that_never_occurs_weighs_as_the_rarest() -> None:
    counts = LabelCounts(np.array([100.0, 10.0, 0.0]), 110.0)
    for weights in (balanced_class_weights(counts), effective_number_weights(counts, beta=0.9)):
        assert weights[2] == weights[1] > weights[0]
    nothing = LabelCounts(np.zeros(2), 0.0)
    for weights in (balanced_class_weights(nothing), effective_number_weights(nothing, beta=0.9)):
        np.testing.assert_array_equal(weights, [1, 1])


def test_named_weights_name_labels() -> None:
    weights = named_weights({"joy": 2.0}, ("anger", "joy"), setting="trainer.loss.class_weights")
    np.testing.assert_array_equal(weights, [1, 2])
    with pytest.raises(ConfigError, match="there is no label 'angre'; did you mean 'anger'"):
        named_weights({"angre": 2.0}, ("anger", "joy"), setting="trainer.loss.class_weights")
