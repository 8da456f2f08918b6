import math

import numpy as np
import pytest
from scipy import special, stats
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.data.validation.histograms import (
    Histogram,
    histogram_divergence,
    kolmogorov_smirnov_distance,
    kolmogorov_smirnov_test,
)


def of(values, edges):
    counts, edges = np.histogram(values, bins=edges)
    return Histogram(edges.tolist(), counts.tolist())


def proto(*buckets, nan=0):
    histogram = statistics_pb2.Histogram(num_nan=nan)
    for low, high, count in buckets:
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    return histogram


def test_the_distance_is_scipys_where_buckets_hold_one_value_each():
    random = np.random.default_rng(1)
    first, second = random.poisson(12, 800), random.poisson(13, 500)
    unit = np.arange(0, 60)
    expected = stats.ks_2samp(first, second).statistic
    assert kolmogorov_smirnov_distance(of(first, unit), of(second, unit)) == pytest.approx(expected)


def test_other_buckets_alone_make_no_distance():
    random = np.random.default_rng(2)
    values = random.poisson(12, 2000)
    for edges in (np.arange(0, 61, 3), np.arange(1, 62, 4), np.arange(0, 61)):
        assert kolmogorov_smirnov_distance(of(values, np.arange(0, 61, 2)), of(values, edges)) == 0


def test_the_distance_over_other_buckets_is_never_too_large():
    random = np.random.default_rng(3)
    first, second = random.poisson(12, 800), random.poisson(20, 500)
    exact = stats.ks_2samp(first, second).statistic
    found = kolmogorov_smirnov_distance(of(first, np.arange(0, 61, 2)), of(second, np.arange(1, 62, 3)))
    assert 0.5 * exact < found <= exact


def test_an_empty_histogram_tells_nothing():
    assert kolmogorov_smirnov_distance(Histogram([], []), of([1, 2], [0, 1, 2])) == 0
    assert kolmogorov_smirnov_test(0.9, 0, 10) == 1


@pytest.mark.parametrize("distance", [0.01, 0.05, 0.08, 0.2, 0.5])
def test_the_p_value_is_kolmogorovs_limit(distance):
    expected = special.kolmogorov(math.sqrt(800 * 500 / 1300) * distance)
    assert kolmogorov_smirnov_test(distance, 800, 500) == pytest.approx(expected, abs=1e-9)


def test_buckets_of_a_proto_with_gaps():
    histogram = Histogram.from_proto(proto((0, 1, 4), (1, 1, 9), (2, 4, 6), (4, math.inf, 1)))
    assert list(histogram.edges) == [0, 1, 2, 4]
    assert list(histogram.counts) == [4, 0, 6]
    assert histogram.share_below(3) == (0.4, 1.0)


def test_the_divergence_spreads_numbers_evenly():
    assert histogram_divergence(proto((0, 4, 8)), proto((0, 2, 4), (2, 4, 4))) == pytest.approx(0)
    assert histogram_divergence(proto((0, 2, 8)), proto((2, 4, 8))) == pytest.approx(1)
    half = histogram_divergence(proto((0, 2, 8)), proto((0, 4, 8)))
    expected = (math.log2(1 / 0.75) + 0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) / 2
    assert half == pytest.approx(expected)


def test_points_infinite_ends_and_nan_as_in_tfdv():
    assert histogram_divergence(proto((1, 1, 5)), proto((1, 1, 50))) == 0
    assert histogram_divergence(proto((1, 1, 5)), proto((2, 2, 5))) == 1
    assert histogram_divergence(proto((0, 1, 5), nan=5), proto((0, 1, 5), nan=5)) == pytest.approx(0.5)
    assert histogram_divergence(proto((4, math.inf, 5)), proto((4, math.inf, 5))) == 1
    assert math.isnan(histogram_divergence(proto(), proto((0, 1, 5))))
