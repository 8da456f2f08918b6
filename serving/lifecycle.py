"""From start to drained stop: what the server is ready for, and how many requests it holds.

A stop has three phases, so that no request that was accepted is lost:

1. lame duck: probes are told that the server is not ready, while every request is still answered, so that balancers
   have the time to send new ones elsewhere;
2. settling: still everything is answered, until no new request has come for a moment;
3. draining: new requests are refused (UNAVAILABLE, 503), those that were accepted finish.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from serving.arrivals import Arrivals

__all__ = ["Lifecycle", "Phase"]

_QUIET_SECONDS = 0.2
"""Without a new request for so long, none waits inside gRPC or HTTP any more."""
_SETTLE_SECONDS = 2.0
"""Clients that ignore readiness never leave a quiet moment."""


class Phase(Enum):
    """What the server is doing."""

    STARTING = auto()
    SERVING = auto()
    LAME_DUCK = auto()
    DRAINING = auto()
    STOPPED = auto()


class Lifecycle:
    """The phase of one server, and its requests. Thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._phase = Phase.STARTING
        self._in_flight = 0
        self._last_arrival = 0.0
        self._listeners: list[Callable[[], None]] = []
        self.arrivals = Arrivals()
        """Those in flight whose message is still read."""

    @property
    def phase(self) -> Phase:
        """What the server is doing."""
        return self._phase

    @property
    def serving(self) -> bool:
        """Whether balancers should send requests here."""
        return self._phase is Phase.SERVING

    @property
    def refusing(self) -> bool:
        """Whether new requests are refused."""
        return self._phase in (Phase.DRAINING, Phase.STOPPED)

    @property
    def in_flight(self) -> int:
        """How many requests were accepted and have no answer yet, waiting ones included."""
        return self._in_flight

    @property
    def quiet(self) -> bool:
        """Whether no request has come for a moment."""
        return self._until_quiet() <= 0

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever the phase has changed."""
        self._listeners.append(listener)

    def enter(self, phase: Phase) -> None:
        """Goes on to `phase`."""
        with self._condition:
            self._phase = phase
            self._condition.notify_all()
        for listener in self._listeners:
            listener()

    def arrive(self) -> None:
        """Counts a request that was accepted."""
        with self._condition:
            self._in_flight += 1
            self._last_arrival = time.monotonic()

    def turn_away(self) -> None:
        """Notes that a request came that was refused."""
        self._last_arrival = time.monotonic()

    def leave(self) -> None:
        """Counts a request that was answered."""
        with self._condition:
            self._in_flight -= 1
            if self._in_flight == 0:
                self._condition.notify_all()

    def drain(
        self, *, lame_duck_seconds: float, grace_seconds: float, hurry: threading.Event | None = None
    ) -> bool:
        """Goes through the phases of a stop; returns whether every request was answered.

        Args:
            lame_duck_seconds: length of the first phase.
            grace_seconds: the most that the other two may take together.
            hurry: once set, nothing is waited for any longer.
        """
        hurry = hurry or threading.Event()
        self.enter(Phase.LAME_DUCK)
        hurry.wait(lame_duck_seconds)
        started = time.monotonic()
        deadline = started + grace_seconds
        settled = started + min(_SETTLE_SECONDS, grace_seconds)
        while not hurry.is_set() and (wait := self._until_quiet()) > 0 and time.monotonic() < settled:
            hurry.wait(wait)
        self.enter(Phase.DRAINING)
        with self._condition:
            while self._in_flight and not hurry.is_set() and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(min(left, 0.1))
            return self._in_flight == 0

    def _until_quiet(self) -> float:
        return self._last_arrival + _QUIET_SECONDS - time.monotonic()
