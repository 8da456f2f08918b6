import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.data.statistics import token_statistics
from components.data.statistics.feature_protos import Detail
from components.data.statistics.token_protos import add_token_protos, tokens_to_json
from components.data.statistics.token_statistics import TokenCounter, TokenStatistics, word_shape
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "xxname", "so", "happy", "hug", "##s", "!", "i", "##very")
SPEC = TokenizerSpec(
    vocabulary=VOCABULARY,
    rules=CleaningRules(lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname"}),
    max_tokens=16,
)
DETAIL = Detail(top_values=3, ranks=4, buckets=5)
TEXTS = st.lists(
    st.lists(st.sampled_from(["so", "Happy", "hugs", "[NAME]", "!", "😀", "Zorg", "ivery"]), max_size=7).map(
        " ".join
    ),
    min_size=1,
    max_size=15,
)


def count(texts):
    counter = TokenCounter(SPEC)
    counter.add_all(texts)
    return counter.finish()


def language_proto(statistics):
    feature = statistics_pb2.FeatureNameStatistics(name="text")
    add_token_protos(feature, statistics, SPEC, DETAIL)
    by_name = {custom.name: custom for custom in feature.custom_stats}
    proto = statistics_pb2.NaturalLanguageStatistics()
    assert by_name["nl_statistics"].any.Unpack(proto)
    return proto, by_name


def pieces(text):
    """The reference: what the host tokenizer encodes, without [CLS] and [SEP]."""
    return [VOCABULARY[index] for index in HostTokenizer(SPEC).encode(text)[1:-1]]


@given(TEXTS)
def test_tokens_are_those_of_the_host_tokenizer(texts):
    rows = [pieces(text) for text in texts]
    flat = [piece for row in rows for piece in row]
    known = [len(piece.removeprefix("##")) for piece in flat if piece != "[UNK]"]
    entry = tokens_to_json(count(texts), SPEC, 3)
    assert entry["total"] == len(flat)
    assert entry["unknown"] == flat.count("[UNK]")
    if flat:
        assert entry["unknown_rate"] == pytest.approx(flat.count("[UNK]") / len(flat))
        assert entry["coverage"] == pytest.approx(1 - entry["unknown_rate"])
    if known:
        assert entry["average_length"] == pytest.approx(np.mean(known))
    assert entry["special"] == {"[NAME]": flat.count("xxname")}
    assert sorted(count(texts).lengths.counts.elements()) == sorted(map(len, rows))


@given(TEXTS)
def test_the_proto_has_what_tfdv_writes(texts):
    proto, _ = language_proto(count(texts))
    rows = [pieces(text) for text in texts]
    flat = [piece for row in rows for piece in row]
    known = [len(piece.removeprefix("##")) for piece in flat if piece != "[UNK]"]
    if not flat:
        assert proto.feature_coverage == 0
        return
    lengths = [len(row) for row in rows if row]
    assert proto.feature_coverage == pytest.approx(len(known) / len(flat))
    assert (proto.min_sequence_length, proto.max_sequence_length) == (min(lengths), max(lengths))
    edges = [bucket.high_value for bucket in proto.sequence_length_histogram.buckets]
    assert edges == pytest.approx(np.quantile(lengths, np.arange(0.1, 1.05, 0.1)).tolist())
    if known:
        assert proto.avg_token_length == pytest.approx(np.mean(known))
        edges = [bucket.high_value for bucket in proto.token_length_histogram.buckets]
        assert edges == pytest.approx(np.quantile(known, np.arange(0.1, 1.05, 0.1)).tolist())
    assert [token.string_token for token in proto.token_statistics] == ["[NAME]", "[UNK]"]
    for token, piece in zip(proto.token_statistics, ("xxname", "[UNK]"), strict=True):
        assert_occurrences(token, piece, rows)


def assert_occurrences(token, piece, rows):
    """Compares a `TokenStatistics` proto with the plain count of a piece."""
    per_text = [row.count(piece) for row in rows]
    assert token.frequency == sum(per_text)
    if sum(per_text):
        having = [number for number in per_text if number]
        assert token.fraction_of_sequences == pytest.approx(len(having) / len(rows))
        assert token.per_sequence_min_frequency == min(per_text)
        assert token.per_sequence_max_frequency == max(per_text)
        assert token.per_sequence_avg_frequency == pytest.approx(np.mean(having))
        at = [index / len(row) for row in rows for index, found in enumerate(row) if found == piece]
        expected = np.histogram([int(position * 10) for position in at], bins=np.arange(11))[0]
        found = {round(bucket.low_value * 10): bucket.sample_count for bucket in token.positions.buckets}
        assert found == {bucket: number for bucket, number in enumerate(expected) if number}


def test_tokens_are_ranked_and_special_ones_bear_their_names():
    proto, _ = language_proto(count(["so so so happy", "[NAME] hugs [NAME]", "happy zorg"]))
    buckets = [(bucket.label, bucket.sample_count) for bucket in proto.rank_histogram.buckets]
    assert buckets == [("so", 3), ("[NAME]", 2), ("happy", 2), ("hug", 1)]


def test_unknown_words_and_their_shapes():
    statistics = count(["zorg! zorg 😀", "so zarg2 😀😀 日本"])
    _, by_name = language_proto(statistics)
    words = by_name["unknown_words"].rank_histogram.buckets
    assert [(bucket.label, bucket.sample_count) for bucket in words] == [
        ("zorg", 2),
        ("zarg2", 1),
        ("日", 1),
        ("本", 1),
        ("😀", 1),
        ("😀😀", 1),
    ]
    shapes = by_name["unknown_word_shapes"].rank_histogram.buckets
    assert [(bucket.label, bucket.sample_count) for bucket in shapes] == [
        ("a", 2),
        ("l", 2),
        ("😀", 2),
        ("a0", 1),
    ]
    entry = tokens_to_json(statistics, SPEC, 2)
    assert entry["top_unknown"] == [{"word": "zorg", "count": 2}, {"word": "zarg2", "count": 1}]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("abc", "a"),
        ("a1b2", "a0a0"),
        ("été", "lal"),
        ("😂😂😂", "😂"),
        ("x" * 99, "a"),
        ("ab" + "-1" * 20, "a-0-0-0-0-0-"),
    ],
)
def test_shapes(word, shape):
    assert word_shape(word) == shape


