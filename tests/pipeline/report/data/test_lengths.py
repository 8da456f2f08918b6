import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import ReportData
from pipeline.report.data.lengths import lengths, token_profile


@given(st.lists(st.integers(3, 128), min_size=1, max_size=200))
def test_the_profile_of_counted_lengths_is_that_of_the_lengths(lengths):
    counts = {length: lengths.count(length) for length in set(lengths)}
    profile = token_profile(counts)
    assert (profile["min"], profile["max"]) == (min(lengths), max(lengths))
    assert profile["mean"] == pytest.approx(np.mean(lengths))
    for key, q in (("median", 0.5), ("p95", 0.95)):
        assert profile[key] == np.quantile(lengths, q, method="lower")
    assert sum(profile["histogram"]["counts"]) == len(lengths)


def test_one_endless_text_does_not_press_all_others_flat():
    counts = [400, 500, 99, 0, 0, 0, 0, 0, 0, 1]
    profile = {"min": 1, "mean": 9, "median": 8, "p95": 25, "max": 100}
    histogram = {"edges": list(range(0, 110, 10)), "counts": counts}
    statistics = {"splits": {"train": {"rows": 1000, "length_words": {**profile, "histogram": histogram}}}}
    report = ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", statistics=statistics)
    (unit,) = lengths(report)["units"]
    assert [column["count"] for column in unit["chart"]["columns"]] == [400, 500, 99]
    assert unit["beyond"] == 1
    assert unit["rows"][0]["strip"]["beyond"]
