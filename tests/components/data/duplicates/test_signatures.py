from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data.duplicates.signatures import (
    BANDS,
    Pool,
    SignatureWriter,
    band_keys,
    read_band,
    read_signatures,
    word_string,
)


def keys_of(*texts: str) -> np.ndarray:
    strings = [word_string(text) for text in texts]
    words = np.frombuffer("".join(strings).encode("utf-32-le"), np.uint32)
    return band_keys(words, np.array([len(string) for string in strings], np.int64))


def write(stem: Path, rows: list[tuple[str, tuple[str, ...], int]], *, near: bool = True) -> None:
    writer = SignatureWriter(stem, near)
    for text, labels, split in rows:
        writer.add(text, text.casefold(), labels, split, Pool.DEALT)
    writer.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Thank you, so much!", "thank you so much"),
        ("It's LATE", "it s late…"),
        ("今天很高兴", "今天,很高兴!"),
        ("x y", "x\n\ty"),
    ],
)
def test_case_and_punctuation_make_no_other_words(one: str, other: str):
    assert word_string(one) == word_string(other)


def test_a_word_is_a_character():
    assert len(word_string("The cat sat on the mat.")) == 6
    assert len(set(word_string("The cat sat on the mat."))) == 5


def test_ideographs_are_words_of_their_own():
    assert len(word_string("今天很高兴 ok")) == 6


def test_equal_word_sets_agree_in_every_band():
    keys = keys_of("we met at the old bridge", "at the old bridge, we met")
    assert (keys[:, 0] == keys[:, 1]).all()


def test_unrelated_texts_agree_in_no_band():
    keys = keys_of("we met at the old bridge", "nobody answers my letters any more")
    assert not (keys[:, 0] == keys[:, 1]).any()


def test_texts_without_words_agree_with_nothing():
    keys = keys_of("!!!", "we met", "???", "")
    assert all(len(set(band.tolist())) == 4 for band in keys)


def test_the_share_of_equal_bands_follows_the_overlap_of_the_words():
    """A band of four values agrees with probability J^4 (Broder)."""
    generator = np.random.default_rng(0)
    vocabulary = [f"word{number}" for number in range(100_000)]
    agreements = []
    for _ in range(300):
        words = generator.choice(vocabulary, 13, replace=False)
        shared, first, second = words[:9], words[9:11], words[11:]
        keys = keys_of(" ".join([*shared, *first]), " ".join([*shared, *second]))
        agreements.append((keys[:, 0] == keys[:, 1]).mean())
    expected = (9 / 13) ** 4
    assert np.mean(agreements) == pytest.approx(expected, abs=0.02)


@settings(max_examples=30)
@given(st.lists(st.text("ab c!", max_size=12), max_size=40), st.integers(0, 40))
def test_keys_do_not_depend_on_how_rows_are_divided(texts: list[str], cut: int):
    whole, first, second = keys_of(*texts), keys_of(*texts[:cut]), keys_of(*texts[cut:])
    divided = np.concatenate([first, second], axis=1)
    filled = [number for number, text in enumerate(texts) if word_string(text)]
    assert np.array_equal(whole[:, filled], divided[:, filled])


def test_signatures_come_back_in_order(tmp_path: Path):
    write(tmp_path / "00000-00000", [("One two", ("joy",), 0), ("three", (), 1)])
    write(tmp_path / "00000-00001", [])
    write(tmp_path / "00001-00000", [("one TWO", ("joy",), 2)])
    stems = [tmp_path / name for name in ("00000-00000", "00000-00001", "00001-00000")]
    rows = read_signatures(stems)
    assert rows.splits.tolist() == [0, 1, 2]
    assert rows.lengths.tolist() == [2, 1, 2]
    assert rows.words == word_string("one two three one two")
    assert rows.texts[0] == rows.texts[2] != rows.texts[1]
    assert rows.labels[0] == rows.labels[2] != rows.labels[1]
    band = read_band(stems, BANDS - 1)
    assert band[0] == band[2]


def test_without_near_duplicates_no_words_are_kept(tmp_path: Path):
    write(tmp_path / "part", [("one two", (), 0)], near=False)
    assert read_signatures([tmp_path / "part"]).words == ""
    assert not list(tmp_path.glob("*.bands.npy"))
