"""The executions that led to an artifact or belong to a run, read from the metadata store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.metadata.history import History
from pipeline.metadata.records import ArtifactRecord, ExecutionRecord, State

__all__ = ["Ancestry", "Origin", "Step", "find_ancestry", "find_record"]


@dataclass(frozen=True)
class Origin:
    """Something outside the pipeline that a stage read.

    Attributes:
        kind: `file` (also a directory), `source` (such as a table) or `encoder`.
        name: path, or what it is called.
        version: SHA-256 of a file's content, the version of a source, empty for an encoder.
    """

    kind: str
    name: str
    version: str


@dataclass(frozen=True)
class Step:
    """An execution with the artifacts that it read and gave, by the names it has for them."""

    execution: ExecutionRecord
    reads: Mapping[str, ArtifactRecord]
    gives: Mapping[str, ArtifactRecord]

    @property
    def settings(self) -> dict[str, Any]:
        """The stage's configuration."""
        return {name: json.loads(value) for name, value in self._parts("config").items()}

    @property
    def packages(self) -> dict[str, str]:
        """Versions of the packages that can change what the stage gives."""
        found = json.loads(self.execution.fingerprint_parts.get("packages", "{}"))
        return {name: version for name, version in found.items() if version != "absent"}

    @property
    def code(self) -> str:
        """SHA-256 of the stage's source and of what it imports; empty if it was not run."""
        return self.execution.fingerprint_parts.get("code", "")

    @property
    def origins(self) -> tuple[Origin, ...]:
        encoder, places = self.settings.get("encoder"), self._parts("place")
        found = [
            Origin(kind, places.get(name, name), version)
            for kind in ("file", "source")
            for name, version in self._parts(kind).items()
        ]
        return (*found, *([Origin("encoder", encoder, "")] if isinstance(encoder, str) else []))

    def _parts(self, kind: str) -> dict[str, str]:
        prefix = f"{kind} "
        parts = self.execution.fingerprint_parts
        return {name.removeprefix(prefix): value for name, value in parts.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Ancestry:
    """What led to something.

    Attributes:
        subject: what is asked for: an artifact's name, a file, or `run 3`.
        of: the artifact; None for a run.
        run: the run with its configuration, as `History.runs` gives it; that of the artifact's maker.
        storage: the pipeline root.
        steps: the executions, makers before those that read from them.
    """

    subject: str
    of: ArtifactRecord | None
    run: Mapping[str, Any]
    storage: ArtifactStorage
    steps: Sequence[Step]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "subject": self.subject,
            "pipeline": self.run["pipeline"],
            "artifact": None if self.of is None else _artifact(self.of, self.storage),
            "stages": [_step(step, self.storage) for step in self.steps],
        }


def find_ancestry(name: str | None, store: History, storage: ArtifactStorage) -> Ancestry:
    """What led to a run (its number; the newest if None), an artifact (`trainer/model/6`) or a file of one.

    Raises:
        UserError: nothing is called that.
    """
    if name is None or name.isdecimal():
        return _of_run(name, store, storage)
    record = find_record(name, store, storage)
    made = _maker(record.id, store)
    run = store.run(made.run_id) if made is not None else None
    if made is None or run is None:
        raise UserError(f"{name}: the store knows no execution that made it")
    return Ancestry(name, record, run, storage, _steps([record.id], [], store))


def find_record(name: str, store: History, storage: ArtifactStorage) -> ArtifactRecord:
    """The artifact of that name, in that directory, or that a pushed file belongs to.

    Raises:
        UserError: there is none.
    """
    if name.isdecimal():
        found = store.find_artifacts([int(name)]).get(int(name))
        if found is not None:
            return found
    known = store.artifacts(limit=None)
    path = Path(name).resolve()
    for record in known:
        if record.name == name.strip("/") or Path(storage.uri(record.name)) in (path, *path.parents):
            return record
    for record in known:
        if record.type == "PushedModel" and _pushed(Path(storage.uri(record.name)), path):
            return record
    raise UserError(
        f"{name}: is no artifact that {storage.work_dir} knows; `emotion inspect artifacts` lists them, "
        "such as trainer/model/6, and a file below models/ that was pushed is one, too"
    )


def _pushed(artifact: Path, path: Path) -> bool:
    document = artifact / "pushed.json"
    if not document.is_file():
        return False
    places = json.loads(document.read_text(encoding="utf-8"))
    return any(
        Path(place) in (path, *path.parents)
        for place in places.values()
        if isinstance(place, str) and place != places.get("destination")
    )


def _of_run(name: str | None, store: History, storage: ArtifactStorage) -> Ancestry:
    newest = store.runs(limit=1)
    run = store.run(int(name)) if name is not None else next(iter(newest), None)
    if run is None:
        raise UserError(f"there is no run {name or 'yet'}; `emotion inspect runs` lists them")
    executions = store.executions(run["id"])
    made = [record.id for execution in executions for record in store.outputs(execution.id).values()]
    return Ancestry(f"run {run['id']}", None, run, storage, _steps(made, executions, store))


def _steps(waiting: list[int], executions: Sequence[ExecutionRecord], store: History) -> list[Step]:
    """The makers of the artifacts and of all that they read, and executions that made nothing."""
    found = {
        execution.id: execution
        for execution in executions
        if execution.state not in (State.COMPLETE, State.CACHED)
    }
    seen: set[int] = set()
    while waiting:
        artifact = waiting.pop()
        maker = _maker(artifact, store) if artifact not in seen else None
        seen.add(artifact)
        if maker is not None and maker.id not in found:
            found[maker.id] = maker
            waiting += [record.id for record in store.inputs(maker.id).values()]
    return [Step(found[key], store.inputs(key), store.outputs(key)) for key in sorted(found)]


def _maker(artifact: int, store: History) -> ExecutionRecord | None:
    """The execution that really made the artifact, not one that took it from the cache."""
    makers = [
        execution
        for execution, kind, _ in store.used_by(artifact)
        if kind == "output" and execution.state is State.COMPLETE
    ]
    return next(iter(makers), None)


def _step(step: Step, storage: ArtifactStorage) -> dict[str, Any]:
    execution = step.execution
    return {
        "stage": execution.stage,
        "run": execution.run_id,
        "execution": execution.id,
        "state": execution.state.value,
        "started_at": execution.started_at,
        "seconds": execution.seconds,
        "resources": dict(execution.resources),
        "summary": dict(execution.summary),
        "error": execution.error,
        "reads": {name: record.name for name, record in step.reads.items()},
        "origins": [
            {"kind": origin.kind, "name": origin.name, "version": origin.version} for origin in step.origins
        ],
        "gives": {name: _artifact(record, storage) for name, record in step.gives.items()},
        "settings": step.settings,
        "code": step.code,
        "packages": step.packages,
    }


def _artifact(record: ArtifactRecord, storage: ArtifactStorage) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "uri": storage.uri(record.name),
        "digest": record.digest,
        "state": record.state.value,
        "refusal": record.refusal,
    }
