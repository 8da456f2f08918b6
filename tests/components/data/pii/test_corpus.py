"""Precision and recall of masking, per kind, on sentences labelled by hand."""

from collections import Counter

import pytest

from components.data.pii.kinds import PiiKind
from components.data.pii.settings import Pii
from tests.components.data.pii.corpus import labelled_sentences

LABELLED = list(labelled_sentences())
MASKER = Pii().masker()
KINDS = [kind for kind in PiiKind if kind is not PiiKind.NAME]


def test_the_corpus_holds_enough_of_every_kind_and_of_none():
    counts = Counter(span.kind for _, spans in LABELLED for span in spans)
    assert len(LABELLED) >= 400
    assert sum(not spans for _, spans in LABELLED) >= 150
    assert all(counts[kind] >= 20 for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_precision_and_recall(kind):
    """A place counts only if its first and last character and its kind are right."""
    found, labelled, both = 0, 0, 0
    for text, spans in LABELLED:
        found_here = {span for span in MASKER.find(text) if span.kind is kind}
        labelled_here = {span for span in spans if span.kind is kind}
        found += len(found_here)
        labelled += len(labelled_here)
        both += len(found_here & labelled_here)
    assert both / found >= 0.97
    assert both / labelled >= 0.97


def test_masked_sentences_keep_all_but_the_labelled_places():
    for text, spans in LABELLED:
        if set(MASKER.find(text)) == set(spans):
            expected = text
            for span in reversed(spans):
                expected = expected[: span.start] + span.kind.placeholder + expected[span.end :]
            assert MASKER.mask(text) == (expected, Counter(span.kind.value for span in spans))
