"""Runs one finder, for tests of it."""

from collections.abc import Callable, Iterable

from components.data.pii.kinds import Span


def found(find: Callable[[str], Iterable[Span]], text: str) -> list[str]:
    """What stands at the spans that the finder yields for the text."""
    return [text[span.start : span.end] for span in find(text)]
