"""The heads reach the minimum that scikit-learn's solvers reach, and answer only about what they have not seen."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from components.evaluation.audit.linear_head import design_matrix, out_of_fold

_ROWS, _WIDTH, _PENALTY = 400, 6, 1.0


def _vectors():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(_ROWS, _WIDTH)).astype(np.float32) * 3 + 1
    scores = vectors @ random.normal(size=(_WIDTH, 4)).astype(np.float32) + random.normal(size=(_ROWS, 4)) * 4
    return vectors, scores, np.arange(_ROWS) % 4


def test_a_design_has_rows_of_length_one():
    design = design_matrix(_vectors()[0])
    assert (design[:, -1] == 1).all()
    np.testing.assert_allclose(design[:, :-1].mean(axis=0), 0, atol=1e-5)
    assert np.square(design[:, :-1]).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)
    constant = design_matrix(np.ones((3, 2), np.float32))
    np.testing.assert_array_equal(constant, [[0, 0, 1]] * 3)


def test_labels_are_answered_as_by_scikit_learn():
    vectors, scores, folds = _vectors()
    design = design_matrix(vectors)
    targets = (scores > 2).astype(np.float32)
    answers = out_of_fold("multi_label", design, targets, folds, penalty=_PENALTY)
    for fold in range(4):
        train, own = folds != fold, folds == fold
        for label in range(4):
            peer = LogisticRegression(C=1 / _PENALTY, tol=1e-8, max_iter=1000)
            peer.fit(design[train, :-1], targets[train, label])
            expected = peer.predict_proba(design[own, :-1])[:, 1]
            np.testing.assert_allclose(answers[own, label], expected, atol=1e-3)


def test_one_of_several_labels_is_answered_as_by_scikit_learn():
    vectors, scores, folds = _vectors()
    design = design_matrix(vectors)
    classes = scores.argmax(axis=1)
    answers = out_of_fold(
        "single_label", design, np.eye(4, dtype=np.float32)[classes], folds, penalty=_PENALTY
    )
    peer = LogisticRegression(C=1 / _PENALTY, tol=1e-8, max_iter=1000)
    peer.fit(design[folds != 1, :-1], classes[folds != 1])
    np.testing.assert_allclose(answers[folds == 1], peer.predict_proba(design[folds == 1, :-1]), atol=2e-3)


def test_levels_have_probabilities_that_follow_them():
    vectors, scores, folds = _vectors()
    levels = np.digitize(scores[:, 0], np.quantile(scores[:, 0], [0.25, 0.5, 0.75]))
    targets = np.eye(4, dtype=np.float32)[levels]
    answers = out_of_fold("ordinal", design_matrix(vectors), targets, folds, penalty=_PENALTY)
    assert (answers >= 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert np.corrcoef(answers @ np.arange(4), levels)[0, 1] > 0.5


def test_numbers_are_answered_as_by_scikit_learn():
    vectors, scores, folds = _vectors()
    design, targets = design_matrix(vectors), scores[:, :2].astype(np.float32)
    answers = out_of_fold("regression", design, targets, folds, penalty=_PENALTY)
    peer = Ridge(alpha=_PENALTY).fit(design[folds != 2, :-1], targets[folds != 2])
    np.testing.assert_allclose(answers[folds == 2], peer.predict(design[folds == 2, :-1]), atol=2e-2)


@pytest.mark.parametrize("task", ["multi_label", "single_label", "ordinal", "regression"])
def test_a_fold_s_own_labels_do_not_matter_to_its_answers(task):
    vectors, scores, folds = _vectors()
    design = design_matrix(vectors)
    targets = np.eye(4, dtype=np.float32)[scores.argmax(axis=1)]
    shuffled = targets.copy()
    shuffled[folds == 0] = np.roll(targets[folds == 0], 1, axis=1)
    one, other = (out_of_fold(task, design, own, folds, penalty=1.0) for own in (targets, shuffled))
    np.testing.assert_array_equal(one[folds == 0], other[folds == 0])
    assert not np.allclose(one[folds == 1], other[folds == 1])
