"""Changes of a text that leave what it expresses as it is, after CheckList (Ribeiro et al., 2020).

Each is a function of a text and a source of chance that gives the changed text, or None where it does not apply.
Placeholders, links, handles and hashtags stay as they are.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from components.evaluation.behaviour.behaviour_config import PerturbationName
from components.evaluation.behaviour.contractions import contract, expand
from components.evaluation.behaviour.identity_swaps import swap_identity

__all__ = ["Change", "Perturbation", "invariances"]

Change: TypeAlias = Callable[[str, random.Random], str | None]
"""Of a text; None where it does not apply."""

_KEPT = re.compile(r"\[[A-Z][A-Z_]*\]|https?://\S+|www\.\S+|\S+@\S+\.\S+|[@#]\w+")
_WORD = re.compile(r"(?<![\w'’\-])[a-z]{5,}(?![\w'’\-])")
_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")

_NEUTRAL_EMOJI = ("📌", "📎", "📝", "🔗", "📅", "📦", "📁", "📄")
_EMOJI = re.compile(rf"\s*(?:{'|'.join(_NEUTRAL_EMOJI)})\ufe0f?")

_SENTENCES = (
    "It is Tuesday today.",
    "That was around noon.",
    "Sent from my phone.",
    "I am typing this on a laptop.",
    "This was in March.",
)
_USERS = ("@sam_82", "@kit_morgan", "@user4417", "@alexr", "@j_taylor")


@dataclass(frozen=True)
class Perturbation:
    """A change with its name.

    Attributes:
        name: in the configuration.
        what: a sentence for a person.
        change: the function.
    """

    name: PerturbationName
    what: str
    change: Change


def invariances(is_word: Callable[[str], bool]) -> tuple[Perturbation, ...]:
    """The changes that must not change a decision.

    Args:
        is_word: whether a lower-case word exists: a typing error that makes another word changes the meaning.
    """
    return (
        Perturbation(
            "letters_swapped", "Two neighbouring letters inside a word change places.", _swap(is_word)
        ),
        Perturbation("letter_dropped", "A letter inside a word is missing.", _drop(is_word)),
        Perturbation("upper_case", "All letters are capitals.", lambda text, _: _outside(text, str.upper)),
        Perturbation("lower_case", "No letter is a capital.", _lower),
        Perturbation("full_stop_removed", "The full stop at the end is missing.", _remove_full_stop),
        Perturbation("full_stop_added", "A full stop ends a text that had none.", _add_full_stop),
        Perturbation("emoji_added", "An emoji of a thing of the office is added.", _add_emoji),
        Perturbation("emoji_removed", "Emoji of things of the office are taken out.", _remove_emoji),
        Perturbation("contractions_expanded", "Contractions are written out.", lambda text, _: expand(text)),
        Perturbation("words_contracted", "Words are contracted.", lambda text, _: contract(text)),
        Perturbation("sentence_added", "A sentence that expresses nothing is added.", _add_sentence),
        Perturbation("url_added", "A link is added.", _add_url),
        Perturbation("user_name_added", "A user name stands before the text.", _add_user),
        Perturbation(
            "identity_swapped", "The gender, origin or religion of the persons is another.", swap_identity
        ),
    )


def _outside(text: str, change: Callable[[str], str]) -> str | None:
    """Changes all but what is kept; None if that changes nothing."""
    pieces, start = [], 0
    for kept in _KEPT.finditer(text):
        pieces += [change(text[start : kept.start()]), kept[0]]
        start = kept.end()
    changed = "".join([*pieces, change(text[start:])])
    return changed if changed != text else None


def _words(text: str) -> list[re.Match[str]]:
    """The words that can bear a typing error: lower case, so no names, and long enough to stay readable."""
    kept = [(match.start(), match.end()) for match in _KEPT.finditer(text)]
    return [
        word for word in _WORD.finditer(text) if not any(start <= word.start() < end for start, end in kept)
    ]


def _mistyped(variants: Callable[[str], list[str]], is_word: Callable[[str], bool]) -> Change:
    """One word of the text becomes one of its variants that is no word itself; first and last letter stay."""

    def change(text: str, chance: random.Random) -> str | None:
        words = _words(text)
        chance.shuffle(words)
        for word in words:
            if candidates := [variant for variant in variants(word[0]) if not is_word(variant)]:
                return text[: word.start()] + chance.choice(candidates) + text[word.end() :]
        return None

    return change


def _swap(is_word: Callable[[str], bool]) -> Change:
    def variants(word: str) -> list[str]:
        return [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            for at in range(1, len(word) - 2)
            if word[at] != word[at + 1]
        ]

    return _mistyped(variants, is_word)


def _drop(is_word: Callable[[str], bool]) -> Change:
    return _mistyped(lambda word: [word[:at] + word[at + 1 :] for at in range(1, len(word) - 1)], is_word)


def _lower(text: str, _: random.Random) -> str | None:
    """Not where capitals mean something: `US`, or a shout."""
    return None if _SHOUTED.search(_KEPT.sub("", text)) else _outside(text, str.lower)


def _remove_full_stop(text: str, _: random.Random) -> str | None:
    """Only the full stop: `!`, `?` and `...` carry a tone."""
    return text[:-1] if re.search(r"[^\W_]\.$", text) else None


def _add_full_stop(text: str, _: random.Random) -> str | None:
    return f"{text}." if text[-1:].isalpha() and not _ends_kept(text) else None


def _add_emoji(text: str, chance: random.Random) -> str:
    return f"{text} {chance.choice(_NEUTRAL_EMOJI)}"


def _remove_emoji(text: str, _: random.Random) -> str | None:
    changed = _EMOJI.sub("", text).strip()
    return changed if changed and changed != text else None


def _add_sentence(text: str, chance: random.Random) -> str:
    ended = text if not text[-1:].isalnum() or _ends_kept(text) else f"{text}."
    return f"{ended} {chance.choice(_SENTENCES)}"


def _add_url(text: str, chance: random.Random) -> str:
    return f"{text} https://example.com/{chance.randrange(10**5, 10**6)}"


def _add_user(text: str, chance: random.Random) -> str:
    return f"{chance.choice(_USERS)} {text}"


def _ends_kept(text: str) -> bool:
    return any(match.end() == len(text) for match in _KEPT.finditer(text))
