import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.data.lengths import token_profile


@given(st.lists(st.integers(3, 128), min_size=1, max_size=200))
def test_the_profile_of_counted_lengths_is_that_of_the_lengths(lengths):
    counts = {length: lengths.count(length) for length in set(lengths)}
    profile = token_profile(counts)
    assert (profile["min"], profile["max"]) == (min(lengths), max(lengths))
    assert profile["mean"] == pytest.approx(np.mean(lengths))
    for key, q in (("median", 0.5), ("p95", 0.95)):
        assert profile[key] == np.quantile(lengths, q, method="lower")
    assert sum(profile["histogram"]["counts"]) == len(lengths)
