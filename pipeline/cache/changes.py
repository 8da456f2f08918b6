"""What changed in a cache key, in words: `config epochs: 3 -> 4`, `code: components/modeling/heads.py changed`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "changes", "explain_miss"]

_SHOWN = 4
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        part: `config`, `code`, `package`, `input`, `file`, `source` or `component`.
        name: what it is called there, such as `epochs` or the path of a source file.
        before: the value, or a digest; None if it is new.
        now: likewise; None if it is gone.
    """

    part: str
    name: str
    before: Any
    now: Any

    def __str__(self) -> str:
        if self.part in ("config", "package", "component", "source"):
            return f"{self._subject}: {_short(self.before)} -> {_short(self.now)}"
        return f"{self._subject} {self._happened}"

    @property
    def _subject(self) -> str:
        return (
            f"{self.part}: {self.name}"
            if self.part == "code" and self.name
            else f"{self.part} {self.name}".strip()
        )

    @property
    def _happened(self) -> str:
        if self.before is None:
            return "is new"
        return "is gone" if self.now is None else "changed"


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """What differs between the parts of two keys; values where a person can read them, else digests.

    Parts of which neither is known (an input that is still to be made is in no key) are left out, and so are places: a
    file that was moved is the same file.
    """
    return [change for part in _names(before, now) for change in _of_part(part, before, now)]


def explain_miss(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which parts of the key changed since the stage last ran, in a line."""
    told = [str(change) for change in changes(before, now)]
    return ", ".join(told[:_SHOWN]) + (f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")


def _names(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the parts that differ, as `now` orders them, then those that are gone."""
    return [name for name in dict.fromkeys((*now, *before)) if before.get(name) != now.get(name)]


def _of_part(part: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    old, new = before.get(part), now.get(part)
    kind, _, name = part.partition(" ")
    if part == "code":
        if not any(other.startswith("code ") for other in before):
            yield Change("code", "", old, new)
    elif part == "packages":
        yield from _of_document("package", "", json.loads(old or "{}"), json.loads(new or "{}"))
    elif kind == "place":
        return
    elif kind == "code":
        if any(other.startswith("code ") for other in before):
            yield Change(kind, name, old, new)
    elif kind == "config" and old is not None and new is not None:
        yield from _of_document(kind, name, json.loads(old), json.loads(new))
    elif kind == "config":
        yield Change(kind, name, *(value and json.loads(value) for value in (old, new)))
    else:
        yield Change(kind, name, old, new)


def _of_document(part: str, name: str, before: Any, now: Any) -> Iterator[Change]:
    """The leaves that differ: `trainer.optimizer.rate` rather than the whole of `trainer`."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*now, *before)):
            if before.get(key) != now.get(key):
                yield from _of_document(part, f"{name}.{key}".lstrip("."), before.get(key), now.get(key))
    else:
        yield Change(part, name, before, now)


def _short(value: Any) -> str:
    """As YAML would have it, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
