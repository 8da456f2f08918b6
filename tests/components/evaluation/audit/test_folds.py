"""No row is judged by a model that has seen a copy of it."""

import numpy as np
import pytest

from components.core.errors import DataError
from components.evaluation.audit.folds import deal_folds, related_rows

_TEXTS = [
    "I am so happy that we met today at last",
    "Thank you!",
    "i am so  HAPPY that we met today at last",
    "I am so happy that we all met today at last",
    "the car was lost and nobody knows where it went",
    "thank you",
    "a third text that stands for itself and nothing else",
]


def test_equal_and_nearly_equal_texts_are_one_family():
    families = related_rows(_TEXTS)
    assert families[0] == families[2] == families[3]
    assert len(set(families.tolist())) == 5


def test_rows_of_a_group_are_one_family_with_their_copies():
    groups = ["a", None, None, None, "a", "b", "b"]
    families = related_rows(_TEXTS, groups)
    assert families[0] == families[2] == families[3] == families[4]
    assert families[5] == families[6] != families[0]
    assert families[1] not in families[2:]


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_are_even_and_split_no_family(folds):
    random = np.random.default_rng(1)
    families = random.integers(0, 300, 1000)
    dealt = deal_folds(families, folds, seed=0)
    assert all(len(set(dealt[families == family].tolist())) == 1 for family in set(families.tolist()))
    sizes = np.bincount(dealt, minlength=folds)
    assert sizes.max() - sizes.min() <= 2
    assert not np.array_equal(dealt, deal_folds(families, folds, seed=1))
    np.testing.assert_array_equal(dealt, deal_folds(families, folds, seed=0))


def test_a_family_larger_than_a_fold_stays_whole():
    dealt = deal_folds(np.array([0] * 90 + list(range(1, 11))), 5, seed=0)
    assert len(set(dealt[:90].tolist())) == 1
    assert set(dealt.tolist()) == set(range(5))


def test_fewer_families_than_folds_are_refused():
    with pytest.raises(DataError, match=r"2 families .* 3 folds"):
        deal_folds(np.array([0, 0, 1]), 3, seed=0)
