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
_DEGREE = r"(?:so|very|really|quite|pretty|extremely|absolutely|totally|genuinely|honestly|truly)"
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
_MEASURED = re.compile(
    r"\?|\b(?:if|unless|wish|though|although|but|however|anyway|too|nothing|except)\b", re.IGNORECASE
)
_MORE = re.compile(r"[.!;,:…]\s*\S*\w")
_LONGEST = 15


def negate(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The text with its feeling negated, and the labels that the negated word expresses.

    If the text goes on, only the label that the word means first: `That's awesome! Thanks for sharing` stays joyful.

    None where no single word says it, or where the rest of the text may say it again or already takes it back:
    questions, contrasts, repetitions, texts of more than `_LONGEST` words.
    """
    text = text.replace("’", "'")
    if len(text.split()) > _LONGEST or _MEASURED.search(text):
        return None
    found = _IS.search(text) or _DOES.search(text)
    if found is None or len(re.findall(rf"\b{found['word']}\b", text, re.IGNORECASE)) > 1:
        return None
    negated = f"{found['subject']} {'not' if found.re is _IS else 'do not'} {found['word']}"
    before, after = text[: found.start()] + found["before"], text[found.end() :]
    labels = _EXPRESSED[found["word"].lower()]
    goes_on = before.strip() or _MORE.search(after)
    return before + negated + after, labels[:1] if goes_on else labels