def test_the_texts_that_the_vocabulary_suits_least_are_reported():
    proto, _ = language_proto(count(["so zorg", "zorg", "so so happy", "! ! i", "zorg", "hugs"]))
    assert list(proto.reported_sequences) == [
        "['[UNK]']",
        "['so', '[UNK]']",
        "['[UNK]']",
        "['!', '!', 'i']",
        "['hug', '##s']",
        "['so', '[UNK]']",
        "['so', 'so', 'happy']",
    ]


@given(TEXTS, st.integers(0, 15))
def test_parts_can_be_merged(texts, cut):
    merged = TokenStatistics()
    for part in (texts[:cut], texts[cut:]):
        merged.merge(pickle.loads(pickle.dumps(count(part) if part else TokenStatistics())))
    whole = count(texts)
    assert language_proto(merged) == language_proto(whole)
    assert tokens_to_json(merged, SPEC, 3) == tokens_to_json(whole, SPEC, 3)


def test_a_table_of_words_that_grows_too_long_is_emptied(monkeypatch):
    texts = [f"so{number} happy zorg{number}" for number in range(50)]
    expected = tokens_to_json(count(texts), SPEC, 99)
    monkeypatch.setattr(token_statistics, "_MAX_WORDS", 10)
    counter = TokenCounter(SPEC)
    for text in texts:
        counter.add_all([text])
    assert tokens_to_json(counter.finish(), SPEC, 99) == expected


def test_a_word_without_end_is_not_kept():
    statistics = count(["so " + "z" * 100_000, "z" * 100_000 + " so", "z" * 101])
    entry = tokens_to_json(statistics, SPEC, 3)
    assert (entry["total"], entry["unknown"]) == (5, 3)
    assert entry["top_unknown"][0] == {"word": "z" * 100 + "…", "count": 2}
    assert len(pickle.dumps(statistics)) < 10_000


def test_no_texts():
    entry = tokens_to_json(TokenStatistics(), SPEC, 3)
    assert (entry["total"], entry["coverage"], entry["average_length"]) == (0, None, None)
    proto, _ = language_proto(TokenStatistics())
    assert not proto.rank_histogram.buckets
