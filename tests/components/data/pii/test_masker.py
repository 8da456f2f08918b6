import pickle
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.data.pii.kinds import PiiKind, Span
from components.data.pii.settings import Pii
from components.data.pii.spans import resolve_overlaps
from tests.components.data.pii.corpus import labelled_sentences
from tests.growth import assert_linear, repeated

MASKER = Pii().masker()
LABELLED = list(labelled_sentences())

pieces = st.sampled_from([text[span.start : span.end] for text, spans in LABELLED for span in spans])
words = st.sampled_from(
    ["call", "[NAME]", "[ID]", "@", ".", "-", "/", ":", "\\", "u/", "www.", "1", "00", "+", "我", "SSN", ","]
)
mixtures = st.lists(pieces | words | st.sampled_from([" ", ""]) | st.characters(), max_size=8).map("".join)


@pytest.mark.parametrize(
    ("text", "masked", "counts"),
    [
        ("write to jo@example.com or @jo", "write to [EMAIL] or [USER]", {"EMAIL": 1, "USER": 1}),
        ("https://example.com/?to=jo@example.com", "[URL]", {"URL": 1}),
        ("https://jo:secret@example.com/", "[URL]", {"URL": 1}),
        ("http://203.0.113.7/x", "[URL]", {"URL": 1}),
        ("@jo@social.example", "[USER]", {"USER": 1}),
        ("IBAN DE56 3704 0044 1615 8167 10", "IBAN [IBAN]", {"IBAN": 1}),
        ("card 4539 6961 1939 3459", "card [CARD]", {"CARD": 1}),
        ("电话１３８００１３８０００", "电话[PHONE]", {"PHONE": 1}),
        ("٠١٢ ٣٤٥", "٠١٢ ٣٤٥", {}),
        ("SSN 123-45-6789", "SSN [ID]", {"NATIONAL_ID": 1}),
        ("nothing at all", "nothing at all", {}),
        ("", "", {}),
    ],
)
def test_placeholders_stand_in_place(text, masked, counts):
    assert MASKER.mask(text) == (masked, counts)


def test_placeholders_of_a_data_set_survive():
    text = "[NAME] told [NAME] about [RELIGION] and [EMAIL]"
    assert MASKER.mask(text) == (text, {})


def test_only_the_named_kinds_are_masked():
    masker = Pii(kinds=("EMAIL",)).masker()
    assert masker.placeholders == ("[EMAIL]",)
    assert masker.mask("jo@example.com @jo +1 202 555 0143") == ("[EMAIL] @jo +1 202 555 0143", {"EMAIL": 1})
    nothing = Pii(kinds=()).masker()
    assert nothing.placeholders == ()
    assert nothing.mask("jo@example.com") == ("jo@example.com", {})


def test_every_kind_has_a_placeholder_of_its_own():
    expected = "[EMAIL] [URL] [USER] [IBAN] [PHONE] [ID] [CARD] [IP]"
    assert " ".join(MASKER.placeholders) == expected
    assert len({kind.placeholder for kind in PiiKind}) == len(PiiKind)


@settings(max_examples=500)
@given(mixtures)
@example("@a@b@c@d@e@f@g@h")
@example("a@b.co@c.de@f.gh")
def test_masking_a_masked_text_changes_nothing(text):
    masked, _ = MASKER.mask(text)
    assert MASKER.mask(masked) == (masked, {})


@given(mixtures)
def test_counts_are_those_of_the_placeholders(text):
    """Placeholders can be masked with what surrounds them, but none appears without being counted."""
    masked, counts = MASKER.mask(text)
    for kind in PiiKind:
        appeared = masked.count(kind.placeholder) - text.count(kind.placeholder)
        assert appeared <= counts.get(kind.value, 0)
    assert (masked == text) == (not counts)


def test_a_masker_travels_to_workers():
    masker = pickle.loads(pickle.dumps(MASKER))
    assert masker == MASKER
    assert masker.mask("jo@example.com") == ("[EMAIL]", {"EMAIL": 1})


def test_overlapping_places_become_one_and_nothing_is_left_over():
    email, url, ip = (partial(Span, kind=kind) for kind in (PiiKind.EMAIL, PiiKind.URL, PiiKind.IP))
    assert resolve_overlaps([email(3, 9), url(0, 20)]) == [url(0, 20)]
    assert resolve_overlaps([url(0, 5), email(3, 12), ip(11, 13)]) == [email(0, 13)]
    assert resolve_overlaps([ip(0, 5), url(0, 5)]) == [url(0, 5)]
    assert resolve_overlaps([url(5, 7), email(0, 5)]) == [email(0, 5), url(5, 7)]


# fmt: off
UNITS = [
    "a", "a.", "a@", "@a", "@a@b", "a@a.b.", "a@b.co ", "é@é.", "\udc80@", "[NAME]@", "한@", "张@", "_@_", "u/aaa ",
    "http://", "http://(", "https://a.b/(((", "www.", "x.com/", "[", "(", "%", "-a", "\\u0040", "&amp;",
    "1", "1 ", "1-", "1.", "12/", "1234-", "(1", "++", "+1 ", "00", "１", "1.1.1.1.", "a:", "::", "A1", "AB12 ",
    "12 34 56 78 ", "01 02 03 04 05 ", "202-555-0147 ", "4111 1111 1111 1112 ", "2345 6789 0123 ",
]
# fmt: on


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_in_proportion_to_the_text(unit):
    assert_linear(MASKER.mask, *repeated(MASKER.mask, unit, 40_000))
