"""Contractions of English: `I'm` is `I am`, and back, where that is what a writer could have written as well."""

import re

__all__ = ["contract", "expand"]

_NOT = {
    "can't": "cannot",
    "won't": "will not",
    "don't": "do not",
    "doesn't": "does not",
    "didn't": "did not",
    "isn't": "is not",
    "aren't": "are not",
    "wasn't": "was not",
    "weren't": "were not",
    "couldn't": "could not",
    "wouldn't": "would not",
    "shouldn't": "should not",
    "haven't": "have not",
    "hasn't": "has not",
    "hadn't": "had not",
}
_NOT_PATTERN = re.compile(rf"\b(?:{'|'.join(_NOT)})\b(?P<next>\s+[a-z]+)?", re.IGNORECASE)
_SUBJECTS = frozenset({"i", "you", "he", "she", "it", "we", "they", "this", "that", "there"})
_ASKING = re.compile(r"\b(?:why|how|what|where|when|who|which)\s+$", re.IGNORECASE)
_STARTS = re.compile(r"(?:^|[.?!,;:…]\s*|\bbut\s+|\band\s+)$", re.IGNORECASE)

_VERBS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "s": "is"}
_VERB_PATTERN = re.compile(
    r"\b(?P<subject>I(?='(?:m|ve|ll))|(?:you|we|they)(?='(?:re|ve|ll))|(?:he|she|it)(?='(?:s|ll))"
    r"|(?:that|there|what|who|where|here)(?='s))'(?P<verb>m|re|ve|ll|s)\b(?=\s+(?P<next>[a-z]+))",
    re.IGNORECASE,
)
_HAS = re.compile(
    r"(?:been|got|gone|had|become|begun|come|made|lost|left|always|never|just|only|\w+ed|\w+en)$"
)
"""What may follow an `'s` that is `has`."""

_WRITTEN_OUT = re.compile(
    r"\b(?:(?P<verb>do|does|did|is|are|was|were|could|would|should|have|has|had) not|cannot|can not|will not)\b"
    r"(?! only)",
    re.IGNORECASE,
)
_WITH_SUBJECT = re.compile(
    r"(?P<before>(?:^|[.?!,;:(]\s*|\b(?:and|but|so|because|if|when)\s+))"
    r"(?P<subject>I(?= am)|(?:you|we|they)(?= are)|(?:it|that|he|she)(?= is)) (?P<verb>am|are|is)(?= [a-z])",
    re.IGNORECASE,
)
"""At the start of a clause: not `half of it is`, nor `here we are`."""

_SHORT = {"am": "'m", "are": "'re", "is": "'s"}


def expand(text: str) -> str | None:
    """Writes contractions out; None if there are none.

    Not in questions, where the order of words would change (`don't you`), nor where `'s` may be `has`.
    """
    straight = text.replace("’", "'")
    changed = _NOT_PATTERN.sub(_expand_not, straight)
    changed = _VERB_PATTERN.sub(_expand_verb, changed)
    return changed if changed != straight else None


def contract(text: str) -> str | None:
    """Contracts what can be; None if there is nothing."""
    changed = _WITH_SUBJECT.sub(_contract_subject, _WRITTEN_OUT.sub(_contract_not, text))
    return changed if changed != text else None


def _expand_not(match: re.Match[str]) -> str:
    following = match["next"] or ""
    short = match[0].removesuffix(following)
    before = match.string[: match.start()]
    verb = short[:-3].lower()
    asks = following.strip().lower() in _SUBJECTS or _ASKING.search(before)
    if asks or not _is_written_plainly(short) or (verb not in ("do", "ca", "did") and _STARTS.search(before)):
        return match[0]
    return _as_written(_NOT[short.lower()], short) + following


def _expand_verb(match: re.Match[str]) -> str:
    if match["verb"] == "s" and _HAS.match(match["next"].lower()):
        return match[0]
    if not match["verb"].islower():
        return match[0]
    return f"{match['subject']} {_VERBS[match['verb']]}"


def _contract_not(match: re.Match[str]) -> str:
    if not _is_written_plainly(match[0]):
        return match[0]
    plain = match[0].lower()
    short = {"cannot": "can't", "can not": "can't", "will not": "won't"}.get(plain, f"{match['verb']}n't")
    return _as_written(short, match[0])


def _contract_subject(match: re.Match[str]) -> str:
    return match["before"] + match["subject"] + _SHORT[match["verb"]] if match["verb"] in _SHORT else match[0]


def _is_written_plainly(words: str) -> bool:
    """Whether nothing but the first letter is a capital: `DO NOT` is a shout."""
    return words[1:] == words[1:].lower()


def _as_written(words: str, like: str) -> str:
    return words[:1].upper() + words[1:] if like[:1].isupper() else words
