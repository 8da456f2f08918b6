"""`emotion versions`, `promote`, `rollback` and `verify`: what is published, and what is done with it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from components.core.errors import UserError
from components.publishing.destination import Destination
from components.publishing.history import Event, State
from components.publishing.releases import Releases
from components.publishing.signing import load_signer
from components.publishing.telling import INFERENCE_SERVICE
from pipeline.commands.roots import newest_pushed
from pipeline.printable import escape, printable

__all__ = ["promote_command", "rollback_command", "verify_command", "versions_command"]

_REFUSED_EXIT_CODE = 3


def versions_command(destination: str | None, *, history: bool, as_json: bool) -> None:
    """Prints a table of the versions, or of the events.

    Raises:
        UserError: nothing was pushed there.
    """
    place, _, _ = _find(destination)
    events = place.history.events()
    if not events:
        raise UserError(
            f"{place}: nothing was pushed there; name the `pusher.destination` of a configuration"
        )
    rows = [_event_row(event) for event in events] if history else list(_version_rows(events))
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    console = Console()
    console.print(f"[bold]{escape(str(place))}[/]", highlight=False, soft_wrap=True)
    console.print(_table(rows))


def promote_command(
    destination: str | None,
    *,
    version: int | None,
    message: str,
    signing_key: str | None,
    trusted_keys: Path | None,
) -> None:
    """Serves a version from now on, and says so."""
    releases = _releases(destination, signing_key, trusted_keys)
    before = releases.state
    _say(releases.destination, before, releases.promote(version, message=message))


def rollback_command(
    destination: str | None,
    *,
    to: int | None,
    message: str,
    signing_key: str | None,
    trusted_keys: Path | None,
) -> None:
    """Undoes the last release, and says what is served now."""
    releases = _releases(destination, signing_key, trusted_keys)
    before = releases.state
    _say(releases.destination, before, releases.rollback(to, message=message))


def verify_command(directory: Path, *, key: Path | None, as_json: bool) -> int:
    """Checks a version directory; returns the exit code.

    Raises:
        UserError: there is no such directory, or the key cannot be read.
    """
    from serving.manifest import ManifestError, check_manifest
    from serving.public_keys import SignatureError, read_public_keys

    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; name a version directory that the Pusher wrote")
    try:
        keys = None if key is None else read_public_keys(key)
    except SignatureError as err:
        raise UserError(str(err)) from err
    try:
        manifest = check_manifest(directory, keys)
    except ManifestError as err:
        print(f"not verified: {printable(str(err))}", file=sys.stderr)
        return _REFUSED_EXIT_CODE
    if as_json:
        print(json.dumps(manifest, indent=2, ensure_ascii=False))
        return 0
    lineage, signature = manifest.get("lineage", {}), manifest.get("signature")
    signed = "not signed" if signature is None else f"signed by key {signature['key_id']}"
    if signature is not None and keys is None:
        signed += ", not checked: name the public key with --key"
    what = (
        f"version {manifest['version']} of {manifest['kind']}, {len(manifest['files'])} files as pushed on "
    )
    what += str(manifest["created"])
    console = Console()
    console.print(
        f"[green]✓[/] {escape(what)}; {escape(signed)}",
        highlight=False,
        soft_wrap=True,
    )
    if "run_id" in lineage:
        console.print(f"  made by run {lineage['run_id']} of {escape(lineage['pipeline'])}", highlight=False)
    return 0


def _releases(destination: str | None, signing_key: str | None, trusted_keys: Path | None) -> Releases:
    """The versions of the destination that is meant; keys that are given go before the configuration's."""
    place, key, earlier = _find(destination)
    signer = load_signer(signing_key or key, earlier if trusted_keys is None else str(trusted_keys))
    return Releases(place, signer)


def _find(destination: str | None) -> tuple[Destination, str | None, str | None]:
    """The destination that is meant, and the signing key and the trusted keys of the configuration."""
    if destination is None:
        return Destination(str(newest_pushed("saved_model").parent.parent)), None, None
    if destination.endswith((".yaml", ".yml")):
        from pipeline.config import load_config

        pusher = load_config(destination).pusher
        return Destination(pusher.destination), pusher.signing_key, pusher.trusted_keys
    return Destination(destination), None, None


def _version_rows(events: list[Event]) -> Iterator[dict[str, Any]]:
    """Every number that was ever given, the newest first."""
    state = events[-1].state
    seen: dict[int, Any] = {}
    for event in events:
        seen |= event.state.versions
        if event.event == "start":
            seen.setdefault(event.version, None)
    for version in sorted(seen, reverse=True):
        record = seen[version]
        yield {
            "version": version,
            "state": "unfinished" if record is None else _state_of(version, state),
            "published": None if record is None else record.published.isoformat(),
            "run": None if record is None or record.run is None else record.run.get("run_id"),
            "copy of": None if record is None else record.origin,
        }


def _state_of(version: int, state: State) -> str:
    if version == state.stable:
        return "stable"
    if version == state.canary:
        return "canary"
    if version in state.withdrawn:
        return "withdrawn" if version in state.versions else "withdrawn, deleted"
    return "" if version in state.versions else "deleted"


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "event": event.number,
        "at": event.at.isoformat(),
        "what": event.event,
        "version": event.version,
        "stable": event.state.stable,
        "canary": event.state.canary,
        "message": event.message,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(header_style="dim", box=None)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in ("version", "event", "run") else "left")
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    return table


def _say(place: Destination, before: State, event: Event) -> None:
    state, console = event.state, Console()
    if event.event == "withdraw":
        told = (
            f"the canary, version {event.version}, is withdrawn; version {state.stable} is served as before"
        )
    else:
        copied = state.versions[event.version].origin
        copy = f", a copy of {copied}," if copied is not None and event.version not in before.versions else ""
        told = f"version {event.version}{copy} is served from now on; before, it was {before.stable}"
    console.print(f"[green]✓[/] {told}", highlight=False, soft_wrap=True)
    if state.settings.kserve is not None:
        console.print(
            f"  [green]kubectl apply -f {place}/{INFERENCE_SERVICE}[/]", highlight=False, soft_wrap=True
        )
