"""What was not tried, and why."""

from dataclasses import dataclass, field

__all__ = ["Skipped"]


@dataclass
class Skipped:
    """Collects reasons by name of what was skipped."""

    _reasons: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, name: str, why: str, cases: int = 1) -> None:
        """Says that cases of a test were left out."""
        self._reasons[name, why] = self._reasons.get((name, why), 0) + cases

    def rows(self) -> list[dict[str, str | int]]:
        """As JSON values, in the order in which they were met."""
        return [{"name": name, "why": why, "cases": cases} for (name, why), cases in self._reasons.items()]
