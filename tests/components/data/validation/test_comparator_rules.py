import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data.statistics.measurement import exceeded
from components.data.validation.comparator_rules import measure_comparators
from components.data.validation.comparisons import Comparison
from components.data.validation.split_profile import SplitProfile
from tests.components.written_statistics import dataset


def split(**labels):
    rows = [{"labels": [label]} for label, count in labels.items() for _ in range(count)]
    return SplitProfile("train", dataset("train", rows))


def measure(comparator, here, there, kind="drift"):
    schema = text_format.Parse(comparator, schema_pb2.Schema())
    return list(measure_comparators(Comparison(kind, here, there, "the last accepted run"), schema))


def with_threshold(measure_name, threshold, kind="drift"):
    return f'feature {{ name: "labels" {kind}_comparator {{ {measure_name} {{ threshold: {threshold} }} }} }}'


EVEN, UNEVEN = split(joy=50, fear=50), split(joy=80, fear=20)

COMPARATORS = [
    ("infinity_norm", 0.3, "COMPARATOR_L_INFTY_HIGH", "L-infinity distance 0.3000"),
    (
        "normalized_abs_difference",
        0.15,
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
        "normalized absolute difference 0.1500",
    ),
    (
        "jensen_shannon_divergence",
        0.0731,
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "Jensen-Shannon divergence 0.0731",
    ),
]


@pytest.mark.parametrize(("name", "distance", "kind", "message"), COMPARATORS)
def test_thresholds_of_the_schema(name, distance, kind, message):
    (high,) = measure(with_threshold(name, distance - 0.001), UNEVEN, EVEN)
    assert (high.type, high.exceeded) == (kind, True)
    assert high.value == pytest.approx(distance, abs=1e-4)
    (finding,) = exceeded([high])
    assert (finding.split, finding.feature, finding.type) == ("train", "labels", kind)
    assert finding.message.startswith(f"{message} from the last accepted run where the schema allows")
    (low,) = measure(with_threshold(name, distance + 0.001), UNEVEN, EVEN)
    assert exceeded([low]) == []


def test_drift_and_skew_have_thresholds_of_their_own():
    assert measure(with_threshold("infinity_norm", 0.1), UNEVEN, EVEN, kind="skew") == []
    assert measure(with_threshold("infinity_norm", 0.1, kind="skew"), UNEVEN, EVEN) == []
    (skew,) = measure(with_threshold("infinity_norm", 0.1, kind="skew"), UNEVEN, EVEN, kind="skew")
    assert skew.exceeded


@pytest.mark.parametrize(
    ("constraint", "rows", "kind", "message"),
    [
        (
            "min_fraction_threshold: 0.5",
            49,
            "COMPARATOR_LOW_NUM_EXAMPLES",
            "49 examples are 0.49 times the 100",
        ),
        (
            "max_fraction_threshold: 2",
            201,
            "COMPARATOR_HIGH_NUM_EXAMPLES",
            "201 examples are 2.01 times the 100",
        ),
    ],
)
def test_the_number_of_examples(constraint, rows, kind, message):
    schema = f"dataset_constraints {{ num_examples_drift_comparator {{ {constraint} }} }}"
    (finding,) = exceeded(measure(schema, split(joy=rows), split(joy=100)))
    assert (finding.feature, finding.type) == ("", kind)
    assert finding.message.startswith(message)
    assert exceeded(measure(schema, split(joy=100), split(joy=100))) == []
    assert measure(schema, split(joy=rows), split(joy=100), kind="skew") == []


def numbers(*buckets, kind="STANDARD"):
    proto = dataset("train", [{}])
    statistics = proto.features.add(name="weight", type="FLOAT").num_stats
    statistics.common_stats.num_non_missing = 1
    histogram = statistics.histograms.add(type=kind)
    for low, high, count in buckets:
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    return SplitProfile("train", proto)


def test_numbers_by_their_histograms():
    schema = with_threshold("jensen_shannon_divergence", 0.5).replace("labels", "weight")
    first, second = numbers((0, 1, 10)), numbers((1, 2, 10))
    assert [one.value for one in measure(schema, first, second)] == [pytest.approx(1)]
    assert [one.value for one in measure(schema, first, first)] == [0]
    of_quantiles = schema.replace("threshold: 0.5", "threshold: 0.5 source { type: QUANTILES }")
    assert measure(of_quantiles, first, second) == [], "there are no quantile histograms"
    quantiles = numbers((0, 1, 10), kind="QUANTILES"), numbers((1, 2, 10), kind="QUANTILES")
    assert len(measure(of_quantiles, *quantiles)) == 1
