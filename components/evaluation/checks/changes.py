"""Checks of what was lost against the last blessed model.

A loss counts if it is larger than its limit and no noise, that is, if its paired interval excludes zero: a model
retrained with another seed is not refused for the luck of the draw.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.verdict import Check
from components.evaluation.checks.words import check_name, is_number, prefix_of, words
from components.evaluation.limits import ChangeThresholds

__all__ = ["Loss", "change_checks", "largest_loss_check"]

_LABEL_DROP = "label_f1_drop"
_NAMED = 3


def change_checks(heads: Sequence[Mapping[str, Any]], limits: ChangeThresholds) -> list[Check]:
    """Holds the losses of every head that has the metric against their limits; without a baseline they pass.

    Args:
        heads: their documents. `baseline.changes` has by metric, new minus last blessed, `value` and the bounds `low`
            and `high` of the paired interval, `baseline.label_changes` the same of F1 by label; where `changes` is
            missing, `baseline.note` says why there is nothing to compare with.
        limits: largest losses.
    """
    return [check for document in heads for check in _of_head(document, limits, prefix_of(document, heads))]


def _of_head(document: Mapping[str, Any], limits: ChangeThresholds, prefix: str) -> Iterator[Check]:
    baseline = document["baseline"]
    figures = {**document.get("calibration", {}), **document}
    for name, limit in limits.losses().items():
        if name == _LABEL_DROP:
            if "labels" in document:
                yield _label_check(baseline, limit, prefix)
            continue
        metric, _, direction = name.rpartition("_")
        if metric not in figures:
            continue
        check, what = check_name(prefix, name), words(metric, prefix)
        if "changes" not in baseline:
            yield Check(check, None, limit, True, f"{what} has no baseline: {baseline['note']}")
        else:
            change = baseline["changes"].get(metric, {})
            yield _change_check(check, what, Loss.of(change, is_rise=direction == "rise"), limit)


@dataclass(frozen=True)
class Loss:
    """How much worse a figure became, with the bounds of its interval; below 0 if it became better.

    Attributes:
        value: the loss; None if it could not be measured.
        low: lower bound of its interval; likewise.
        high: upper bound; likewise.
        is_rise: whether it is worse to be higher.
    """

    value: float | None
    low: float | None
    high: float | None
    is_rise: bool = False

    @classmethod
    def of(cls, change: Mapping[str, float | None], *, is_rise: bool = False) -> "Loss":
        """From a difference, new minus old; `is_rise` if it is worse to be higher."""
        value, low, high = (change.get(bound) for bound in ("value", "low", "high"))
        if value is None or low is None or high is None:
            return cls(None, None, None, is_rise)
        return cls(value, low, high, is_rise) if is_rise else cls(-value, -high, -low)

    @property
    def is_known(self) -> bool:
        return is_number(self.value, self.low, self.high)

    def exceeds(self, limit: float) -> bool:
        """Whether it is larger than the limit and no noise."""
        return self.is_known and self.value > limit and self.low > 0  # type: ignore[operator]

    def __str__(self) -> str:
        """`fell by 0.031 (95 % interval +0.010 to +0.052)`."""
        size = self.value or 0.0
        moved = "rose" if (size > 0) == self.is_rise else "fell"
        return f"{moved} by {abs(size):.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f})"


def _change_check(name: str, what: str, loss: Loss, limit: float) -> Check:
    if not loss.is_known or loss.value is None:
        return Check(name, None, limit, False, f"the change of {what} could not be measured")
    moved = f"{what} {loss} against the last blessed model"
    if loss.exceeds(limit):
        verb = "added" if loss.is_rise else "lost"
        return Check(name, loss.value, limit, False, f"{moved}; at most {limit:.3f} may be {verb}")
    within = "within the noise of this split" if loss.value > limit else "within the limit"
    return Check(name, loss.value, limit, True, f"{moved}, {within}")


def _label_check(baseline: Mapping[str, Any], limit: float, prefix: str) -> Check:
    name, what = check_name(prefix, _LABEL_DROP), words("f1", prefix, "labels")
    if "changes" not in baseline:
        return Check(name, None, limit, True, f"{what} has no baseline: {baseline['note']}")
    losses = {row["label"]: Loss.of(row) for row in baseline.get("label_changes", ())}
    return largest_loss_check(name, losses, limit, metric="F1", against="the last blessed model")


def largest_loss_check(
    name: str, losses: Mapping[str, Loss], limit: float, *, metric: str, against: str
) -> Check:
    """One check of many parts: fails if one of them lost more than the limit and that is no noise.

    Args:
        name: of the check.
        losses: by part.
        limit: largest loss.
        metric: what was lost, in words.
        against: what the losses are measured against, in words.
    """
    unknown = [part for part, loss in losses.items() if not loss.is_known]
    if unknown or not losses:
        whose = f" of {', '.join(unknown[:_NAMED])}" if unknown else ""
        return Check(name, None, limit, False, f"the change of {metric}{whose} could not be measured")
    by_size = sorted(losses.items(), key=lambda item: -(item[1].value or 0.0))
    broken = [(part, loss) for part, loss in by_size if loss.exceeds(limit)]
    if broken:
        told = ", ".join(f"of {part} {loss}" for part, loss in broken[:_NAMED])
        more = f" and of {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        message = f"{metric} {told}{more} against {against}; at most {limit:.3f} may be lost"
        return Check(name, broken[0][1].value, limit, False, message)
    part, loss = by_size[0]
    within = "within the noise of this split" if (loss.value or 0.0) > limit else "within the limit"
    return Check(name, loss.value, limit, True, f"{metric} of {part} {loss} against {against}, {within}")
