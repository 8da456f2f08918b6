"""Sentences whose personal data is labelled by hand, and look-alikes without any."""

import json
from collections.abc import Iterator
from pathlib import Path

from components.data.pii.kinds import PiiKind, Span

__all__ = ["labelled_sentences"]


def labelled_sentences() -> Iterator[tuple[str, list[Span]]]:
    """Text and personal data in it; the spans count characters."""
    for line in Path(__file__).with_name("corpus.jsonl").read_text(encoding="utf-8").splitlines():
        sentence = json.loads(line)
        yield sentence["text"], [Span(start, end, PiiKind(kind)) for kind, start, end in sentence["pii"]]
