import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import StageError
from components.data.statistics.feature_protos import Detail, feature_proto
from components.data.statistics.feature_statistics import FeatureStatistics, exact_weight
from components.data.statistics.profile import ROUNDING_ERROR

FLOATS = st.floats(width=32)


def count(examples, weights=None):
    statistics = FeatureStatistics()
    statistics.add_all(examples, None if weights is None else list(map(exact_weight, weights)))
    return statistics


def write(statistics, *, rows, weighted_rows=None, buckets=4):
    detail = Detail(top_values=2, ranks=3, buckets=buckets)
    return feature_proto("f", statistics, rows=rows, weighted_rows=weighted_rows, detail=detail)


def proto(examples, weights=None, *, rows=None):
    rows = len(examples) if rows is None else rows
    return write(count(examples, weights), rows=rows, weighted_rows=None if weights is None else sum(weights))


def custom(result):
    return {statistic.name: statistic.num for statistic in result.custom_stats}


def test_strings():
    result = proto([[b"a", b"b"], [b"a"], [], [b"ccc", b"a", b"d", b"caf\xe9"]])
    assert (result.name, result.type) == ("f", result.STRING)
    strings, common = result.string_stats, result.string_stats.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (3, 1, 7)
    assert (common.min_num_values, common.max_num_values) == (1, 4)
    assert common.avg_num_values == pytest.approx(7 / 3)
    assert common.presence_and_valency_stats[0].num_missing == 1
    assert not common.HasField("weighted_common_stats")
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
    assert not result.custom_stats


@given(st.lists(st.lists(st.binary(max_size=4), max_size=3), max_size=20))
def test_invalid_utf8_is_found_wherever_it_stands(examples):
    def is_text(value):
        try:
            value.decode()
        except UnicodeDecodeError:
            return False
        return True

    expected = sum(not is_text(value) for values in examples for value in values)
    assert count(examples).invalid_utf8 == expected


def test_numbers():
    values = [0.0, 0.5, 0.5, 2.0, 0.0]
    result = proto([[value] for value in values] + [[]])
    numbers = result.num_stats
    assert result.type == result.FLOAT
    assert numbers.mean == pytest.approx(np.mean(values))
    assert numbers.std_dev == pytest.approx(np.std(values))
    assert (numbers.min, numbers.median, numbers.max, numbers.num_zeros) == (0.0, 0.5, 2.0, 2)
    standard, quantiles = numbers.histograms
    assert (standard.type, quantiles.type) == (standard.STANDARD, standard.QUANTILES)
    assert [bucket.sample_count for bucket in standard.buckets] == np.histogram(values, bins=4)[0].tolist()
    assert sum(bucket.sample_count for bucket in quantiles.buckets) == pytest.approx(5)
    assert [bucket.high_value for bucket in quantiles.buckets] == pytest.approx(
        np.quantile(values, np.arange(0.1, 1.05, 0.1)).tolist()
    )
    assert proto([[1], [2]]).type == result.INT


@given(st.lists(FLOATS, min_size=1, max_size=30))
def test_numbers_that_are_none_are_counted_apart(values):
    numbers = proto([[value] for value in values]).num_stats
    found = np.array(values)
    ordered, finite = found[~np.isnan(found)], found[np.isfinite(found)]
    standard, quantiles = numbers.histograms
    assert standard.num_nan == quantiles.num_nan == np.isnan(found).sum()
    assert sum(bucket.sample_count for bucket in standard.buckets) == len(ordered)
    if not len(ordered):
        return
    assert (numbers.min, numbers.max) == (ordered.min(), ordered.max())
    with np.errstate(invalid="ignore"):
        assert numbers.median == pytest.approx(np.median(ordered), rel=1e-6, nan_ok=True)
    if len(finite) == len(ordered):
        assert numbers.mean == pytest.approx(np.mean(ordered), rel=1e-6, abs=1e-6)
        assert numbers.std_dev == pytest.approx(np.std(ordered), rel=1e-6, abs=1e-6)
    else:
        with np.errstate(invalid="ignore"):
            assert numbers.mean == pytest.approx(np.mean(ordered), nan_ok=True)
        assert math.isnan(numbers.std_dev)


def test_infinities_have_buckets_of_their_own():
    result = proto([[math.inf], [1.5], [-math.inf], [2.5], [math.inf]])
    buckets = result.num_stats.histograms[0].buckets
    assert (buckets[0].low_value, buckets[0].sample_count) == (-math.inf, 1)
    assert (buckets[-1].high_value, buckets[-1].sample_count) == (math.inf, 2)
    assert sum(bucket.sample_count for bucket in buckets[1:-1]) == 2


def test_a_feature_without_values():
    result = proto([[], []])
    assert result.string_stats.common_stats.num_missing == 2
    assert result.string_stats.unique == 0


