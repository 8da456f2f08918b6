import time

import numpy as np

from tests.benchmarks.machine_speed import MachineSpeed, machine_speed


def test_what_met_a_slow_piece_of_work() -> None:
    usual = np.full(10, 50e-6)
    slowed = usual.copy()
    slowed[4] = 500e-6
    seen = MachineSpeed([np.arange(10.0)] * 2, [usual, slowed])

    began = np.array([0.5, 2.5, 3.5, 3.9, 4.5, 5.5, 8.5])
    found = seen.was_slow(began, began + 0.3)

    assert found.tolist() == [False, False, True, True, True, False, False]
    assert seen.slow_share == 0.1


def test_every_cpu_is_watched_all_the_time() -> None:
    for seconds in (1.0, 10.0, 60.0):  # Other programs may leave the probes little of a second.
        began = time.monotonic()
        with machine_speed() as seen:
            time.sleep(seconds)
        ended = time.monotonic()
        if min(map(len, seen.began)) > 10:
            break

    for moments, seconds in zip(seen.began, seen.seconds, strict=True):
        assert len(moments) == len(seconds) > 10
        assert began < moments[0]
        assert moments[-1] < ended
        assert (seconds > 0).all()
