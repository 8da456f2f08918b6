import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.behaviour.behaviour_config import PerturbationName
from components.evaluation.behaviour.contractions import contract, expand
from components.evaluation.behaviour.identity_swaps import swap_identity
from components.evaluation.behaviour.negation import negate
from components.evaluation.behaviour.perturbations import invariances

WORDS = {"united", "untied", "quite", "quiet", "quit"}
CHANGES = {perturbation.name: perturbation.change for perturbation in invariances(WORDS.__contains__)}


def changed(name: str, text: str, seed: int = 0) -> str | None:
    return CHANGES[name](text, random.Random(seed))


def test_every_configurable_change_exists() -> None:
    assert {*CHANGES, "negated"} == set(PerturbationName.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("upper_case", "so [NAME] said https://a.b/c is @home", "SO [NAME] SAID https://a.b/c IS @home"),
        ("upper_case", "NO [NAME]!", None),
        ("lower_case", "We Won [NAME]", "we won [NAME]"),
        ("lower_case", "We left the US", None),
        ("full_stop_removed", "It is over.", "It is over"),
        ("full_stop_removed", "And then...", None),
        ("full_stop_removed", "It is over!", None),
        ("full_stop_added", "It is over", "It is over."),
        ("full_stop_added", "It is over?", None),
        ("full_stop_added", "see https://a.b/c", None),
        ("full_stop_added", "for [NAME]", None),
        ("emoji_removed", "the plan 📌", "the plan"),
        ("emoji_removed", "the plan 😀", None),
        ("emoji_removed", "📌", None),
        ("letters_swapped", "we are so sad", None),
        ("letter_dropped", "Anna met [NAME] at #holiday", None),
        ("letters_swapped", "it is quite", "it is qiute"),
    ],
)
def test_changes(name: str, text: str, expected: str | None) -> None:
    assert changed(name, text, seed=3) == expected


def test_a_typing_error_makes_no_other_word() -> None:
    assert {changed("letters_swapped", "united", seed) for seed in range(50)} == {"uinted", "unietd"}
    assert {changed("letter_dropped", "quite", seed) for seed in range(50)} == {"qite", "qute", "quie"}


@given(st.text(max_size=60), st.sampled_from(sorted(CHANGES)), st.integers(0, 9))
def test_a_change_changes_and_is_repeatable(text: str, name: str, seed: int) -> None:
    first = changed(name, text, seed)
    assert first == changed(name, text, seed)
    assert first is None or (first != text and first)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't know, it's late", "I do not know, it is late"),
        ("Can't wait", "Cannot wait"),
        ("We won’t go", "We will not go"),
        ("I'm sure they've left", "I am sure they have left"),
        ("Don't you think so?", None),
        ("Isn't that odd", None),
        ("why don't people care", None),
        ("it's been a while", None),
        ("she's gone", None),
        ("DON'T SHOUT", None),
        ("that's my dog's bowl", "that is my dog's bowl"),
        ("nothing to see", None),
    ],
)
def test_expanding(text: str, expected: str | None) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I do not know. It is late", "I don't know. It's late"),
        ("I cannot and will not go", "I can't and won't go"),
        ("Do not move", "Don't move"),
        ("She is not here", "She isn't here"),
        ("I am not here", "I'm not here"),
        ("half of it is yours", None),
        ("that is who I am.", "that's who I am."),
        ("I am", None),
        ("DO NOT SHOUT", None),
        ("he did not only win", None),
    ],
)
def test_contracting(text: str, expected: str | None) -> None:
    assert contract(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said his dad would help him.", "She said her mom would help her."),
        ("She hurt herself", "He hurt himself"),
        ("HE told the man, the book was his.", "SHE told the woman, the book was hers."),
        ("My mum and my brother", "My dad and my sister"),
        ("I gave her the book", None),
        ("Oh man, that hurt", None),
        ("Man, that hurt", None),
        ("that guy lost his keys", None),
        ("she is pregnant", None),
        ("you son of a gun", None),
        ("nobody in particular", None),
    ],
)
def test_swapping_gender(text: str, expected: str | None) -> None:
    result = swap_identity(text, random.Random(0))
    assert result == expected


def test_swapping_origin_and_religion() -> None:
    results: Sequence[str | None] = [
        swap_identity("An American met a Muslim and an American.", random.Random(seed)) for seed in range(40)
    ]
    for result in results:
        assert result is not None
        assert "American" not in result
        assert "Muslim" not in result
        words = result.rstrip(".").split()
        assert words[1] == words[7]
        assert all(
            (article.lower() == "an") == (word[0] in "AEIOU")
            for article, word in pairwise(words)
            if article.lower() in ("a", "an")
        )
    assert len(set(results)) > 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm so happy!", ("I'm not happy!", ("joy", "excitement", "positive"))),
        ("This is really disgusting", ("This is not disgusting", ("disgust", "negative"))),
        ("I love it. Thanks", ("I do not love it. Thanks", ("love",))),
        ("Well, this is odd. I'm scared", ("Well, this is odd. I'm not scared", ("fear",))),
        ("I'm not happy", None),
        ("Am I happy?", None),
        ("I'm happy but tired", None),
        ("I love it, I love it", None),
        ("if I'm happy", None),
        ("I'm happy " + "so very " * 10, None),
    ],
)
def test_negating(text: str, expected: tuple[str, tuple[str, ...]] | None) -> None:
    assert negate(text) == expected
