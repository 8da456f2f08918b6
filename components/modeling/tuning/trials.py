"""A trial as Optuna keeps it, and as it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from components.modeling.tuning.search_space import Range, decode_values

__all__ = ["ERROR", "RETRY_OF", "STOPPED", "Trial", "is_lost", "one_line", "read_trial"]

ERROR, STOPPED, RETRY_OF = "error", "stopped", "retry_of"
"""User attributes of a trial: why it failed; that its process was told to stop; the number of the one it repeats."""

_LONGEST_ERROR = 400


@dataclass(frozen=True)
class Trial:
    """A trial that is over.

    Attributes:
        number: from 1.
        state: `complete`, `pruned` or `failed`.
        values: by dotted key.
        metric: of the best epoch; None unless complete.
        epochs: the validation metric of each epoch, from the first.
        error: why it failed.
        seconds: wall time.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    values: Mapping[str, Any]
    metric: float | None
    epochs: Sequence[float]
    error: str | None
    seconds: float


def is_lost(trial: FrozenTrial) -> bool:
    """Whether nothing is known of a trial because its process ended, and it deserves another try."""
    if trial.state is not TrialState.FAIL or ERROR in trial.user_attrs:
        return False
    return STOPPED in trial.user_attrs or RETRY_OF not in trial.user_attrs


def read_trial(trial: FrozenTrial, space: Mapping[str, Range]) -> Trial | None:
    """What became of it; None while it runs, or if it was lost and is tried again."""
    state = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
    }.get(trial.state)
    if state is None or is_lost(trial):
        return None
    assert trial.duration is not None
    return Trial(
        number=trial.number + 1,
        state=state,  # type: ignore[arg-type]
        values=decode_values(space, trial.params),
        metric=trial.value if state == "complete" else None,
        epochs=tuple(metric for _, metric in sorted(trial.intermediate_values.items())),
        error=_error(trial) if state == "failed" else None,
        seconds=trial.duration.total_seconds(),
    )


def _error(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(ERROR, "its process died, twice"))


def one_line(err: BaseException) -> str:
    """TensorFlow's errors begin with where they come from, and end with what is wrong."""
    words = " ".join(f"{type(err).__name__}: {err}".split())
    return words if len(words) <= _LONGEST_ERROR else f"{words[:60]} … {words[60 - _LONGEST_ERROR :]}"
