"""Token statistics as tensorflow-metadata's proto, field by field as TFDV writes it, and for `statistics.json`."""

from typing import Any

import numpy as np

from components.data.statistics.distribution import Distribution
from components.data.statistics.feature_protos import Detail, quantiles_histogram, rank_histogram
from components.data.statistics.profile import Profile
from components.data.statistics.token_statistics import (
    POSITION_BUCKETS,
    UNKNOWN_TOKEN,
    SpecialTokenStatistics,
    TokenStatistics,
)
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["add_token_protos", "tokens_to_json"]

_SUFFIX = "##"
_UNKNOWN_RANKS = 100


def add_token_protos(
    feature: Any, statistics: TokenStatistics, tokenizer: TokenizerSpec, detail: Detail
) -> None:
    """Adds to a `FeatureNameStatistics` the custom statistics of its tokens.

    They are `nl_statistics` (a `NaturalLanguageStatistics`, under the name that TFDV looks for), `unknown_words` and
    `unknown_word_shapes` (rank histograms).
    """
    feature.custom_stats.add(name="nl_statistics").any.Pack(_language_proto(statistics, tokenizer, detail))
    for name, counts in (
        ("unknown_words", statistics.unknown_words),
        ("unknown_word_shapes", statistics.unknown_shapes),
    ):
        ranked = counts.extract(_UNKNOWN_RANKS).ranked
        feature.custom_stats.add(name=name, rank_histogram=rank_histogram(ranked))


def tokens_to_json(statistics: TokenStatistics, tokenizer: TokenizerSpec, top: int) -> dict[str, Any]:
    """The `tokens` of a split in `statistics.json`; [CLS] and [SEP] are not counted."""
    total, unknown = _totals(statistics, tokenizer)
    found = statistics.unknown_words.extract(top)
    return {
        "total": total,
        "unknown": unknown,
        "unknown_rate": unknown / total if total else 0.0,
        "coverage": 1 - unknown / total if total else None,
        "average_length": _known_lengths(statistics, tokenizer).mean if total > unknown else None,
        "top_unknown": [{"word": word, "count": count} for word, count in found.ranked],
        "special": {
            token: special.count for token, special in statistics.special.items() if token != UNKNOWN_TOKEN
        },
    }


def _language_proto(statistics: TokenStatistics, tokenizer: TokenizerSpec, detail: Detail) -> Any:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    proto = statistics_pb2.NaturalLanguageStatistics()
    total, unknown = _totals(statistics, tokenizer)
    if total:
        proto.feature_coverage = 1 - unknown / total
        lengths = _without_empty(statistics.lengths).extract()
        proto.min_sequence_length, proto.max_sequence_length = int(lengths.minimum), int(lengths.maximum)
        proto.sequence_length_histogram.CopyFrom(quantiles_histogram(lengths))
    if total > unknown:
        token_lengths = _known_lengths(statistics, tokenizer)
        proto.avg_token_length = token_lengths.mean
        proto.token_length_histogram.CopyFrom(quantiles_histogram(token_lengths))
    proto.rank_histogram.CopyFrom(rank_histogram(_ranked_tokens(statistics, tokenizer, detail.ranks)))
    for token, special in statistics.special.items():
        _fill_token(proto.token_statistics.add(string_token=token), special, statistics.texts)
    proto.reported_sequences.extend(
        text for _, text in [*statistics.least_covered, *statistics.shortest_tokens]
    )
    return proto


def _fill_token(proto: Any, special: SpecialTokenStatistics, texts: int) -> None:
    """A token that never occurs has no figures; otherwise the least is 0 unless every text has it, as in TFDV."""
    if not special.count:
        return
    proto.frequency = special.count
    proto.fraction_of_sequences = special.texts / texts
    proto.per_sequence_min_frequency = special.least if special.texts == texts else 0
    proto.per_sequence_max_frequency = special.most
    proto.per_sequence_avg_frequency = special.count / special.texts
    for bucket, count in enumerate(special.positions.tolist()):
        if count:
            low, high = bucket / POSITION_BUCKETS, (bucket + 1) / POSITION_BUCKETS
            proto.positions.buckets.add(low_value=low, high_value=high, sample_count=count)


def _totals(statistics: TokenStatistics, tokenizer: TokenizerSpec) -> tuple[int, int]:
    """All tokens, and those of them that are [UNK]."""
    total = int(statistics.piece_counts.sum())
    return total, int(statistics.piece_counts[tokenizer.unknown_id]) if total else 0


def _known_lengths(statistics: TokenStatistics, tokenizer: TokenizerSpec) -> Profile:
    """Characters of the known tokens, without the ## of one that continues a word."""
    lengths = np.array([len(token.removeprefix(_SUFFIX)) for token in tokenizer.vocabulary], dtype=np.int64)
    counts = statistics.piece_counts.copy()
    counts[tokenizer.unknown_id] = 0
    by_length = np.bincount(lengths, weights=counts).astype(np.int64)
    present = np.flatnonzero(by_length)
    return Profile(present.astype(np.float64), by_length[present])


def _without_empty(lengths: Distribution) -> Distribution:
    """Lengths of the texts that have tokens."""
    filled = Distribution(limit=lengths.limit)
    filled.merge(lengths)
    filled.counts.pop(0, None)
    return filled


def _ranked_tokens(
    statistics: TokenStatistics, tokenizer: TokenizerSpec, ranks: int
) -> list[tuple[str, int]]:
    """The most frequent known tokens; a special one by its own name."""
    counts = statistics.piece_counts.copy()
    if not len(counts):
        return []
    counts[tokenizer.unknown_id] = 0
    names = {word: token for token, word in tokenizer.rules.special_tokens.items()}
    order = np.argsort(-counts, kind="stable")[:ranks]
    found = [(tokenizer.vocabulary[index], int(counts[index])) for index in order.tolist() if counts[index]]
    return [(names.get(token, token), count) for token, count in found]
