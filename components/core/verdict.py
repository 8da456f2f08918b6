"""A list of checks and what follows from it: the form of the model's and the exports' blessing."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Check", "Verdict"]


@dataclass(frozen=True)
class Check:
    """One measured value against one limit.

    Attributes:
        name: what was measured, `macro_f1` or `tflite_int8.decision_agreement`.
        value: the measurement; None or NaN when it could not be had, which never passes.
        limit: the limit that it was held against, None if there is none to hold it against.
        passed: whether it keeps the limit.
        message: a sentence for a person: what was measured, what was asked, what to do.
    """

    name: str
    value: float | None
    limit: float | None
    passed: bool
    message: str

    @classmethod
    def at_least(cls, name: str, value: float | None, limit: float, message: str) -> "Check":
        """Passes if `value` is a number not below `limit`."""
        return cls(name, value, limit, _is_number(value) and value >= limit, message)  # type: ignore[operator]

    @classmethod
    def at_most(cls, name: str, value: float | None, limit: float, message: str) -> "Check":
        """Passes if `value` is a number not above `limit`."""
        return cls(name, value, limit, _is_number(value) and value <= limit, message)  # type: ignore[operator]


@dataclass(frozen=True)
class Verdict:
    """Blessed if there is at least one check and every check passed: nothing measured is nothing proven."""

    checks: Sequence[Check]

    @property
    def blessed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Messages of the checks that failed; empty if blessed."""
        if not self.checks:
            return ("nothing was checked: configure at least one threshold",)
        return tuple(check.message for check in self.checks if not check.passed)

    def write(self, path: Path) -> None:
        document = {"blessed": self.blessed, "checks": [_jsonable(check) for check in self.checks]}
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Verdict":
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(Check(**check) for check in document["checks"]))


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _jsonable(check: Check) -> dict[str, object]:
    """JSON has no NaN: a value that is no number is written as null."""
    return {**asdict(check), "value": check.value if _is_number(check.value) else None}
