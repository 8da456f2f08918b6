"""Spans of personal data: which one is taken where several lie over each other, and the text with placeholders."""

from collections.abc import Iterable, Mapping

from components.data.pii.kinds import PiiKind, Span

__all__ = ["replace_spans", "resolve_overlaps"]

_ORDER = {kind: position for position, kind in enumerate(PiiKind)}


def resolve_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Disjoint spans in order of the text that cover all that the given ones cover.

    Where some overlap, one span covers them all: it is of the longest one's kind, of equally long ones of the kind that
    `PiiKind` names first. So a link that holds an e-mail address is one link, and nothing of either is left over.
    """
    resolved: list[Span] = []
    strongest = (0, 0)
    for span in sorted(spans):
        strength = (span.end - span.start, -_ORDER[span.kind])
        if resolved and span.start < resolved[-1].end:
            last = resolved.pop()
            kind = span.kind if strength > strongest else last.kind
            resolved.append(Span(last.start, max(last.end, span.end), kind))
            strongest = max(strength, strongest)
        else:
            resolved.append(span)
            strongest = strength
    return resolved


def replace_spans(text: str, spans: Iterable[Span], placeholders: Mapping[PiiKind, str]) -> str:
    """The text with the placeholder of its kind in place of each of these disjoint, ordered spans."""
    pieces = []
    position = 0
    for span in spans:
        pieces += [text[position : span.start], placeholders[span.kind]]
        position = span.end
    return "".join([*pieces, text[position:]])
