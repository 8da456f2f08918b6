import time

import numpy as np

from tests.benchmarks.machine_speed import MachineSpeed, machine_speed


def test_what_met_a_slow_piece_of_work() -> None:
    usual = np.full(10, 50e-6)
    slowed = usual.copy()
    slowed[4] = 500e-6
    seen = MachineSpeed([np.arange(10.0)] * 2, [usual, slowed], [np.full(10, 7)] * 2)

    began = np.array([0.5, 2.5, 3.5, 3.9, 4.5, 5.5, 8.5])
    found = seen.was_slow(began, began + 0.3)

    assert found.tolist() == [False, False, True, True, True, False, False]
    assert seen.slow_share == 0.1


def test_what_began_when_the_cpu_was_away() -> None:
    usual = np.full(6, 50e-6)
    seen = MachineSpeed([np.arange(6.0)], [usual], [np.array([7, 7, 7, 9, 9, 9])])

    began = np.array([0.5, 1.5, 2.5, 3.5, 4.5])

    assert seen.was_slow(began, began).tolist() == [False, False, True, True, False]
    assert seen.slow_share == 1 / 6


def test_every_cpu_is_watched_all_the_time() -> None:
    for seconds in (1.0, 10.0, 60.0):  # Other programs may leave the probes little of a second.
        began = time.monotonic()
        with machine_speed() as seen:
            time.sleep(seconds)
        ended = time.monotonic()
        if min(map(len, seen.began)) > 10:
            break

    for moments, seconds, stolen in zip(seen.began, seen.seconds, seen.stolen, strict=True):
        assert len(moments) == len(seconds) == len(stolen) > 10
        assert (np.diff(stolen) >= 0).all()
        assert began < moments[0]
        assert moments[-1] < ended
        assert (seconds > 0).all()
