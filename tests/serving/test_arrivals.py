"""Which request that is still read gives its place to others."""

import pytest

from serving import arrivals
from serving.arrivals import Arrivals


@pytest.fixture
def went() -> list[str]:
    return []


def test_what_has_just_begun_stays(went: list[str]) -> None:
    reading = Arrivals()
    with reading.expected(lambda: went.append("first")):
        assert not reading.make_room()
    assert not went


def test_the_oldest_goes_first_and_once(went: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    reading = Arrivals()
    with reading.expected(lambda: went.append("first")), reading.expected(lambda: went.append("second")):
        assert reading.waiting == 2
        assert [reading.make_room() for _ in range(3)] == [True, True, False]
        assert reading.waiting == 0
    assert went == ["first", "second"]


def test_what_is_read_is_not_given_up(went: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_STALLED_SECONDS", 0.0)
    reading = Arrivals()
    with pytest.raises(OSError, match="gone"), reading.expected(lambda: went.append("first")):
        raise OSError("gone")
    assert not reading.make_room()
    assert not went
