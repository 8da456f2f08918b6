"""What is done with versions: push, promote, roll back. Each is one event of the history, after which servers and apps
are told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.core.errors import StorageError, UserError
from components.publishing.app_update import app_update
from components.publishing.destination import KINDS, Destination
from components.publishing.history import Event, EventKind, State, VersionRecord
from components.publishing.manifests import content_of, digest_of, make_manifest
from components.publishing.settings import PublishingSettings
from components.publishing.signing import Signer
from components.publishing.telling import tell
from serving.public_keys import PublicKeys

__all__ = ["Pushed", "Releases"]


@dataclass(frozen=True)
class Pushed:
    """What became of a push.

    Attributes:
        event: the newest event of the destination.
        version: the version that holds the model; the stable one if it was withdrawn.
        is_new: whether it was published now.
        withdrawn: the version of these very files that was rolled back, so that nothing was published.
    """

    event: Event
    version: int
    is_new: bool
    withdrawn: int | None = None


class Releases:
    """The versions of one destination.

    Args:
        destination: where they are.
        signer: signs what is written; None signs nothing.
        wait: waits so many seconds, for servers to load a version before it gets a label.
    """

    def __init__(
        self,
        destination: Destination,
        signer: Signer | None = None,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.destination = destination
        self._signer = signer
        self._wait = wait

    @property
    def state(self) -> State:
        """How things stand; all empty where nothing was ever pushed."""
        event = self.destination.history.newest()
        return State() if event is None else event.state

    def push(
        self,
        sources: Mapping[str, Path],
        *,
        lineage: Mapping[str, Any],
        settings: PublishingSettings,
        canary: bool = False,
        keep_versions: int | None = None,
    ) -> Pushed:
        """Publishes a model under the next version number, unless it is there already or was rolled back.

        Args:
            sources: directory of each kind.
            lineage: for the manifest.
            settings: for servers and apps; remembered.
            canary: the version is to be tried out beside the stable one, if there is one.
            keep_versions: how many versions to keep; those that are served, tried out or gone back to stay anyhow.

        Raises:
            StorageError: the destination cannot be written; nothing was published.
            UserError: what apps are told again is not signed by a key that is trusted.
        """
        self._check_signer()
        contents = {kind: content_of(sources[kind]) for kind in KINDS}
        digest = digest_of(contents)
        state = self.state
        withdrawn = [version for version, other in state.withdrawn.items() if other == digest]
        standing = self._standing(state, digest)
        if withdrawn and state.stable is not None:
            event = self._settle(settings)
            return Pushed(event, state.stable, is_new=False, withdrawn=max(withdrawn))
        if standing is not None:
            return Pushed(self._settle(settings), standing, is_new=False)
        if canary:
            # Apps are told of the stable version again: whether that can be signed shows before it is too late.
            app_update(self.destination, state, self._keys)
        version = self._publish(sources, contents, lineage=lineage, origin=None)
        record = VersionRecord(digest=digest, published=_now(), run=_run_of(lineage))

        def pushed(state: State, number: int) -> tuple[int, State]:
            state = state.change(settings=settings, key_id=self._key_id or state.key_id)
            state = state.change(versions={**state.versions, version: record})
            # A slower pusher of an older version does not take over from a newer one.
            if version > max(state.stable or 0, state.canary or 0):
                if canary and state.stable is not None:
                    state = state.change(canary=version)
                else:
                    state = state.serve(version, number).change(canary=None)
            return version, self._expire(state, keep_versions)

        event = self._record("push", pushed)
        for old in event.state.expired:
            self.destination.delete(old)
        return Pushed(event, version, is_new=True)

    def promote(self, version: int | None = None, *, message: str = "") -> Event:
        """Serves a version: the canary, or any that is there, one that was rolled back, too.

        Raises:
            UserError: there is no canary, no such version, or it is not signed by a key that is trusted.
        """
        self._check_signer()
        state = self.state
        chosen = state.canary if version is None else version
        if chosen is None:
            raise UserError(f"{self.destination}: has no canary; name a version: {_listed(state)}")
        return self._serve("promote", chosen, message=message, withdraw=())

    def rollback(self, to: int | None = None, *, message: str = "") -> Event:
        """Undoes the last release: drops the canary, if there is one, or serves the previous good version again.

        What was served is withdrawn: it stays there as evidence, and the Pusher does not publish it again.

        Args:
            to: the version to serve, whatever is tried out now.
            message: why, for the history.

        Raises:
            UserError: there is nothing to go back to, it is damaged, or no trusted key has signed it.
        """
        self._check_signer()
        state = self.state
        if to is None and state.canary is not None:
            return self._withdraw_canary(message)
        target = state.previous() if to is None else to
        if target is None or state.stable is None:
            raise UserError(
                f"{self.destination}: there is no earlier good version to go back to: {_listed(state)}"
            )
        return self._serve("rollback", target, message=message, withdraw=(state.stable, state.canary))

    def _serve(
        self, event: EventKind, target: int, *, message: str, withdraw: tuple[int | None, ...]
    ) -> Event:
        state = self.state
        if target not in state.versions:
            raise UserError(f"{self.destination}: has no version {target}: {_listed(state)}")
        served, record = target, state.versions[target]
        with self.destination.fetched(target, self._keys) as (sources, manifests):
            # Servers that take the highest number need one; the others are told which.
            if not state.settings.names_versions and target != self.destination.highest_directory():
                contents = {kind: manifests[kind]["files"] for kind in KINDS}
                lineage = manifests["saved_model"]["lineage"]
                origin = target if record.origin is None else record.origin
                served = self._publish(sources, contents, lineage=lineage, origin=origin)
                record = record.model_copy(update={"origin": origin, "published": _now()})

        def change(state: State, number: int) -> tuple[int, State]:
            withdrawn = {**state.withdrawn}
            for version in withdraw:
                if version is not None and version in state.versions:
                    withdrawn[version] = state.versions[version].digest
            withdrawn = {version: digest for version, digest in withdrawn.items() if digest != record.digest}
            state = state.change(
                key_id=self._key_id or state.key_id,
                versions={**state.versions, served: record},
                canary=None if event == "rollback" or state.canary == target else state.canary,
                withdrawn=withdrawn,
            )
            return served, state.serve(served, number)

        return self._record(event, change, message=message)

    def _withdraw_canary(self, message: str) -> Event:
        def withdraw(state: State, _number: int) -> tuple[int, State]:
            canary = state.canary
            if canary is None:
                raise UserError(
                    f"{self.destination}: the canary is gone meanwhile; look with `emotion versions`"
                )
            digest, stable = state.versions[canary].digest, state.versions.get(state.stable or 0)
            # A canary that holds the stable model, signed anew, takes nothing back.
            is_stable = stable is not None and stable.digest == digest
            gone = state.withdrawn if is_stable else {**state.withdrawn, canary: digest}
            return canary, state.change(canary=None, withdrawn=gone)

        # Apps never heard of it; and a stable version that they cannot be told of must not keep a bad canary there.
        return self._record("withdraw", withdraw, message=message, apps=False)

    def _standing(self, state: State, digest: str) -> int | None:
        """The version that is served or tried out and holds these files, if it can stay what it is."""
        for version in (state.stable, state.canary):
            record = state.versions.get(version) if version is not None else None
            if version is None or record is None or record.digest != digest:
                continue
            return version if self.destination.holds(version) and self._can_stay(state, version) else None
        return None

    def _can_stay(self, state: State, version: int) -> bool:
        """Whether it is signed with the key of now, and apps can be told of the stable version again."""
        try:
            signature = self.destination.manifest("saved_model", version).get("signature") or {}
            app_update(self.destination, state, self._keys)
        except (StorageError, UserError):
            return False
        return self._signer is None or signature.get("key_id") == self._key_id

    def _settle(self, settings: PublishingSettings) -> Event:
        """Tells servers and apps again: the settings may be others, or a push before was cut off."""
        newest = self.destination.history.newest()
        assert newest is not None, "a version stands here, so something happened"
        if newest.state.settings != settings:
            return self._record(
                "settings", lambda state, _number: (state.stable or 0, state.change(settings=settings))
            )
        tell(self.destination, newest.state, self._signer, wait=self._wait)
        return newest

    def _publish(
        self,
        sources: Mapping[str, Path],
        contents: Mapping[str, Mapping[str, Any]],
        *,
        lineage: Mapping[str, Any],
        origin: int | None,
    ) -> int:
        """Takes a number that nobody else gets, and makes the version appear under it."""
        highest = self.destination.highest_directory()

        def claim(state: State, _number: int) -> tuple[int, State]:
            version = 1 + max(state.highest, highest)
            return version, state.change(highest=version)

        version = self.destination.history.append("start", claim).version
        manifests = {
            kind: make_manifest(
                kind,
                version,
                files=contents[kind],
                created=_now(),
                lineage=lineage,
                origin=origin,
                signer=self._signer,
            )
            for kind in KINDS
        }
        self.destination.publish(version, sources, manifests)
        return version

    def _record(self, kind: EventKind, change: Any, *, message: str = "", apps: bool = True) -> Event:
        event = self.destination.history.append(kind, change, message=message)
        tell(self.destination, event.state, self._signer, wait=self._wait, apps=apps)
        return event

    def _expire(self, state: State, keep: int | None) -> State:
        """Takes versions off the list; they are deleted after it is written down, so that nobody goes back to one."""
        gone = [version for version in state.expired if self.destination.has_parts(version)]
        if keep is not None:
            wanted = {state.stable, state.canary, state.previous(), *sorted(state.versions)[-keep:]}
            gone += [version for version in state.versions if version not in wanted]
        kept = {version: record for version, record in state.versions.items() if version not in gone}
        return state.change(versions=kept, expired=tuple(gone))

    def _check_signer(self) -> None:
        """Nothing unsigned follows what was signed: whoever checks signatures would be cut off."""
        known = self.state.key_id
        if known is not None and self._signer is None:
            raise UserError(
                f"{self.destination}: its versions are signed with key {known}; give the key (pusher.signing_key, or "
                "--signing-key)"
            )

    @property
    def _keys(self) -> PublicKeys | None:
        """What must have signed a version before anything of it is signed again."""
        return None if self._signer is None else self._signer.keys

    @property
    def _key_id(self) -> str | None:
        return None if self._signer is None else self._signer.key_id


def _run_of(lineage: Mapping[str, Any]) -> dict[str, Any] | None:
    found = {name: lineage[name] for name in ("pipeline", "run_id") if name in lineage}
    return found or None


def _listed(state: State) -> str:
    names = [
        f"{version}{' (withdrawn)' if version in state.withdrawn else ''}"
        for version in sorted(state.versions)
    ]
    return f"it holds {', '.join(names)}" if names else "nothing was pushed there"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
