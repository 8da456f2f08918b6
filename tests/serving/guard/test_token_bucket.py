"""How often somebody may do something."""

import pytest

from serving.guard.token_bucket import TokenBucket


def test_a_burst_then_the_rate() -> None:
    now = 100.0
    bucket = TokenBucket(per_second=2, burst=3, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [0, 0, 0]
    assert bucket.take() == pytest.approx(0.5)
    now += 0.25
    assert bucket.take() == pytest.approx(0.25)
    now += 0.25
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(0.5)


def test_what_is_saved_is_at_most_the_burst() -> None:
    now = 0.0
    bucket = TokenBucket(per_second=1000, burst=2, clock=lambda: now)
    now += 3600
    assert [bucket.take() > 0 for _ in range(3)] == [False, False, True]
