import math

import numpy as np
import pytest

from pipeline.report import ReportData
from pipeline.report.data.shift import difference_interval, distances, shift


def report_on(**counts: tuple[int, dict[str, int]]) -> ReportData:
    splits = {split: {"rows": rows, "label_counts": by_label} for split, (rows, by_label) in counts.items()}
    return ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", statistics={"splits": splits})


@pytest.mark.parametrize(
    ("before", "now", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926),
        ((0, 20), (0, 10), -0.1611, 0.2775),
        ((0, 10), (10, 10), 0.6075, 1.0000),
    ],
)
def test_intervals_are_those_that_were_published(before, now, low, high):
    assert difference_interval(before, now, confidence=0.95) == pytest.approx((low, high), abs=6e-5)


def test_distances_are_those_of_their_definitions():
    assert distances([3, 1], [6, 2]) == {"l_infinity": 0, "jensen_shannon": pytest.approx(0, abs=1e-12)}
    assert distances([4, 0], [0, 9]) == {"l_infinity": 1, "jensen_shannon": 1}
    found = distances([1, 1], [3, 1])
    entropy = -sum(p * math.log2(p) for p in (0.625, 0.375))
    own = (1 + 0.75 * math.log2(4 / 3) + 0.25 * 2) / 2
    assert found == {"l_infinity": 0.25, "jensen_shannon": pytest.approx(entropy - own)}
    assert distances([0, 0], [1, 2]) == {"l_infinity": None, "jensen_shannon": None}


def test_a_planted_shift_is_certain_and_stands_first():
    before = {"joy": 400, "fear": 300, "anger": 300}
    found = shift(report_on(train=(1000, before), test=(1000, {"joy": 395, "fear": 150, "anger": 455})))
    (comparison,) = found["comparisons"]
    assert [row["label"] for row in comparison["labels"]] == ["anger", "fear", "joy"]
    assert [row["certain"] for row in comparison["labels"]] == [True, True, False]
    assert comparison["labels"][1]["difference"] == pytest.approx(-0.15)
    assert comparison["certain"] == 2


def test_fair_splits_are_seldom_called_different():
    rng = np.random.default_rng(7)
    rates = np.geomspace(0.002, 0.3, 28)
    alarms = 0
    for _ in range(200):
        draws = {
            split: (rows, rng.binomial(rows, rates)) for split, rows in (("train", 8000), ("test", 1000))
        }
        named = {
            split: (rows, {f"label {at}": int(count) for at, count in enumerate(counts)})
            for split, (rows, counts) in draws.items()
        }
        alarms += shift(report_on(**named))["comparisons"][0]["certain"] > 0
    assert alarms <= 20, "the intervals promise 95 % for all 28 labels at once"


def test_one_split_is_compared_with_nothing():
    assert shift(report_on(train=(10, {"joy": 3}))) is None
    assert shift(report_on(train=(10, {"joy": 3}), test=(0, {"joy": 0}))) is None