def test_examples_without_the_feature_are_missing_it():
    assert proto([[b"a"]], rows=10).string_stats.common_stats.num_missing == 9


def test_weights_of_strings():
    weights = [0.5, 2.0, 1.0, 0.25]
    result = proto([[b"a", b"b"], [b"b"], [], [b"a"]], weights)
    common = result.string_stats.common_stats.weighted_common_stats
    assert (common.num_non_missing, common.num_missing) == (2.75, 1.0)
    assert common.tot_num_values == 3.25
    assert common.avg_num_values == pytest.approx(3.25 / 2.75)
    weighted = result.string_stats.weighted_string_stats
    assert [(top.value, top.frequency) for top in weighted.top_values] == [("b", 2.5), ("a", 0.75)]
    assert [bucket.label for bucket in weighted.rank_histogram.buckets] == ["b", "a"]


def test_weights_of_numbers_are_those_of_numpy():
    random = np.random.default_rng(7)
    values = random.integers(0, 30, 500).tolist()
    weights = random.random(500).astype(np.float32).astype(float).tolist()
    result = proto([[value] for value in values], weights).num_stats.weighted_numeric_stats
    mean = np.average(values, weights=weights)
    assert result.mean == pytest.approx(mean)
    assert result.std_dev == pytest.approx(math.sqrt(np.average((values - mean) ** 2, weights=weights)))
    expected = np.quantile(values, 0.5, weights=weights, method="inverted_cdf")
    assert result.median == expected
    standard, quantiles = result.histograms
    edges = [bucket.low_value for bucket in standard.buckets] + [standard.buckets[-1].high_value]
    assert [bucket.sample_count for bucket in standard.buckets] == pytest.approx(
        np.histogram(values, bins=edges, weights=weights)[0].tolist()
    )
    assert sum(bucket.sample_count for bucket in quantiles.buckets) == pytest.approx(sum(weights))


def test_examples_before_the_first_weight_weigh_one():
    statistics = count([[b"a"], [b"b"]])
    statistics.merge(count([[b"a"]], [0.5]))
    weighted = write(statistics, rows=3, weighted_rows=2.5).string_stats.weighted_string_stats
    assert [(top.value, top.frequency) for top in weighted.top_values] == [("a", 1.5), ("b", 1.0)]


@given(st.lists(st.lists(st.binary(max_size=2), max_size=3), max_size=12), st.integers(0, 12), st.booleans())
def test_parts_can_be_merged(examples, cut, weighted):
    weights = [1 / (number + 1) for number in range(len(examples))] if weighted else None
    merged = count(examples[:cut], weights and weights[:cut])
    second = count(examples[cut:], weights and weights[cut:])
    merged.merge(pickle.loads(pickle.dumps(second)))
    total = sum(weights) if weights else None
    whole = write(count(examples, weights), rows=len(examples), weighted_rows=total)
    assert write(merged, rows=len(examples), weighted_rows=total) == whole
    assert merged.kind == count(examples).kind


def test_two_types_in_one_feature_are_refused():
    with pytest.raises(StageError, match=r"holds (bytes and int|int and bytes) values"):
        count([[b"a"], [1]])
    with pytest.raises(StageError, match="holds bytes and int values"):
        count([[b"a"]]).merge(count([[1]]))


def test_estimates_say_how_far_off_they_are():
    statistics = FeatureStatistics()
    for start in range(0, 120_000, 4000):
        values = [[b"text %d" % number] for number in range(start, start + 4000)]
        statistics.add_all(values, [exact_weight(0.5)] * 4000)
    result = write(statistics, rows=120_000, weighted_rows=60_000.0)
    bounds = custom(result)
    assert bounds["unique_lower_bound"] < 120_000 < bounds["unique_upper_bound"]
    assert bounds["frequency_max_error"] < 120_000 * 0.0003
    assert result.string_stats.common_stats.weighted_common_stats.num_non_missing == 60_000
    assert not result.string_stats.weighted_string_stats.top_values


def test_a_float_feature_of_very_many_values():
    values = np.random.default_rng(5).lognormal(size=150_000).astype(np.float32).astype(float)
    statistics = FeatureStatistics()
    for start in range(0, len(values), 5000):
        statistics.add_all([[value] for value in values[start : start + 5000].tolist()])
    result = write(statistics, rows=len(values), buckets=10)
    numbers = result.num_stats
    assert custom(result) == {"quantile_relative_error": ROUNDING_ERROR}
    assert numbers.mean == pytest.approx(values.mean(), rel=1e-9)
    assert numbers.std_dev == pytest.approx(values.std(), rel=1e-9)
    assert (numbers.min, numbers.max) == (values.min(), values.max())
    assert numbers.median == pytest.approx(np.median(values), rel=ROUNDING_ERROR)
    assert sum(bucket.sample_count for bucket in numbers.histograms[0].buckets) == len(values)
    assert len(statistics.numbers.finite.counts) < 50_000
