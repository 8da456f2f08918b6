import random
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.data.beam.exchange import Exchange
from components.data.duplicates.groups import group_rows
from components.data.duplicates.pairs import near_pairs, similarity
from components.data.duplicates.search import find_near_pairs
from components.data.duplicates.signatures import BANDS, Pool, SignatureWriter, read_signatures, word_string

SEED = "the bus was late again and i walked home in the rain thinking of what you said"


def sign(directory: Path, texts: Sequence[str], *, parts: int = 1) -> list[Path]:
    stems = []
    for part in range(parts):
        stem = directory / f"{part:05d}-00000"
        writer = SignatureWriter(stem, near=True)
        for text in texts[part * len(texts) // parts : (part + 1) * len(texts) // parts]:
            writer.add(text, text.casefold(), (), 0, Pool.DEALT)
        writer.close()
        stems.append(stem)
    return stems


def search(stems: Sequence[Path], **options: Any) -> NDArray[np.int64]:
    directory = stems[0].parent
    return find_near_pairs(directory, [stem.name for stem in stems], Exchange(directory), **options)


def leads_of(directory: Path, texts: Sequence[str], **options: float) -> list[int]:
    stems = sign(directory, texts, parts=2)
    pairs = search(stems, **{"min_similarity": 0.7, "min_words": 5, **options})
    return group_rows(read_signatures(stems).texts, pairs).tolist()


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            best = (
                table[row][column] + 1
                if one == other
                else max(table[row][column + 1], table[row + 1][column])
            )
            table[row + 1][column + 1] = best
    return table[-1][-1]


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_similarity_is_the_share_of_words_in_common_in_order(first: list[str], second: list[str]):
    one, other = word_string(" ".join(first)), word_string(" ".join(second))
    total = len(first) + len(second)
    expected = 2 * longest_common_subsequence(first, second) / total if total else 1.0
    assert similarity(one, other) == pytest.approx(expected)
    assert similarity(one, other) >= SequenceMatcher(None, first, second, autojunk=False).ratio() - 1e-9


@pytest.mark.parametrize(
    "copy",
    [
        "the train was late again and i walked home in the rain thinking of what you said",
        "the bus was late and i walked home in the rain thinking of what you said",
        "well the bus was late again and i ran home in the rain thinking of what you said",
        "The bus was LATE again, and I walked home (in the rain): thinking of what you said!",
        "the bus late was again and i walked home in the rain thinking of what said you",
    ],
)
def test_a_text_with_words_edited_is_found(tmp_path: Path, copy: str):
    assert leads_of(tmp_path, ["nothing like the others at all here", SEED, copy]) == [0, 1, 1]


def test_half_a_text_is_another_text(tmp_path: Path):
    other = "the bus was late again and i walked home just to find my keys were lost once more"
    assert leads_of(tmp_path, [SEED, other]) == [0, 1]


def test_equal_words_in_another_order_are_another_text(tmp_path: Path):
    shuffled = " ".join(sorted(SEED.split()))
    assert leads_of(tmp_path, [SEED, shuffled]) == [0, 1]


def test_short_texts_must_be_equal(tmp_path: Path):
    assert leads_of(tmp_path, ["thank you so much", "thank you very much", "Thank you so much"]) == [0, 1, 0]


def test_copies_of_copies_are_one_group(tmp_path: Path):
    texts = ["a1 a2 a3 a4 a5 a6 a7 a8", "b1 a2 a3 a4 a5 a6 a7 a8", "b1 b2 a3 a4 a5 a6 a7 a8"]
    texts += ["b1 b2 b3 a4 a5 a6 a7 a8", "b1 b2 b3 b4 a5 a6 a7 a8"]
    assert leads_of(tmp_path, texts, min_similarity=0.8) == [0] * 5


def test_a_large_family_is_one_group(tmp_path: Path):
    texts = [f"happy birthday dear number{n} and many happy returns of the day" for n in range(300)]
    assert leads_of(tmp_path, texts) == [0] * 300


def test_bands_may_be_looked_at_by_several_workers(tmp_path: Path):
    generator = random.Random(5)
    words = [f"w{number}" for number in range(400)]
    texts = [" ".join(generator.choices(words, k=10)) for _ in range(200)]
    texts += [text.replace(text.split()[3], "edited") for text in texts[:50]]
    stems = sign(tmp_path, texts)
    hashes = read_signatures(stems).texts
    alone = near_pairs(stems, range(BANDS), min_similarity=0.7, min_words=5)
    shared = search(stems, min_similarity=0.7, min_words=5)
    assert group_rows(hashes, alone).tolist() == group_rows(hashes, shared).tolist()
    assert group_rows(hashes, alone)[200:].tolist() == list(range(50))


def test_no_rows_have_no_pairs(tmp_path: Path):
    assert near_pairs(sign(tmp_path, []), range(BANDS), min_similarity=0.7, min_words=5).shape == (0, 2)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_groups_are_the_connected_parts(links: list[tuple[int, int]]):
    leads = group_rows(np.arange(20, dtype=np.uint64), np.array(links, np.int64).reshape(-1, 2))
    reached = [{row} for row in range(20)]
    for _ in range(20):
        for one, other in links:
            reached[one] = reached[other] = reached[one] | reached[other]
            for row in reached[one]:
                reached[row] = reached[one]
    assert leads.tolist() == [min(group) for group in reached]
