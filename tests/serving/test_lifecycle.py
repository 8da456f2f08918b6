"""The phases of a stop."""

import threading
import time

from serving.lifecycle import Lifecycle, Phase


def serving() -> tuple[Lifecycle, list[Phase]]:
    lifecycle = Lifecycle()
    phases: list[Phase] = []
    lifecycle.on_change(lambda: phases.append(lifecycle.phase))
    lifecycle.enter(Phase.SERVING)
    return lifecycle, phases


def test_probes_say_not_ready_before_anything_is_refused() -> None:
    lifecycle, phases = serving()
    seen: list[tuple[bool, bool]] = []
    lifecycle.on_change(lambda: seen.append((lifecycle.serving, lifecycle.refusing)))
    assert lifecycle.drain(lame_duck_seconds=0, grace_seconds=5)
    assert phases == [Phase.SERVING, Phase.LAME_DUCK, Phase.DRAINING]
    assert seen == [(False, False), (False, True)]


def test_a_stop_waits_for_what_was_accepted() -> None:
    lifecycle, _ = serving()
    lifecycle.arrive()
    stopped: list[bool] = []
    stopping = threading.Thread(
        target=lambda: stopped.append(lifecycle.drain(lame_duck_seconds=0, grace_seconds=60))
    )
    stopping.start()
    while not lifecycle.refusing:
        time.sleep(0.01)
    assert not stopped
    lifecycle.leave()
    stopping.join(30)
    assert stopped == [True]


def test_requests_that_still_come_put_off_the_refusal() -> None:
    lifecycle, _ = serving()
    started = time.monotonic()
    lifecycle.arrive()
    lifecycle.leave()
    assert lifecycle.drain(lame_duck_seconds=0, grace_seconds=60)
    assert time.monotonic() - started >= 0.2, "one that had just come may not have been the last"


def test_the_grace_period_bounds_a_stop() -> None:
    lifecycle, _ = serving()
    lifecycle.arrive()
    assert not lifecycle.drain(lame_duck_seconds=0, grace_seconds=0.1)
    assert lifecycle.in_flight == 1


def test_hurry_ends_every_wait() -> None:
    lifecycle, _ = serving()
    lifecycle.arrive()
    hurry = threading.Event()
    hurry.set()
    started = time.monotonic()
    assert not lifecycle.drain(lame_duck_seconds=600, grace_seconds=600, hurry=hurry)
    assert time.monotonic() - started < 60
