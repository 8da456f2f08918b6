"""The words of a text by what they did for the score of a label."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.pages.words import shade_of

__all__ = ["explained"]

_NAMED = 3


def explained(error: Mapping[str, Any]) -> dict[str, Any] | None:
    """`label`, `pieces` of the text and of its `context` (`words`, and `shade` as of `shade_of`), and the
    `strongest` words of each side; None without any.

    Args:
        error: an entry of `worst_errors`, whose `tokens` are together its text.
    """
    tokens: Sequence[Mapping[str, Any]] = error.get("tokens") or ()
    values = [abs(token["value"]) for token in tokens if token["value"] is not None]
    largest = max(values, default=0.0)
    if not largest:
        return None
    ranked = sorted((token for token in tokens if token["value"]), key=lambda token: -abs(token["value"]))
    return {
        "label": error.get("explained_label") or error.get("label") or error.get("target"),
        "pieces": [_piece(token, largest) for token in tokens],
        "context": [_piece(token, largest) for token in error.get("context_tokens") or ()],
        "strongest": [
            {"name": name, "words": words}
            for name, words in (
                ("for", [token for token in ranked if token["value"] > 0][:_NAMED]),
                ("against", [token for token in ranked if token["value"] < 0][:_NAMED]),
            )
            if words
        ],
    }


def _piece(token: Mapping[str, Any], largest: float) -> dict[str, Any]:
    value = token["value"] or 0.0
    words = token["text"].strip()
    start = token["text"].find(words)
    return {
        # White space around a word is not coloured.
        "before": token["text"][:start] if words else token["text"],
        "words": words,
        "after": token["text"][start + len(words) :] if words else "",
        "value": value,
        "shade": shade_of(value, largest),
    }
