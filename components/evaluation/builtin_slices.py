"""What a text is like, as a division of the rows that needs no column."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.data.statistics.emoji_statistics import find_emoji
from components.data.statistics.language_sample import UNDETERMINED, language_of
from components.modeling.heads import Head, columns
from serving.scripts import COMMON, dominant_script

__all__ = ["has_negation", "label_counts", "slices_of_texts"]

_MOST_LABELS = 3
"""From here on, texts by number of labels are one slice: on GoEmotions 1 % of the texts have three or more."""

_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely|scarcely"
    r"|(?:ai|are|ca|could|did|does|do|had|has|have|is|must|need|sha|should|was|were|wo|would)n['\u2019]?t)\b",
    re.IGNORECASE,
)
"""English words that negate, contractions with and without their apostrophe included. In texts of other languages
nothing of it is found."""


def slices_of_texts(division: str, texts: Sequence[str]) -> list[str | None]:
    """What each text is by `language`, `script`, `emoji` or `negation`; None = it cannot be told."""
    tell = _DIVISIONS[division]
    return [tell(text) for text in texts]


def label_counts(targets: NDArray[np.float32], heads: Sequence[Head]) -> list[str | None]:
    """How many labels of multi-label heads each text has; None where one is unknown or there is no such head.

    Args:
        targets: float32 [rows, outputs], NaN = unknown.
        heads: of the model.
    """
    places = columns(heads)
    counted = [targets[:, places[head.name]] for head in heads if head.task == "multi_label"]
    if not counted:
        return [None] * len(targets)
    return [_count_of_labels(total) for total in np.concatenate(counted, axis=1).sum(axis=1)]


def has_negation(text: str) -> bool:
    """Whether an English text holds a word that negates (`_NEGATION`)."""
    return _NEGATION.search(text) is not None


def _count_of_labels(total: float) -> str | None:
    if np.isnan(total):
        return None
    if total >= _MOST_LABELS:
        return f"{_MOST_LABELS} labels and more"
    return "1 label" if total == 1 else f"{total:.0f} labels"


def _language(text: str) -> str | None:
    found = language_of(text)
    return None if found == UNDETERMINED else found


def _script(text: str) -> str | None:
    found = dominant_script(text)
    return None if found == COMMON else found


_DIVISIONS: Mapping[str, Callable[[str], str | None]] = {
    "language": _language,
    "script": _script,
    "emoji": lambda text: "with emoji" if not text.isascii() and find_emoji(text) else "without emoji",
    "negation": lambda text: "with negation" if has_negation(text) else "without negation",
}
