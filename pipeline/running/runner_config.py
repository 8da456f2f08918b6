"""How stages are run on this machine: at once or one by one, for how long, how often, in how much memory."""

import difflib
from collections.abc import Collection
from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from components.core.config import Config
from components.core.errors import ConfigError

__all__ = ["IN_PROCESS", "RetryConfig", "RunnerConfig"]


class RetryConfig(Config):
    """What is tried again: errors that pass by themselves, such as a lost connection or an HTTP 503."""

    attempts: int = Field(default=3, ge=1, le=20)
    """Times that a stage is begun, the first one included. 3, as most outages of a network are over by then."""

    first_delay_s: float = Field(default=2.0, ge=0, le=3600)
    """Seconds before the second attempt; before every further one twice as many."""

    max_delay_s: float = Field(default=60.0, ge=0, le=86400)
    """Seconds that no delay exceeds."""

    stages: tuple[str, ...] = ()
    """Stages of which any failure but a mistake in data or settings is tried again."""

    def delay_s(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts."""
        return min(self.max_delay_s, self.first_delay_s * 2.0 ** (attempts - 1))


class RunnerConfig(Config):
    """What the local runner may use. No artifact and no cache key depends on it."""

    workers: int = Field(default=1, ge=0, le=64)
    """Processes that run stages, each one stage at a time; they start when they are needed and are used again, so that
    TensorFlow is imported once in each. 0 runs the stages in this process, as a debugger wants it. 1 is the default: a
    stage that is killed, hangs or eats the memory does not take the run with it, and only the two exporters could run
    side by side, which pays for a second import of TensorFlow on machines with more than a few cores."""

    timeouts: dict[str, PositiveFloat] = Field(default={})
    """Seconds by stage after which it is killed and has failed. None by default: what a training takes is yours."""

    memory_mib: int | None = Field(default=None, ge=64)
    """Resident memory, MiB, at which a worker is killed and its stage has failed; it also begins no further stage
    above half of it. No limit by default: then the kernel's is the only one."""

    retries: RetryConfig = RetryConfig()

    stop_within_s: float = Field(default=60.0, ge=0, le=3600)
    """Seconds that a stage has to save its state after Ctrl-C or SIGTERM; then it is killed. Kubernetes gives 30 unless
    the pod says more."""

    @model_validator(mode="after")
    def _enforceable(self) -> Self:
        if self.workers == 0 and (self.timeouts or self.memory_mib is not None):
            raise ValueError(
                "`timeouts` and `memory_mib` are kept by killing a worker: set `workers` to 1 or more, or leave "
                "them out"
            )
        return self

    def check_stages(self, stages: Collection[str]) -> None:
        """Raises ConfigError if it names a stage that is not among `stages`."""
        for name in (*self.timeouts, *self.retries.stages):
            if name not in stages:
                near = difflib.get_close_matches(name, stages, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(stages)}"
                raise ConfigError(f"`runner` names `{name}`, which is no stage of this pipeline; {hint}")


IN_PROCESS = RunnerConfig(workers=0)
