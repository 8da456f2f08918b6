"""Planted errors come to the top, for every task, and each is told as what it is."""

import numpy as np
import pytest

from components.core.errors import DataError
from components.evaluation.audit.doubts import doubts_of
from components.evaluation.audit.label_audit import audit_labels
from components.modeling.heads import Head

_ROWS, _LABELS = 600, ("joy", "sadness", "anger")
_FOLDS = np.arange(_ROWS) % 5


def _world(seed=0):
    """Vectors, and what they say: a direction for each label."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 3, _ROWS)
    vectors = random.normal(size=(_ROWS, 8)).astype(np.float32)
    vectors[np.arange(_ROWS), kinds] += 6
    planted = random.choice(_ROWS, 30, replace=False)
    return vectors, kinds, planted


def _audit(head, vectors, targets):
    return audit_labels([head], targets.astype(np.float32), vectors, _FOLDS)


def _found(audit, planted):
    return len(set(audit.ranking()[: len(planted)].tolist()) & set(planted.tolist())) / len(planted)


@pytest.mark.parametrize("task", ["multi_label", "single_label", "ordinal"])
def test_exchanged_labels_are_found(task):
    vectors, kinds, planted = _world()
    given = kinds.copy()
    given[planted] = (given[planted] + 1) % 3
    audit = _audit(Head(task=task, outputs=_LABELS), vectors, np.eye(3)[given])
    assert _found(audit, planted) >= 0.9
    row = next(row for row in audit.ranking().tolist() if row in planted)
    wrong, right = _LABELS[given[row]], _LABELS[kinds[row]]
    told = {(issue.kind, issue.label, issue.given, issue.suggested) for issue in audit.issues(row)}
    if task == "multi_label":
        assert {("wrong", wrong, "present", "absent"), ("missing", right, "absent", "present")} <= told
    else:
        assert told == {("other", wrong, wrong, right)}
    assert all(issue.label in issue.reason for issue in audit.issues(row))


def test_lost_labels_are_found_as_missing():
    vectors, kinds, planted = _world(1)
    targets = np.eye(3)[kinds]
    targets[planted] = 0
    audit = _audit(Head(outputs=_LABELS), vectors, targets)
    assert _found(audit, planted) >= 0.9
    issue = audit.issues(int(audit.ranking()[0]))[0]
    assert (issue.kind, issue.suggested) == ("missing", "present")
    assert issue.probability is not None
    assert issue.probability > 0.5


def test_numbers_far_from_what_the_texts_say_are_found():
    vectors, _, planted = _world(2)
    values = vectors @ np.linspace(-1, 1, 8)
    values[planted] += 8
    audit = _audit(Head(task="regression", outputs=("valence",)), vectors, values[:, None])
    assert _found(audit, planted) == 1
    issue = audit.issues(int(audit.ranking()[0]))[0]
    assert issue.kind == "number"
    assert float(issue.suggested) < float(issue.given) - 4
    assert issue.probability is None


def test_a_rare_label_is_no_error_for_being_rare():
    """Where the text says nothing, rare and frequent labels are doubted alike, which no other score does."""
    frequency = np.array([0.02, 0.6], np.float32)
    targets = (np.random.default_rng(0).random((5000, 2)) < frequency).astype(np.float32)
    answers = np.broadcast_to(targets.mean(axis=0), targets.shape).astype(np.float32)
    doubts = doubts_of(Head(outputs=("rare", "frequent")), targets, answers).doubts
    np.testing.assert_allclose(doubts, 0, atol=1e-5)


def test_doubts_are_the_logarithm_of_chance_against_text():
    targets = np.array([[1], [0], [0], [0]], np.float32)
    answers = np.array([[0.05], [0.9], [0.25], [0]], np.float32)
    doubts = doubts_of(Head(outputs=("joy",)), targets, answers).doubts[:, 0]
    expected = [np.log(0.25 / 0.05), np.log(0.75 / 0.1), 0, np.log(0.75 / (1 - 1e-4))]
    np.testing.assert_allclose(doubts, expected, rtol=1e-5, atol=1e-6)


def test_several_heads_add_up_and_unknown_rows_are_not_doubted():
    vectors, kinds, planted = _world(3)
    given = kinds.copy()
    given[planted] = (given[planted] + 1) % 3
    heads = [
        Head(name="one", task="single_label", outputs=_LABELS),
        Head(name="two", task="regression", outputs=("valence",)),
    ]
    valence = vectors[:, :1] + np.random.default_rng(4).normal(size=(_ROWS, 1))
    targets = np.concatenate([np.eye(3)[given], valence], axis=1).astype(np.float32)
    unknown = np.setdiff1d(np.arange(_ROWS), planted)[:20]
    targets[unknown] = np.nan
    audit = audit_labels(heads, targets, vectors, _FOLDS)
    assert len(set(audit.ranking()[: 2 * len(planted)].tolist()) & set(planted.tolist())) >= 24
    one, two = (head.doubts.sum(axis=1) for head in audit.heads)
    np.testing.assert_allclose(audit.doubts, one + two, rtol=1e-5)
    assert (audit.doubts[unknown] == 0).all()
    assert not any(audit.issues(row) for row in unknown.tolist())


def test_what_was_judged_is_not_doubted_again():
    vectors, kinds, planted = _world()
    given = kinds.copy()
    given[planted] = (given[planted] + 1) % 3
    audit = _audit(Head(outputs=_LABELS), vectors, np.eye(3)[given])
    judged = np.zeros((_ROWS, 3), bool)
    judged[planted] = True
    again = audit.without(judged)
    assert not set(again.ranking().tolist()) & set(planted.tolist())
    assert not any(again.issues(row) for row in planted.tolist())


def test_too_few_known_rows_are_refused():
    targets = np.full((_ROWS, 1), np.nan, np.float32)
    targets[0] = 1
    with pytest.raises(DataError, match="too few rows are labelled for head 'valence'"):
        audit_labels(
            [Head(name="valence", task="regression", outputs=("valence",))], targets, _world()[0], _FOLDS
        )
