"""What a stage says of its progress."""

__all__ = ["Recorder"]


class Recorder:
    """Keeps it."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, float | None, float | None]] = []
        self.lines: list[str] = []

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        self.updates.append((message, completed, total))

    def log(self, message: str) -> None:
        self.lines.append(message)
