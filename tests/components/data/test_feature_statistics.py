import numpy as np
import pytest

from components.core.errors import StageError
from components.data.feature_statistics import FeatureStatistics, feature_proto


def count(examples):
    statistics = FeatureStatistics()
    for values in examples:
        statistics.add(values)
    return statistics


def proto(examples, rows=None, **options):
    settings = {"top_values": 2, "ranks": 3, "buckets": 4, **options}
    return feature_proto("f", count(examples), rows=len(examples) if rows is None else rows, **settings)


def test_strings():
    result = proto([[b"a", b"b"], [b"a"], [], [b"ccc", b"a", b"d", b"caf\xe9"]])
    assert (result.name, result.type) == ("f", result.STRING)
    strings, common = result.string_stats, result.string_stats.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (3, 1, 7)
    assert (common.min_num_values, common.max_num_values) == (1, 4)
    assert common.avg_num_values == pytest.approx(7 / 3)
    assert common.presence_and_valency_stats[0].num_missing == 1
    assert strings.unique == 5
    assert strings.avg_length == pytest.approx((3 * 1 + 1 + 3 + 1 + 4) / 7)
    assert strings.invalid_utf8_count == 1
    assert [(top.value, top.frequency) for top in strings.top_values] == [("a", 3.0), ("b", 1.0)]
    buckets = strings.rank_histogram.buckets
    assert [(bucket.low_rank, bucket.label, bucket.sample_count) for bucket in buckets] == [
        (0, "a", 3.0),
        (1, "b", 1.0),
        (2, "__BYTES_VALUE__", 1.0),
    ]


def test_numbers():
    values = [0.0, 0.5, 0.5, 2.0, 0.0]
    result = proto([[value] for value in values] + [[]])
    numbers = result.num_stats
    assert result.type == result.FLOAT
    assert numbers.mean == pytest.approx(np.mean(values))
    assert numbers.std_dev == pytest.approx(np.std(values))
    assert (numbers.min, numbers.median, numbers.max, numbers.num_zeros) == (0.0, 0.5, 2.0, 2)
    standard, quantiles = numbers.histograms
    assert [bucket.sample_count for bucket in standard.buckets] == np.histogram(values, bins=4)[0].tolist()
    assert sum(bucket.sample_count for bucket in quantiles.buckets) == pytest.approx(5)
    assert quantiles.buckets[-1].high_value == 2.0
    assert proto([[1], [2]]).type == result.INT


def test_a_feature_without_values():
    result = proto([[], []])
    assert result.string_stats.common_stats.num_missing == 2
    assert result.string_stats.unique == 0


def test_examples_without_the_feature_are_missing_it():
    assert proto([[b"a"]], rows=10).string_stats.common_stats.num_missing == 9


def test_parts_can_be_merged():
    examples = [[b"a"], [], [b"b", b"a"]]
    merged = count(examples[:1])
    merged.merge(count(examples[1:]))
    assert merged == count(examples)
    empty = FeatureStatistics()
    empty.merge(count(examples))
    assert empty == count(examples)


def test_two_types_in_one_feature_are_refused():
    with pytest.raises(StageError, match="holds bytes and int values"):
        count([[b"a"], [1]])
    with pytest.raises(StageError, match="holds bytes and int values"):
        count([[b"a"]]).merge(count([[1]]))
