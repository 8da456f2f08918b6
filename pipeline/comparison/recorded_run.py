"""A run as its metadata store and its artifacts tell of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from components.core import artifacts
from components.core.artifacts import Artifact
from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage, storage_of
from pipeline.metadata.history import History
from pipeline.metadata.location import has_store, open_store

__all__ = ["RecordedRun", "find_run"]

A = TypeVar("A", bound=Artifact)

_SEPARATOR = ":"


@dataclass(frozen=True)
class RecordedRun:
    """What a run left.

    Attributes:
        root: name of the pipeline root.
        number: of the run in it.
        pipeline: the pipeline's name.
        state: `COMPLETE`, `REFUSED` …
        started_at: ISO 8601, UTC.
        config: the whole configuration, as JSON values.
        outputs: the artifacts by type.
        digests: of the artifacts' content, by type.
    """

    root: str
    number: int
    pipeline: str
    state: str
    started_at: str
    config: Mapping[str, Any]
    outputs: Mapping[type[Artifact], Artifact]
    digests: Mapping[type[Artifact], str]

    def artifact(self, kind: type[A]) -> A | None:
        """The run's artifact of a type; None if it got not so far, or the artifact is no longer there."""
        found = self.outputs.get(kind)
        return found if isinstance(found, kind) and found.path.is_dir() else None

    def require(self, kind: type[A], stage: str) -> A:
        """The run's artifact of a type.

        Raises:
            UserError: the run has none.
        """
        found = self.artifact(kind)
        if found is None:
            raise UserError(
                f"run {self.number} of {self.pipeline} has no {kind.__name__} any more, or ended before {stage}; "
                "`emotion inspect runs` lists the runs"
            )
        return found


def find_run(name: str, root: Path | None) -> RecordedRun:
    """The run of that name.

    Args:
        name: a run's number in `root`, a pipeline root for its newest run that was evaluated, or `ROOT:NUMBER`.
        root: where a number alone is looked for; None if there is no such place.

    Raises:
        UserError: there is no such run.
    """
    if name.isdigit() and root is not None:
        return _read(root, int(name))
    directory, _, number = name.rpartition(_SEPARATOR)
    if directory and number.isdigit() and _is_root(Path(directory)):
        return _read(Path(directory), int(number))
    if not _is_root(Path(name)):
        raise UserError(
            f"{name}: is neither a run's number nor a pipeline root such as runs/starter, nor one of its runs as "
            "runs/starter:3; `emotion inspect runs` lists the runs"
        )
    return _read(Path(name), None)


def _is_root(path: Path) -> bool:
    return has_store(path)


def _read(root: Path, number: int | None) -> RecordedRun:
    """A run, or the newest that was evaluated if no number is given."""
    store = open_store(root)
    try:
        storage = storage_of(root, store)
        runs = [row for row in store.runs(limit=None) if number is None or row["id"] == number]
        found = (_record(root, row, store, storage) for row in runs)
        evaluated = artifacts.ModelEvaluation
        run = next((run for run in found if number is not None or run.artifact(evaluated) is not None), None)
    finally:
        store.close()
    if run is None:
        what = "no run was evaluated yet" if number is None else f"there is no run {number}"
        raise UserError(f"{root}: {what}; `emotion inspect runs` lists them")
    return run


def _record(root: Path, row: Mapping[str, Any], store: History, storage: ArtifactStorage) -> RecordedRun:
    records = [
        record for execution in store.executions(row["id"]) for record in store.outputs(execution.id).values()
    ]
    kinds = {record.type: getattr(artifacts, record.type) for record in records}
    return RecordedRun(
        root=root.resolve().name,
        number=row["id"],
        pipeline=row["pipeline"],
        state=row["state"],
        started_at=row["started_at"],
        config=json.loads(row["config"]),
        outputs={
            kinds[record.type]: kinds[record.type](storage.localize(record.name, record.digest))
            for record in records
        },
        digests={kinds[record.type]: record.digest for record in records},
    )
