import numpy as np
import pytest

from components.core.errors import EncoderError
from components.modeling.pretraining.corpus import Corpus
from components.modeling.pretraining.masking import Masker

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "a", "b", "c", "##x", "##y")
MASK, CLS, SEP = 4, 2, 3


def _rows(count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Texts of words of one to three pieces."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        pieces: list[int] = []
        for _ in range(random.integers(1, 12)):
            pieces += [int(random.integers(6, 9)), *random.integers(9, 11, random.integers(0, 3)).tolist()]
        rows.append(np.array([CLS, *pieces, SEP], np.int32))
    return rows


def _flat(rows: list[np.ndarray]) -> np.ndarray:
    longest = max(map(len, rows))
    return np.concatenate([np.pad(row, (0, longest - len(row))) for row in rows])


def _hide(rows: list[np.ndarray], *, whole_words: bool = True, share: float = 0.15, seed: int = 1):
    masker = Masker(VOCABULARY, share=share, whole_words=whole_words)
    return masker.hide(Corpus(rows), np.random.default_rng(seed))


def test_tells_what_stood_at_each_hidden_place():
    rows = _rows(200)
    batch = _hide(rows)
    np.testing.assert_array_equal(_flat(rows)[batch.positions], batch.tokens)


def test_leaves_all_other_places_as_they_are():
    rows = _rows(200)
    batch = _hide(rows)
    shown = batch.inputs["token_ids"].ravel()
    others = np.setdiff1d(np.arange(shown.size), batch.positions)
    np.testing.assert_array_equal(shown[others], _flat(rows)[others])


def test_never_hides_padding_or_frame():
    batch = _hide(_rows(500), share=0.9)
    assert set(np.unique(batch.tokens)) <= set(range(6, 11))


def test_hides_the_share_of_the_words_and_one_at_least_of_each_text():
    rows = [np.array([CLS, *[6] * 100, SEP], np.int32)] * 300
    batch = _hide(rows)
    assert len(batch.tokens) / (300 * 100) == pytest.approx(0.15, abs=0.01)
    short = [np.array([CLS, 6, SEP], np.int32)] * 50
    assert len(_hide(short).tokens) == 50


def test_eight_of_ten_become_mask_one_random_one_stays():
    rows = [np.array([CLS, *[6] * 100, SEP], np.int32)] * 1000
    batch = _hide(rows)
    shown = batch.inputs["token_ids"].ravel()[batch.positions]
    assert np.mean(shown == MASK) == pytest.approx(0.8, abs=0.02)
    # One in five of the random tokens is the token itself.
    assert np.mean(shown == 6) == pytest.approx(0.1 + 0.02, abs=0.02)
    assert set(np.unique(shown)) == {MASK, 6, 7, 8, 9, 10}


def test_hides_whole_words():
    rows = _rows(300)
    batch = _hide(rows)
    flat = _flat(rows)
    hidden = np.zeros(flat.size, bool)
    hidden[batch.positions] = True
    continues = flat >= 9
    places = np.flatnonzero(continues)
    assert places.size > 500
    np.testing.assert_array_equal(hidden[places], hidden[places - 1])


def test_hides_pieces_by_themselves_where_words_do_not_count():
    rows = _rows(300)
    batch = _hide(rows, whole_words=False)
    flat = _flat(rows)
    hidden = np.zeros(flat.size, bool)
    hidden[batch.positions] = True
    places = np.flatnonzero(flat >= 9)
    assert (hidden[places] != hidden[places - 1]).any()


def test_the_same_random_state_hides_the_same():
    one, same, other = (_hide(_rows(20), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    assert not np.array_equal(one.positions, other.positions)


def test_a_vocabulary_without_mask_is_refused():
    with pytest.raises(EncoderError, match=r"no \[MASK\]"):
        Masker(VOCABULARY[:4], share=0.15, whole_words=True)


def test_batches_hold_every_row_once_and_rows_of_like_length():
    lengths = np.random.default_rng(0).integers(3, 60, 5000)
    corpus = Corpus([np.zeros(length, np.int32) for length in lengths])
    batches = list(corpus.batches(32, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(5000))
    assert np.mean([lengths[rows].max() - lengths[rows].min() for rows in batches]) < 3
