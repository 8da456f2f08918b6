"""Shares of failed cases, and how far chance would move them."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.bootstrap import CONFIDENCE, resample_sums
from components.evaluation.measurement import Estimate

__all__ = ["failure_rates"]


def failure_rates(
    tests: Sequence[int], units: Sequence[Hashable], failed: Sequence[bool], *, resamples: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The failure rate of each test and of all cases, as JSON values with their intervals.

    What is drawn is a text with all cases that were made from it: they succeed and fail together.

    Args:
        tests: by case the position of its test; from 0, each at least once.
        units: by case what it was made from.
        failed: by case.
        resamples: of the bootstrap.
        seed: of the draws.
    """
    count = max(tests) + 1
    places = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
    outcomes = np.zeros((len(places), 2, count), np.float32)
    for test, unit, is_failed in zip(tests, units, failed, strict=True):
        outcomes[places[unit], :, test] += (is_failed, 1)
    totals = outcomes.sum(axis=0)
    drawn = resample_sums(outcomes.reshape(len(places), -1), resamples=resamples, seed=seed)
    samples = drawn.reshape(resamples, 2, count)
    of_tests = [_rate(totals[:, test], samples[:, :, test]) for test in range(count)]
    return of_tests, _rate(totals.sum(axis=1), samples.sum(axis=2))


def _rate(total: NDArray[Any], samples: NDArray[np.float64]) -> dict[str, Any]:
    """Failed and all cases, [2] and [resamples, 2].

    Where no case failed, or every one, resampling says nothing; the bound is the exact one then (Clopper and Pearson,
    1934: 3.7 % for 0 of 100).
    """
    failed, cases = float(total[0]), float(total[1])
    drawn = samples[samples[:, 1] > 0]
    estimate = Estimate.of(failed / cases, drawn[:, 0] / drawn[:, 1])
    certain = ((1 - CONFIDENCE) / 2) ** (1 / cases)
    low = certain if failed == cases else estimate.low
    high = 1 - certain if not failed else estimate.high
    return asdict(Estimate(estimate.value, low, high))
