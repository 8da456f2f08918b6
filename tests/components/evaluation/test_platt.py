import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import _sigmoid_calibration
from sklearn.metrics import roc_auc_score

from components.evaluation.platt import fit_platt, logit, sigmoid

NO_SHRINKAGE = 1e-9


def draw(random, rows, *, offset=0.0, slope=1.0, labels=3):
    """Logits, and labels that are drawn as likely as offset and slope make of them."""
    logits = random.normal(-1.5, 2, (rows, labels))
    return logits, random.random(logits.shape) < sigmoid(offset + slope * logits)


def platts_targets(marks):
    positives = marks.sum()
    return np.where(marks, (positives + 1) / (positives + 2), 1 / (len(marks) - positives + 2))


def most_probable(logits, marks, prior, precision):
    """Offset and slope of one label, by a minimiser of another make."""
    targets = platts_targets(marks)

    def loss(parameters):
        probabilities = sigmoid(parameters[0] + parameters[1] * logits)
        likelihood = targets * np.log(probabilities) + (1 - targets) * np.log1p(-probabilities)
        return -likelihood.sum() + (precision * (parameters - prior) ** 2).sum() / 2

    return minimize(loss, prior, method="BFGS", options={"gtol": 1e-8}).x


def test_without_shrinkage_it_is_platt_scaling():
    logits, marks = draw(np.random.default_rng(1), 300, offset=0.7, slope=0.5)
    scaling = fit_platt(logits, marks, shrinkage=NO_SHRINKAGE)
    for label in range(3):
        minus_slope, minus_offset = _sigmoid_calibration(logits[:, label], marks[:, label])
        assert scaling.slopes[label] == pytest.approx(-minus_slope, abs=1e-3)
        assert scaling.offsets[label] == pytest.approx(-minus_offset, abs=1e-3)


def test_a_label_is_shrunk_toward_all_of_them():
    logits, marks = draw(np.random.default_rng(2), 200, offset=np.array([1.0, 0.0, -1.0]), slope=0.8)
    scaling = fit_platt(logits, marks)
    common = most_probable(logits.ravel(), marks.ravel(), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    for label in range(3):
        own = most_probable(logits[:, label], marks[:, label], common, np.array([30.0, 300.0]))
        assert [scaling.offsets[label], scaling.slopes[label]] == pytest.approx(own, abs=1e-5)
    firm = fit_platt(logits, marks, shrinkage=1e6)
    assert firm.offsets == pytest.approx(common[0], abs=1e-3)
    assert firm.slopes == pytest.approx(common[1], abs=1e-3)


def test_the_covariance_is_how_far_estimates_scatter():
    random = np.random.default_rng(3)
    fits = [fit_platt(*draw(random, 400, labels=1), shrinkage=NO_SHRINKAGE) for _ in range(300)]
    scatter = np.cov([fit.offsets[0] for fit in fits], [fit.slopes[0] for fit in fits])
    claimed = np.mean([fit.covariance[:, 0] for fit in fits], axis=0)
    assert claimed == pytest.approx([scatter[0, 0], scatter[0, 1], scatter[1, 1]], rel=0.3)


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.floats(-2, 4))
@settings(max_examples=25)
def test_the_order_of_texts_stays(seed, offset, slope):
    """Even that of scores which fall as the label becomes likelier: a map that turns them over would hide it."""
    logits, marks = draw(np.random.default_rng(seed), 60, offset=offset, slope=slope)
    scaling = fit_platt(logits, marks)
    assert (scaling.slopes > 0).all()
    after = scaling.apply(logits)
    assert scaling.undo(after) == pytest.approx(logits, abs=1e-6)
    for label in np.flatnonzero(marks.any(axis=0) & ~marks.all(axis=0)):
        expected = roc_auc_score(marks[:, label], logits[:, label])
        assert roc_auc_score(marks[:, label], after[:, label]) == expected


def test_labels_that_scores_divide_perfectly_get_finite_parameters():
    marks = np.arange(40)[:, None] % 4 == np.arange(2)
    scaling = fit_platt(np.where(marks, 1e3, -1e3), marks, shrinkage=NO_SHRINKAGE)
    assert np.isfinite([scaling.offsets, scaling.slopes]).all()
    assert (sigmoid(scaling.apply(np.array([1e3, 1e3]))) > 0.9).all()


def test_sigmoid_and_logit_are_each_others_inverse_and_do_not_overflow():
    probabilities = np.array([1e-6, 0.3, 0.5, 1 - 1e-6])
    assert sigmoid(logit(probabilities)) == pytest.approx(probabilities, rel=1e-9)
    assert sigmoid(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]
