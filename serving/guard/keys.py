"""Who may call: a TOML file of hashed keys, each with a name and limits.

    [web]                       # appears in metrics and logs
    sha256 = "9f86d081884c7d65…"
    requests_per_second = 50    # without it, no limit
    burst = 100                 # how many at once; default: those of one second
    models = ["emotion"]        # without it, all
    may_reload = true           # may change what is served; default false

`python -m serving.guard.keys web` makes a key and shows its lines. Keys have 256 random bits: nobody can try them all,
and a slow hash, which passwords need, would only slow the server down.
"""

import argparse
import hashlib
import hmac
import math
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import ServerStartError
from serving.guard.watched_files import WatchedFiles

__all__ = ["ApiKey", "ApiKeys", "watch_keys"]

_FIELDS = ("sha256", "requests_per_second", "burst", "models", "may_reload")


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One who may call.

    Attributes:
        name: for metrics and logs.
        digest: SHA-256 of the key.
        requests_per_second: 0 = no limit.
        burst: requests at once.
        models: that may be asked; None = all.
        may_reload: whether it may change what is served.
    """

    name: str
    digest: bytes
    requests_per_second: float = 0.0
    burst: int = 1
    models: frozenset[str] | None = None
    may_reload: bool = False

    def may_ask(self, model: str) -> bool:
        """Whether it may use that model."""
        return self.models is None or model in self.models


class ApiKeys:
    """All who may call."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = tuple(keys)

    def find(self, presented: str) -> ApiKey | None:
        """The one whose key this is. Takes the same time for every key that is not."""
        digest = hashlib.sha256(presented.encode("utf-8", errors="surrogateescape")).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def watch_keys(file: Path) -> WatchedFiles[ApiKeys]:
    """The keys of a file.

    Raises:
        ServerStartError: it cannot be read, or says something that is not understood.
    """
    return WatchedFiles([file], lambda: _read_keys(file))


def _read_keys(file: Path) -> ApiKeys:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise ServerStartError(f"{file}: cannot be read ({err.strerror})") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ServerStartError(f"{file}: is no TOML ({err})") from err
    if not document:
        raise ServerStartError(f"{file}: holds no key; `python -m serving.guard.keys NAME` makes one")
    try:
        return ApiKeys([_read_key(name, fields) for name, fields in document.items()])
    except ValueError as err:
        raise ServerStartError(f"{file}: {err}") from err


def _read_key(name: str, fields: Any) -> ApiKey:
    if not isinstance(fields, Mapping):
        raise ValueError(f"{name}: expected a table, [{name}], with {', '.join(_FIELDS)}")
    for field in fields:
        if field not in _FIELDS:
            raise ValueError(f"{name}: unknown field {field!r}; expected some of {', '.join(_FIELDS)}")
    rate = fields.get("requests_per_second", 0.0)
    _expect(_is_number(rate) and rate >= 0, name, "requests_per_second", "a number, 0 = no limit", rate)
    burst = fields.get("burst", max(1, math.ceil(rate)))
    _expect(type(burst) is int and burst >= 1, name, "burst", "a whole number from 1 on", burst)
    models = fields.get("models")
    listed = models is None or (isinstance(models, list) and all(isinstance(one, str) for one in models))
    _expect(listed, name, "models", "a list of names", models)
    may_reload = fields.get("may_reload", False)
    _expect(isinstance(may_reload, bool), name, "may_reload", "true or false", may_reload)
    return ApiKey(
        name=name,
        digest=_read_digest(name, fields.get("sha256")),
        requests_per_second=float(rate),
        burst=burst,
        models=None if models is None else frozenset(models),
        may_reload=may_reload,
    )


def _read_digest(name: str, value: Any) -> bytes:
    try:
        digest = bytes.fromhex(value)
    except (TypeError, ValueError):
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        # The value is not shown: somebody may have put the key itself there.
        raise ValueError(f"{name}: sha256 must be 64 hexadecimal digits: `printf %s KEY | sha256sum`")
    return digest


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _expect(right: bool, name: str, field: str, expected: str, got: Any) -> None:
    if not right:
        raise ValueError(f"{name}: {field} must be {expected}; got {got!r}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes a key; shows it, once, and the lines for the file."""
    parser = argparse.ArgumentParser(prog="python -m serving.guard.keys", description=main.__doc__)
    parser.add_argument("name", help="of who gets the key: letters, digits, - and _")
    name = parser.parse_args(arguments).name
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        parser.error(f"argument name: expected letters, digits, - and _; got {name!r}")
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    print(f'# the key of {name}, kept nowhere else: {key}\n[{name}]\nsha256 = "{digest}"')


if __name__ == "__main__":
    main()
