import pytest

from tests.tflite import toy
from tflite.host_tokenizer import HostTokenizer
from tflite.vocabulary import count_pieces, kept_rows, pruned

TEXTS = ("happy happy happy, [NAME]", "i am so happy", "thank you", "word")


def test_the_most_frequent_pieces_stay_until_the_texts_are_covered() -> None:
    counts = count_pieces(toy.spec(), TEXTS)
    # 12 pieces: happy 4, and once each: comma, xxname, i, am, so, thank, you, word
    assert sum(counts.values()) == 12
    words = {
        coverage: {
            toy.spec().vocabulary[row]
            for row in kept_rows(toy.spec(), counts, coverage)
            if len(toy.spec().vocabulary[row].removeprefix("##")) > 1
        }
        - {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}
        for coverage in (0, 0.5, 7 / 12, 1)
    }
    assert words[0] == {"xxname"}
    assert words[0.5] == {"xxname"} | {"happy"}  # with i, the comma and [NAME]: 7 of 12
    assert words[7 / 12] == words[0.5]
    assert words[1] == {"xxname", "happy", "am", "so", "thank", "you", "word"}


def test_a_dropped_word_falls_into_smaller_pieces_and_no_other_text_changes() -> None:
    rows = kept_rows(toy.spec(), count_pieces(toy.spec(), TEXTS), 0.5)
    whole, small = HostTokenizer(toy.spec()), HostTokenizer(pruned(toy.spec(), rows))
    kept = "happy [NAME], i"
    assert [rows[index] for index in small.encode(kept)] == whole.encode(kept)
    pieces = [small.spec.vocabulary[index] for index in small.encode("thank")[1:-1]]
    assert pieces == ["t", "##h", "##a", "##n", "##k"]
    for text in (*toy.TEXTS, "☃ naïve"):
        unknown = [tokenizer.encode(text).count(1) for tokenizer in (whole, small)]
        assert unknown[0] >= unknown[1]


@pytest.mark.parametrize(("texts", "coverage"), [((), 0.5), (("",), 0.5), (TEXTS, 1.01)])
def test_nothing_to_count_is_refused(texts: tuple[str, ...], coverage: float) -> None:
    with pytest.raises(ValueError, match="expected texts to count and a coverage within 0-1"):
        kept_rows(toy.spec(), count_pieces(toy.spec(), texts), coverage)
