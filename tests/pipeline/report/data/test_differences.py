from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.data.differences import differing_words


def marked(pieces):
    return [piece["words"] for piece in pieces if piece["differs"]]


def test_the_words_that_differ_are_marked():
    first, second = differing_words("It really does be like that", "it really do be like  that now")
    assert marked(first) == ["does"]
    assert marked(second) == ["do", "now"]


def test_case_white_space_and_punctuation_are_no_difference():
    first, second = differing_words("Thank you\n so much, I’m glad", "thank  YOU so much! I'm glad...")
    assert not marked(first) + marked(second)


@given(st.text(), st.text())
def test_the_pieces_are_the_text(first, second):
    for text, pieces in zip((first, second), differing_words(first, second), strict=True):
        together = "".join(piece["words"] for piece in pieces)
        assert together == text or not text.strip()


def test_words_of_nothing_but_signs_are_compared_as_they_are():
    first, second = differing_words("nice ❤️ one", "nice 🔥 one")
    assert (marked(first), marked(second)) == (["❤️"], ["🔥"])


def test_a_long_text_is_cut():
    first, second = differing_words("word " * 500, "word " * 499 + "other")
    assert "".join(piece["words"] for piece in first).endswith("…")
    assert marked(second) == []
