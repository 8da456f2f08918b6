"""What happened at a destination: one numbered, unchangeable file an event, and the state after it.

An event is a file that only one writer can create (`components.core.filesystem.create_file`). That is all the locking
there is, and it is the same on a disk and in an object store: who comes second reads what happened and tries again.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.atomic_files import create_file
from components.core.errors import StorageError, UserError
from components.core.filesystem import files_below, read_file
from components.publishing.settings import PublishingSettings

__all__ = ["Event", "EventKind", "History", "State", "VersionRecord"]

EventKind: TypeAlias = Literal["start", "push", "promote", "rollback", "withdraw", "settings"]

_DIGITS = 6
_ATTEMPTS = 100


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class VersionRecord(_Record):
    """A version that is there, whole."""

    digest: str
    """SHA-256 (hex) of its files' names and contents: two versions with the same one answer alike."""

    published: datetime
    origin: int | None = None
    """The version that this one is a copy of, made to serve it again."""

    served: bool = False
    """Whether it was ever the stable version: a canary that was never promoted is nothing to go back to."""

    run: dict[str, Any] | None = None
    """Pipeline and run that made it."""


class State(_Record):
    """How a destination stands after an event."""

    highest: int = 0
    """The highest number that was ever given: a version gets a higher one, whoever pushes it."""

    stable: int | None = None
    """The version that is served."""

    stable_since: int = 0
    """Number of the event that made it so; what apps compare, since it only grows, also when a rollback goes back."""

    canary: int | None = None
    """The version that is tried out."""

    versions: Mapping[int, VersionRecord] = Field(default_factory=dict)
    """The versions that are there."""

    withdrawn: Mapping[int, str] = Field(default_factory=dict)
    """Digest of every version that was rolled back: the Pusher does not publish it again."""

    expired: tuple[int, ...] = ()
    """Versions to be deleted."""

    key_id: str | None = None
    """The key that signs; None if nothing is signed."""

    settings: PublishingSettings = PublishingSettings()

    def previous(self) -> int | None:
        """The newest good version before the stable one: once served, no copy, not withdrawn; None without one."""
        if self.stable is None:
            return None
        served = self.versions.get(self.stable)
        now = self.stable if served is None or served.origin is None else served.origin
        older = [
            version
            for version, record in self.versions.items()
            if version < now
            and record.served
            and record.origin is None
            and record.digest not in self.withdrawn.values()
        ]
        return max(older, default=None)

    def serve(self, version: int, number: int) -> "State":
        """The state after event `number`, in which `version` is the stable one."""
        record = self.versions[version].model_copy(update={"served": True})
        since = self.stable_since if self.stable == version else number
        return self.change(stable=version, stable_since=since, versions={**self.versions, version: record})

    def change(self, **update: Any) -> "State":
        return self.model_copy(update=update)


class Event(_Record):
    """What happened, and how things stand since."""

    format_version: Literal[1] = 1
    number: int
    event: EventKind
    version: int
    at: datetime
    message: str = ""
    state: State


class History:
    """The events of a destination, `history/000001.json` and so on."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def newest(self) -> Event | None:
        """The last event; None if nothing was ever pushed here."""
        numbers = self._numbers()
        return self._read(numbers[-1]) if numbers else None

    def events(self) -> list[Event]:
        """All events, the oldest first."""
        return [self._read(number) for number in self._numbers()]

    def append(
        self,
        event: EventKind,
        change: Callable[[State, int], tuple[int, State]],
        *,
        message: str = "",
    ) -> Event:
        """Adds an event.

        Args:
            event: what happens.
            change: from the state and the number of the new event to the version that is concerned and the new state.
                Called again if another writer was faster, so it must decide from what it is given.
            message: why, for a person.

        Raises:
            UserError: the destination cannot be written.
            StorageError: others write all the time.
        """
        for _ in range(_ATTEMPTS):
            before = self.newest()
            number = 1 if before is None else before.number + 1
            version, state = change(State() if before is None else before.state, number)
            new = Event(number=number, event=event, version=version, at=_now(), message=message, state=state)
            if self._create(new):
                return new
        raise StorageError(f"{self.directory}: {_ATTEMPTS} times another writer was faster; try again")

    def _create(self, event: Event) -> bool:
        try:
            return create_file(self._path(event.number), (event.model_dump_json(indent=2) + "\n").encode())
        except OSError as err:
            raise UserError(
                f"{self.directory}: cannot write here ({err.strerror or err}); make room or permission, or set "
                "pusher.destination to another place"
            ) from err

    def _numbers(self) -> list[int]:
        names = (name.removesuffix(".json") for name in files_below(self.directory))
        return sorted(int(name) for name in names if name.isdecimal())

    def _read(self, number: int) -> Event:
        path = self._path(number)
        try:
            return Event.model_validate_json(read_file(path) or b"")
        except (ValueError, ValidationError) as err:
            raise StorageError(
                f"{path}: cannot be read as an event ({err}); restore it, or push to another destination"
            ) from err

    def _path(self, number: int) -> str:
        return f"{self.directory}/{number:0{_DIGITS}}.json"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
