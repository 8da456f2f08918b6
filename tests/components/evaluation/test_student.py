import pytest
from scipy import stats

from components.evaluation.student import student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 25, 26, 141, 1000])
@pytest.mark.parametrize("tail", [0.4, 0.025, 0.05 / 2 / 952, 1e-7])
def test_quantiles_are_those_of_scipy(tail: float, degrees: int) -> None:
    assert student_quantile(tail, degrees) == pytest.approx(stats.t.isf(tail, degrees), rel=1e-6)
