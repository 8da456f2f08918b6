"""What a metadata store tells: a run at work, and a person, of what ran before."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.metadata import rows
from pipeline.metadata.database import Database
from pipeline.metadata.records import ArtifactRecord, ArtifactState, ExecutionRecord, State
from pipeline.metadata.tables import artifacts, events, executions, runs, schema_version

__all__ = ["History", "chunks"]


class History:
    """The reading side of the store of one pipeline root."""

    def __init__(self, location: Path | str, *, root: str = "", owner: str = "") -> None:
        """Opens the store; makes or migrates its tables.

        Args:
            location: of a SQLite file, or an SQLAlchemy URL.
            root: the pipeline root, where the database is shared: what ran on another one is not seen.
            owner: the machine and the directory that runs here: only what it left unfinished was interrupted.
        """
        self._database = Database(location)
        self._root, self._owner = root, owner

    @property
    def where(self) -> str:
        """The file, or the URL without its password, for messages."""
        return self._database.where

    @property
    def url(self) -> str:
        """The URL without its password."""
        return self._database.url

    @property
    def name(self) -> str:
        """What tells this store from every other one, wherever it is and whatever its URL."""
        with self._database.reading() as connection:
            return str(connection.execute(sa.select(schema_version.c.store)).scalar_one())

    @property
    def root(self) -> str:
        """The pipeline root, by which a shared database tells its own apart; empty in a store of one root."""
        return self._root

    @property
    def owner(self) -> str:
        """The machine and the directory that run here; empty in a store of one root."""
        return self._owner

    def close(self) -> None:
        self._database.close()

    def find_complete(self, stage: str, fingerprint: str) -> list[ExecutionRecord]:
        """Complete executions of the stage with that cache key, newest first."""
        query = self._executions().where(
            executions.c.stage == stage,
            executions.c.fingerprint == fingerprint,
            executions.c.state == State.COMPLETE,
        )
        with self._database.reading() as connection:
            return [rows.execution(row) for row in connection.execute(query)]

    def last_complete(self, stage: str) -> ExecutionRecord | None:
        """The newest complete execution of the stage, whatever its cache key."""
        return self._newest(stage, State.COMPLETE)

    def last_used(self, stage: str) -> ExecutionRecord | None:
        """The newest execution of the stage that had a result, its own or a cached one."""
        return self._newest(stage, State.COMPLETE, State.CACHED)

    def running_executions(self) -> list[ExecutionRecord]:
        """What this owner has at work now, or had when its run was killed."""
        query = self._executions().where(executions.c.state == State.RUNNING, runs.c.owner == self._owner)
        with self._database.reading() as connection:
            return [rows.execution(row) for row in connection.execute(query)]

    def outputs(self, execution_id: int) -> dict[str, ArtifactRecord]:
        with self._database.reading() as connection:
            return rows.events_of(connection, execution_id, "output")

    def inputs(self, execution_id: int) -> dict[str, ArtifactRecord]:
        with self._database.reading() as connection:
            return rows.events_of(connection, execution_id, "input")

    def latest_blessed(
        self, *, artifact_type: str, blessing_type: str, other_than: str, not_from: str = ""
    ) -> ArtifactRecord | None:
        """The newest artifact that was an input of an execution whose blessing did not refuse it."""
        return next(
            self.blessed(
                artifact_type=artifact_type,
                blessing_type=blessing_type,
                other_than=other_than,
                not_from=not_from,
            ),
            None,
        )

    def blessed(
        self, *, artifact_type: str, blessing_type: str, other_than: str, not_from: str = ""
    ) -> Iterator[ArtifactRecord]:
        """Artifacts that were inputs of executions whose blessing did not refuse them, newest first.

        Args:
            artifact_type: `Model`.
            blessing_type: `ModelBlessing`.
            other_than: digest of the candidate, which is never its own baseline.
            not_from: digest of data; what was made from them is passed over.
        """
        given, asked, made, read = (events.alias() for _ in range(4))
        blessing, data = artifacts.alias(), artifacts.alias()
        made_from = (
            sa.select(made.c.artifact_id)
            .join(read, sa.and_(read.c.execution_id == made.c.execution_id, read.c.kind == "input"))
            .join(data, data.c.id == read.c.artifact_id)
            .where(made.c.kind == "output", data.c.digest == not_from)
        )
        query = (
            sa.select(artifacts)
            .join(asked, sa.and_(asked.c.artifact_id == artifacts.c.id, asked.c.kind == "input"))
            .join(given, sa.and_(given.c.execution_id == asked.c.execution_id, given.c.kind == "output"))
            .join(blessing, blessing.c.id == given.c.artifact_id)
            .join(executions, executions.c.id == asked.c.execution_id)
            .join(runs, runs.c.id == executions.c.run_id)
            .where(blessing.c.type == blessing_type, blessing.c.refusal.is_(None), runs.c.root == self._root)
            .where(artifacts.c.type == artifact_type, artifacts.c.digest != other_than)
            .where(artifacts.c.state == ArtifactState.LIVE, artifacts.c.id.not_in(made_from))
            .where(asked.c.name != "baseline", executions.c.state == State.COMPLETE)
            .order_by(asked.c.execution_id.desc())
        )
        with self._database.reading() as connection:
            for row in connection.execute(query):
                yield rows.artifact(row)

    def runs(self, limit: int | None = 20) -> list[dict[str, Any]]:
        """The newest runs: id, pipeline, state, started_at, finished_at, config."""
        query = sa.select(runs).where(runs.c.root == self._root).order_by(runs.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def count_runs(self) -> int:
        """How many runs there were on this root."""
        query = sa.select(sa.func.count()).select_from(runs).where(runs.c.root == self._root)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def run(self, run_id: int) -> dict[str, Any] | None:
        """One run, as `runs` gives it."""
        query = sa.select(runs).where(runs.c.id == run_id, runs.c.root == self._root)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
            return None if row is None else dict(row._mapping)

    def runs_elsewhere(self) -> list[dict[str, Any]]:
        """Runs on this root that are at work on other machines, or were when these were lost, oldest first."""
        at_work = sa.and_(runs.c.state == State.RUNNING, runs.c.owner != self._owner)
        query = sa.select(runs).where(runs.c.root == self._root, at_work).order_by(runs.c.id)
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def executions(self, *run_ids: int) -> list[ExecutionRecord]:
        """The runs' executions in the order in which they began."""
        query = sa.select(executions).where(executions.c.run_id.in_(run_ids)).order_by(executions.c.id)
        with self._database.reading() as connection:
            return [rows.execution(row) for row in connection.execute(query)]

    def outcomes(self, *run_ids: int) -> list[tuple[int, str, str, str | None]]:
        """Run, stage, state and summary (JSON) of the runs' executions in the order in which they began.

        It is all that a list of runs shows, and a tenth of what the store keeps of them.
        """
        wanted = sa.select(executions.c.run_id, executions.c.stage, executions.c.state, executions.c.summary)
        query = wanted.where(executions.c.run_id.in_(run_ids)).order_by(executions.c.id)
        with self._database.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def artifacts(self, artifact_type: str | None = None, limit: int | None = 50) -> list[ArtifactRecord]:
        """The newest artifacts that are still there, of one type or of any."""
        mine = (
            sa.select(events.c.artifact_id)
            .join(executions, executions.c.id == events.c.execution_id)
            .join(runs, runs.c.id == executions.c.run_id)
            .where(events.c.kind == "output", runs.c.root == self._root)
        )
        query = (
            sa.select(artifacts)
            .where(artifacts.c.id.in_(mine), artifacts.c.state == ArtifactState.LIVE)
            .order_by(artifacts.c.id.desc())
            .limit(limit)
        )
        if artifact_type is not None:
            query = query.where(artifacts.c.type == artifact_type)
        with self._database.reading() as connection:
            return [rows.artifact(row) for row in connection.execute(query)]

    def find_artifacts(self, ids: Iterable[int]) -> dict[int, ArtifactRecord]:
        """Artifacts by id, whatever their state."""
        return {
            record.id: record
            for some in chunks(ids)
            for record in self._artifacts_where(artifacts.c.id.in_(some))
        }

    def used_by(self, artifact_id: int) -> list[tuple[ExecutionRecord, str, str]]:
        """Executions that read or gave an artifact, with `input` or `output`, and the name it has there."""
        query = (
            sa.select(executions, events.c.kind, events.c.name)
            .join(events, events.c.execution_id == executions.c.id)
            .where(events.c.artifact_id == artifact_id)
            .order_by(executions.c.id)
        )
        with self._database.reading() as connection:
            return [(rows.execution(row), row.kind, row.name) for row in connection.execute(query)]

    def all_executions(self) -> list[ExecutionRecord]:
        """Every execution of this root, oldest first."""
        with self._database.reading() as connection:
            return [rows.execution(row) for row in connection.execute(self._executions())][::-1]

    def all_events(self) -> list[tuple[int, int, str, str]]:
        """Every event of this root: execution id, artifact id, `input` or `output`, name."""
        query = (
            sa.select(events)
            .join(executions, executions.c.id == events.c.execution_id)
            .join(runs, runs.c.id == executions.c.run_id)
            .where(runs.c.root == self._root)
            .order_by(events.c.execution_id, events.c.name)
        )
        with self._database.reading() as connection:
            return [
                (row.execution_id, row.artifact_id, row.kind, row.name) for row in connection.execute(query)
            ]

    def _executions(self) -> sa.Select[Any]:
        """Executions of this root, newest first."""
        joined = sa.select(executions).join(runs, runs.c.id == executions.c.run_id)
        return joined.where(runs.c.root == self._root).order_by(executions.c.id.desc())

    def _newest(self, stage: str, *states: State) -> ExecutionRecord | None:
        query = self._executions().where(executions.c.stage == stage, executions.c.state.in_(states)).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            found = rows.execution(row)
            parts = rows.with_modules(connection, found.fingerprint_parts)
            return dataclasses.replace(found, fingerprint_parts=parts)

    def _artifacts_where(self, condition: sa.ColumnElement[bool]) -> list[ArtifactRecord]:
        query = sa.select(artifacts).where(condition).order_by(artifacts.c.id.desc())
        with self._database.reading() as connection:
            return [rows.artifact(row) for row in connection.execute(query)]


def chunks(ids: Iterable[int], size: int = 500) -> Iterator[Sequence[int]]:
    """Databases take no list of any length."""
    waiting = list(ids)
    for start in range(0, len(waiting), size):
        yield waiting[start : start + size]
