import numpy as np
import pytest
from sklearn.metrics import f1_score

from components.evaluation import bootstrap as module
from components.evaluation.bootstrap import Interval, resample_sums, simultaneous_intervals
from components.evaluation.metrics import Counts
from tests.growth import TIMES, assert_linear


def draw(rows: int, labels: int = 4, seed: int = 0, flip: float = 0.2):
    rng = np.random.default_rng(seed)
    targets = (rng.random((rows, labels)) < np.linspace(0.1, 0.5, labels)).astype(np.uint8)
    return np.where(rng.random(targets.shape) < flip, 1 - targets, targets).astype(bool), targets


def test_a_resample_is_the_f1_of_the_drawn_rows():
    decisions, targets = draw(50)
    result = Counts.resampled(decisions, targets, resamples=20, seed=3)
    drawn = np.random.default_rng(3).integers(50, size=(20, 50))
    for resample, rows in enumerate(drawn):
        expected = {
            average: f1_score(targets[rows], decisions[rows], average=average, zero_division=0)
            for average in ("macro", "micro", None)
        }
        assert result.macro_f1[resample] == pytest.approx(expected["macro"], abs=1e-9)
        assert result.micro_f1[resample] == pytest.approx(expected["micro"], abs=1e-9)
        assert result.f1[resample] == pytest.approx(expected[None], abs=1e-9)


def test_blocks_do_not_change_the_draws(monkeypatch):
    decisions, targets = draw(50)
    whole = Counts.resampled(decisions, targets, resamples=100, seed=1)
    monkeypatch.setattr(module, "_WEIGHTS_PER_BLOCK", 350)
    assert (
        Counts.resampled(decisions, targets, resamples=100, seed=1).macro_f1.tolist()
        == whole.macro_f1.tolist()
    )


def test_seeds_decide_the_draws():
    decisions, targets = draw(50)
    first, again, other = (Counts.resampled(decisions, targets, seed=seed).macro_f1 for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_intervals_cover_the_true_value_as_often_as_they_say():
    """The population is known, so the share of intervals that hold its micro-F1 can be counted."""
    decisions, targets = draw(200_000, seed=1)
    truth = Counts.of(decisions, targets).micro_f1
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        rows = rng.integers(len(targets), size=300)
        samples = Counts.resampled(decisions[rows], targets[rows], resamples=300, seed=trial).micro_f1
        interval = Interval.of(samples)
        covered += interval.low <= truth <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_the_paired_difference_is_tighter_than_two_separate_intervals():
    decisions, targets = draw(400, flip=0.3)
    better = decisions.copy()
    better[:20] = targets[:20].astype(bool)
    ours, theirs = (Counts.resampled(given, targets, seed=0).macro_f1 for given in (better, decisions))
    paired = Interval.of(ours - theirs)
    assert paired.low > 0
    assert Interval.of(ours).low < Interval.of(theirs).high


def test_time_grows_in_proportion_to_the_examples():
    decisions, targets = draw(16_000, labels=28)
    some = slice(len(decisions) // TIMES)
    assert_linear(
        lambda given: Counts.resampled(*given, resamples=100),
        (decisions[some], targets[some]),
        (decisions, targets),
    )


def test_there_must_be_rows():
    with pytest.raises(ValueError, match="at least one row"):
        resample_sums(np.zeros((0, 2)), resamples=10, seed=0)


def test_simultaneous_bounds_hold_for_all_figures_together():
    """20 means of 60 rows each: bounds of each by itself miss one of them in most samples, these in one of twenty."""
    rng = np.random.default_rng(0)
    single = together = 0
    for _ in range(200):
        rows = rng.normal(size=(60, 20))
        weights = rng.multinomial(60, [1 / 60] * 60, size=300) / 60
        values, samples = rows.mean(axis=0), weights @ rows
        low, high = np.quantile(samples, (0.025, 0.975), axis=0)
        single += int(((low <= 0) & (high >= 0)).all())
        low, high = simultaneous_intervals(values, samples)
        together += int(((low <= 0) & (high >= 0)).all())
    assert single < 100
    assert 175 <= together <= 200


def test_simultaneous_bounds_of_figures_that_do_not_move_or_are_none():
    samples = np.array([[0.1, 0.5], [0.3, 0.5]])
    low, high = simultaneous_intervals(np.array([0.2, 0.5]), samples)
    assert low[0] < 0.2 < high[0]
    assert (low[1], high[1]) == (0.5, 0.5)
    values = np.array([0.2, np.nan])
    low, high = simultaneous_intervals(values, np.array([[0.1, np.nan], [0.3, np.nan]]))
    assert low[0] < 0.2 < high[0]
    assert np.isnan([low[1], high[1]]).all()
    assert simultaneous_intervals(np.zeros(0), np.zeros((9, 0)))[0].shape == (0,)
