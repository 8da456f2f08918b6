"""Who a text is about becomes somebody else: another gender, origin or religion.

Only words whose meaning the swap cannot change. Left alone are colours that are also skin (`black`), names of languages
alone, exclamations (`oh man`), fixed phrases (`son of a`), and texts about what only one of the sexes does.
"""

import random
import re
from collections.abc import Mapping

__all__ = ["swap_identity"]

_ORIGINS = (
    *("American", "Canadian", "Mexican", "Brazilian", "Nigerian", "Kenyan", "Egyptian", "Israeli", "Iranian"),
    *("Indian", "Pakistani", "Chinese", "Japanese", "Korean", "Vietnamese", "Australian"),
    *("Italian", "Irish", "Swedish", "Romanian", "Ukrainian", "Russian"),
)
_RELIGIONS = ("Christian", "Catholic", "Muslim", "Jewish", "Hindu", "Buddhist", "Sikh")
_ADJECTIVES = (_ORIGINS, _RELIGIONS)
_ADJECTIVE = re.compile(rf"(?P<article>\b[Aa]n? )?\b(?P<term>{'|'.join((*_ORIGINS, *_RELIGIONS))})\b(?!-)")

_HER: Mapping[str, str] = {
    "he": "she",
    "him": "her",
    "himself": "herself",
    "men": "women",
    "boys": "girls",
    "father": "mother",
    "fathers": "mothers",
    "dad": "mom",
    "dads": "moms",
    "daddy": "mommy",
    "brother": "sister",
    "brothers": "sisters",
    "son": "daughter",
    "sons": "daughters",
    "husband": "wife",
    "husbands": "wives",
    "boyfriend": "girlfriend",
    "uncle": "aunt",
    "nephew": "niece",
    "grandpa": "grandma",
    "grandfather": "grandmother",
    "grandson": "granddaughter",
    "gentleman": "lady",
    "waiter": "waitress",
}
_SINGULAR: Mapping[str, str] = {"man": "woman", "boy": "girl"}
"""Only after an article: `Man, that hurt` is about no man."""

_HIM = {other: word for word, other in _HER.items() if other != "her"}
_SWAPPED = {**_HER, **_HIM, "mum": "dad", "hers": "his"}
_SWAPPED_AFTER_ARTICLE = {**_SINGULAR, **{other: word for word, other in _SINGULAR.items()}}

_GENDERED = re.compile(
    rf"(?<!-)\b(?:(?P<article>(?:a|the|this|that|every|another|one|some|young|old|older|nice) )"
    rf"(?P<singular>{'|'.join(_SWAPPED_AFTER_ARTICLE)})|(?P<his>his)(?P<of>(?= [A-Za-z]))?"
    rf"|(?P<word>{'|'.join(_SWAPPED)}))\b(?!-)",
    re.IGNORECASE,
)
_AMBIGUOUS = re.compile(r"\bher\b", re.IGNORECASE)
_OF_ONE_SEX = re.compile(
    r"\b(?:pregnan\w+|gave birth|giving birth|breast\w*|period|beard|prostate|wom[ae]n's|m[ae]n's|gay|lesbian|straight"
    r"|bisexual|trans|transgender|male|female|king|queen|prince|princess|god|lord|jesus|widow|widower|mr|mrs|ms|sir"
    r"|madam|guys?|blokes?|lads?|dudes?|chaps?|bro|sis|gal|lass|nan|nana|granny|papa|mama|bride|groom|\w+sman|\w+eman)\b"
    r"|\bson of\b|\bold (?:man|woman)\b|\boh (?:man|boy)\b",
    re.IGNORECASE,
)
"""Nothing is swapped beside these: what only one of the sexes does or is, idioms, and words that have no pair here."""


def swap_identity(text: str, chance: random.Random) -> str | None:
    """The text about somebody else; None if it names no one that can be swapped."""
    changed = _swap_adjectives(text, chance)
    if not _AMBIGUOUS.search(text) and not _OF_ONE_SEX.search(text):
        changed = _GENDERED.sub(_swap_gender, changed)
    return changed if changed != text else None


def _swap_adjectives(text: str, chance: random.Random) -> str:
    """Another origin or religion; the same for the same throughout the text."""
    chosen: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        term = match["term"]
        if term not in chosen:
            family = next(family for family in _ADJECTIVES if term in family)
            chosen[term] = chance.choice([other for other in family if other != term])
        other, article = chosen[term], match["article"] or ""
        if article:
            article = f"{article[0]}{'n' if other[0] in 'AEIOU' else ''} "
        return article + other

    return _ADJECTIVE.sub(replace, text)


def _swap_gender(match: re.Match[str]) -> str:
    if match["his"]:
        return _as_written("her" if match["of"] is not None else "hers", match["his"])
    if singular := match["singular"]:
        return match["article"] + _as_written(_SWAPPED_AFTER_ARTICLE[singular.lower()], singular)
    return _as_written(_SWAPPED[match["word"].lower()], match["word"])


def _as_written(word: str, like: str) -> str:
    """In capitals or with one, like the word that it stands for."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.capitalize() if like[:1].isupper() else word
