"""How a stage tells how far it is; what is shown of it is the runner's affair."""

from typing import Protocol, runtime_checkable

__all__ = ["NO_PROGRESS", "Progress"]


@runtime_checkable
class Progress(Protocol):
    """Receives a stage's progress."""

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        """Says what is being done now.

        Args:
            message: a few words with the current figures (`epoch 2/4  loss 0.081  dev macro-F1 0.49`).
            completed: how much of `total` is done, in any one unit; None if it cannot be told.
            total: the whole, in the same unit.
        """

    def log(self, message: str) -> None:
        """Leaves a line that stays (a warning, a finished epoch)."""


class _NoProgress:
    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        """Says nothing."""

    def log(self, message: str) -> None:
        """Says nothing."""


NO_PROGRESS: Progress = _NoProgress()
