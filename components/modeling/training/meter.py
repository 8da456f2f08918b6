"""Loss and throughput while training, without waiting for every step's result."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import tensorflow as tf

__all__ = ["Meter", "Reading"]


@dataclass(frozen=True)
class Reading:
    """What was measured over some steps.

    Attributes:
        loss: mean over the examples.
        examples_per_second: throughput.
        tokens_per_second: the same in tokens, padding not counted.
        input_share: share of the time, 0-1, in which the next batch was waited for.
    """

    loss: float
    examples_per_second: float
    tokens_per_second: float
    input_share: float


@dataclass
class _Sums:
    """What is added up; times in seconds."""

    loss: float = 0.0
    examples: int = 0
    tokens: int = 0
    waited: float = 0.0
    elapsed: float = 0.0

    def reading(self) -> Reading:
        elapsed = max(self.elapsed, 1e-9)
        return Reading(
            loss=self.loss / max(self.examples, 1),
            examples_per_second=self.examples / elapsed,
            tokens_per_second=self.tokens / elapsed,
            input_share=self.waited / elapsed,
        )


@dataclass
class Meter:
    """Adds up losses; reading it is what waits for the device.

    Attributes:
        clock: seconds that never go back.
    """

    _total: _Sums = field(default_factory=_Sums)
    _recent: _Sums = field(default_factory=_Sums)
    _pending: list[tuple[tf.Tensor, int]] = field(default_factory=list)
    _since: float = field(init=False)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def add(self, loss: tf.Tensor, *, examples: int, tokens: int = 0, waited: float = 0.0) -> None:
        """Adds a step: its mean loss, float32 [], examples, tokens, and the seconds that its batch was waited for."""
        self._pending.append((loss, examples))
        self._recent.tokens += tokens
        self._recent.waited += waited

    def read(self) -> Reading:
        """What was measured since the last reading."""
        self._settle()
        recent, self._recent = self._recent, _Sums()
        self._total.loss += recent.loss
        self._total.examples += recent.examples
        self._total.tokens += recent.tokens
        self._total.waited += recent.waited
        self._total.elapsed += recent.elapsed
        return recent.reading()

    @property
    def total(self) -> Reading:
        """What was measured from the start to the last reading."""
        return self._total.reading()

    def state(self) -> dict[str, Any]:
        """What `resumed` needs, as JSON."""
        self._settle()
        return {"total": asdict(self._total), "recent": asdict(self._recent)}

    @classmethod
    def resumed(cls, state: dict[str, Any]) -> "Meter":
        """A meter that goes on where another was; the time in between does not count."""
        return cls(_Sums(**state["total"]), _Sums(**state["recent"]))

    def _settle(self) -> None:
        for loss, examples in self._pending:
            self._recent.loss += float(loss) * examples
            self._recent.examples += examples
        self._pending.clear()
        now = self.clock()
        self._recent.elapsed += now - self._since
        self._since = now
