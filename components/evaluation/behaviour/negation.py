"""Negating what a text says of its writer's feelings, where one word says it.

`I'm so happy with this` becomes `I'm not happy with this`; the score of the labels that the word expresses must fall.
"""

import re
from collections.abc import Mapping

__all__ = ["negate"]

_JOY = ("joy", "excitement", "positive")
_GOOD = ("admiration", "joy", "excitement", "approval", "positive")
_ANGER = ("anger", "annoyance", "negative")
_FEAR = ("fear", "nervousness", "negative")

_ADJECTIVES: Mapping[tuple[str, ...], str] = {
    _JOY: "happy glad delighted thrilled excited",
    _GOOD: "amazing brilliant wonderful fantastic beautiful awesome excellent great lovely",
    ("pride", "positive"): "proud",
    ("gratitude", "positive"): "grateful thankful",
    ("relief", "positive"): "relieved",
    ("optimism", "positive"): "hopeful optimistic",
    ("amusement", "joy", "positive"): "funny hilarious",
    _ANGER: "angry furious annoyed irritated mad",
    _FEAR: "scared afraid terrified nervous anxious worried",
    ("sadness", "grief", "negative"): "sad heartbroken lonely",
    ("disgust", "negative"): "disgusting gross disgusted revolting",
    ("disappointment", "sadness", "negative"): "disappointed disappointing",
    ("embarrassment", "negative"): "embarrassed embarrassing",
    ("remorse", "sadness", "negative"): "sorry",
    ("surprise",): "surprised shocked",
    ("confusion",): "confused confusing",
    ("curiosity",): "curious",
}
_VERBS: Mapping[tuple[str, ...], str] = {
    ("love", "joy", "positive"): "love adore",
    ("joy", "positive"): "enjoy",
    ("anger", "annoyance", "disgust", "negative"): "hate",
    ("admiration", "positive"): "admire",
    ("desire",): "want",
}
_EXPRESSED = {
    word: labels
    for table in (_ADJECTIVES, _VERBS)
    for labels, words in table.items()
    for word in words.split()
}

_CLAUSE = r"(?P<before>^|[.!;]\s+|,\s+(?:and|but|so)\s+)"
_DEGREE = r"(?:so|very|really|quite|pretty|just|extremely|absolutely|totally|genuinely|honestly|truly)"
_IS = re.compile(
    rf"{_CLAUSE}(?P<subject>I am|I'm|we are|we're|I was|we were|(?:this|that|it) (?:is|was)|(?:that|it)'s)"
    rf"(?: {_DEGREE})* (?P<word>{'|'.join(' '.join(_ADJECTIVES.values()).split())})\b(?![\-'])",
    re.IGNORECASE,
)
_DOES = re.compile(
    rf"{_CLAUSE}(?P<subject>I|we)(?: {_DEGREE})* (?P<word>{'|'.join(' '.join(_VERBS.values()).split())})\b"
    r"(?! (?:it when|how|that))(?![\-'])",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\?|\b(?:if|unless|wish|though|although|but|however|anyway|too)\b", re.IGNORECASE)
_LONGEST = 15


def negate(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The text with its feeling negated, and the labels that the negated word expresses.

    None where no single word says it, or where the rest of the text may say it again or already takes it back:
    questions, contrasts, texts of more than `_LONGEST` words.
    """
    text = text.replace("’", "'")
    if len(text.split()) > _LONGEST or _MEASURED.search(text):
        return None
    found = _IS.search(text) or _DOES.search(text)
    if found is None:
        return None
    word, subject = found["word"], found["subject"]
    negated = f"{subject} {'not' if found.re is _IS else 'do not'} {word}"
    changed = text[: found.start()] + found["before"] + negated + text[found.end() :]
    return changed, _EXPRESSED[word.lower()]
