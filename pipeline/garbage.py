"""What a pipeline root no longer needs, and its removal.

Needed is what the newest runs read or wrote, and every blessed or pushed model with all that it came from.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from components.core.errors import UserError
from components.core.filesystem import exists, file_sizes, subdirectories
from pipeline.artifact_storage import ArtifactStorage
from pipeline.metadata.records import ArtifactRecord, ArtifactState, ExecutionRecord, State
from pipeline.metadata.store import MetadataStore

__all__ = ["Garbage", "check_idle", "collect_garbage", "find_garbage"]

_BLESSING, _PUSHED = "ModelBlessing", "PushedModel"


@dataclass(frozen=True)
class Garbage:
    """One directory that may go.

    Attributes:
        place: its path or URI.
        why: `artifact`, `unrecorded` (a run was killed between publishing and recording it), `scratch` or `download`.
        size_bytes: of all of its files.
        artifact_id: in the metadata store; None if it has none.
    """

    place: str
    why: str
    size_bytes: int
    artifact_id: int | None = None


def find_garbage(storage: ArtifactStorage, store: MetadataStore, *, keep_runs: int) -> list[Garbage]:
    """What may go, without touching it.

    Args:
        storage: the pipeline root.
        store: what ran there.
        keep_runs: how many of the newest runs keep all of their artifacts.
    """
    history = _History.of(store)
    kept = history.needed(keep_runs)
    found = list(_artifacts(history, kept, storage))
    found += _unrecorded(history, storage)
    found += _scratch(history, storage, keep_runs)
    found += _downloads({history.artifacts[key].digest for key in kept}, storage)
    return found


def collect_garbage(
    garbage: Iterable[Garbage], storage: ArtifactStorage, store: MetadataStore
) -> tuple[Garbage, ...]:
    """Deletes it; call it with the root locked. Returns what could not be deleted.

    Artifacts are marked first: killed in the middle, no run takes half of one from the cache. A run that begins on
    another machine after that does not take them either; one that began before has them unmarked.

    Raises:
        UserError: a run on another machine is at work; nothing was deleted.
    """
    garbage = tuple(garbage)
    live = [
        key
        for key, record in store.find_artifacts(_ids(garbage)).items()
        if record.state is ArtifactState.LIVE
    ]
    store.set_artifact_state(_ids(garbage), ArtifactState.MARKED_FOR_DELETION)
    try:
        check_idle(store)
    except UserError:
        store.set_artifact_state(live, ArtifactState.LIVE)
        raise
    for item in garbage:
        storage.remove(item.place)
    left = tuple(item for item in garbage if exists(item.place))
    store.set_artifact_state(_ids(set(garbage) - set(left)), ArtifactState.DELETED)
    return left


def check_idle(store: MetadataStore) -> None:
    """Sees to it that nobody needs what is about to be deleted.

    Raises:
        UserError: a run on this root is at work, here or on another machine that shares the store.
    """
    run = next(iter(store.runs_elsewhere()), None)
    if run is not None:
        raise UserError(
            f"run {run['id']} is at work on this root at {run['owner']} since {run['started_at']}; wait for its end, "
            f"or, if that machine is gone, say so: `emotion gc --gone {run['id']}`"
        )


def _ids(garbage: Iterable[Garbage]) -> list[int]:
    return [item.artifact_id for item in garbage if item.artifact_id is not None]


@dataclass(frozen=True)
class _History:
    """All that a root's store knows, by id."""

    runs: list[int]
    executions: Mapping[int, ExecutionRecord]
    artifacts: Mapping[int, ArtifactRecord]
    events: list[tuple[int, int, str, str]]

    @classmethod
    def of(cls, store: MetadataStore) -> "_History":
        events = store.all_events()
        return cls(
            [run["id"] for run in store.runs(limit=None)],
            {execution.id: execution for execution in store.all_executions()},
            store.find_artifacts({artifact for _, artifact, _, _ in events}),
            events,
        )

    def needed(self, keep_runs: int) -> set[int]:
        """Ids of artifacts that stay."""
        newest = set(self.runs[:keep_runs])
        blessed = {
            execution
            for execution, artifact, kind, _ in self.events
            if kind == "output" and self._blesses(artifact)
        }
        start = {
            artifact
            for execution, artifact, _, _ in self.events
            if execution in blessed
            or self.executions[execution].run_id in newest
            or self.artifacts[artifact].type == _PUSHED
        }
        return self._with_origins(start)

    def _blesses(self, artifact: int) -> bool:
        record = self.artifacts[artifact]
        return record.type == _BLESSING and record.refusal is None

    def _with_origins(self, artifacts: set[int]) -> set[int]:
        """The artifacts, what they were made of, and what else was made with them (the cache takes a stage whole)."""
        of_execution: dict[int, set[int]] = {}
        made_by: dict[int, int] = {}
        for execution, artifact, kind, _ in self.events:
            of_execution.setdefault(execution, set()).add(artifact)
            if kind == "output" and self.executions[execution].state is State.COMPLETE:
                made_by[artifact] = execution
        found: set[int] = set()
        waiting = list(artifacts)
        while waiting:
            artifact = waiting.pop()
            if artifact not in found:
                found.add(artifact)
                waiting += of_execution.get(made_by.get(artifact, -1), ())
        return found


def _artifacts(history: _History, kept: set[int], storage: ArtifactStorage) -> Iterator[Garbage]:
    for key, record in sorted(history.artifacts.items()):
        if key not in kept and record.state is not ArtifactState.DELETED:
            place = storage.uri(record.name)
            yield Garbage(place, "artifact", _size(place), key)


def _unrecorded(history: _History, storage: ArtifactStorage) -> Iterator[Garbage]:
    recorded = {
        record.name for record in history.artifacts.values() if record.state is not ArtifactState.DELETED
    }
    ended = {
        (execution.stage, str(key))
        for key, execution in history.executions.items()
        if execution.state is not State.RUNNING
    }
    places = {
        (history.executions[key].stage, name) for key, _, kind, name in history.events if kind == "output"
    }
    for stage, name in sorted(places):
        for number in subdirectories(storage.uri(f"{stage}/{name}")):
            artifact = f"{stage}/{name}/{number}"
            # A number that is not known is that of an execution that began meanwhile, on another machine.
            if (stage, number) in ended and artifact not in recorded:
                place = storage.uri(artifact)
                yield Garbage(place, "unrecorded", _size(place))


def _scratch(history: _History, storage: ArtifactStorage, keep_runs: int) -> Iterator[Garbage]:
    """Unfinished work that no run of the newest ones would go on with."""
    newest = set(history.runs[:keep_runs])
    wanted = {
        (execution.stage, execution.fingerprint)
        for execution in history.executions.values()
        if execution.run_id in newest and execution.state in (State.RUNNING, State.FAILED, State.CANCELED)
    }
    for stage in subdirectories(str(storage.scratch_root)):
        for key in subdirectories(str(storage.scratch_root / stage)):
            if (stage, key) not in wanted:
                place = str(storage.scratch_root / stage / key)
                yield Garbage(place, "scratch", _size(place))


def _downloads(kept_digests: set[str], storage: ArtifactStorage) -> Iterator[Garbage]:
    for digest in subdirectories(str(storage.downloads)):
        if digest not in kept_digests:
            place = str(storage.downloads / digest)
            yield Garbage(place, "download", _size(place))


def _size(place: str) -> int:
    return sum(file_sizes(place).values())
