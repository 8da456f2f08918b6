"""A small part of `tests/benchmarks/crash_matrix.py`: kills, and two runs at once, on light stages."""

from pathlib import Path

from tests.benchmarks.crash_matrix import VICTIMS, kill_at_random, kill_series, run_at_once


def test_kill_9_around_the_publication_of_a_stage(tmp_path: Path):
    for victim in VICTIMS:
        tally = kill_series(tmp_path / victim, None, victim, 1)
        assert (tally.kills, tally.runs, tally.wrong) == (4, 1, [])


def test_kill_9_at_a_random_time_while_stages_run_side_by_side(tmp_path: Path):
    tally = kill_at_random(tmp_path / "random", None, 2)
    assert (tally.kills, tally.runs, tally.wrong) == (2, 1, [])


def test_two_runs_at_once_execute_every_stage_once(tmp_path: Path):
    tally = run_at_once(tmp_path / "concurrent", None, 1)
    assert (tally.runs, tally.directories, tally.wrong) == (2, 4, [])
