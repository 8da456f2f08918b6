"""What ran, with what, and what came of it: executions, artifacts and the events that join them.

The concepts are those of ML Metadata (run = context, execution, artifact, input and output events), the store is a
SQLite file next to the artifacts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from components.core.component import Summary

__all__ = ["ArtifactRecord", "ExecutionRecord", "MetadataStore", "State"]


class State(StrEnum):
    """State of a run or of an execution."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    CACHED = "CACHED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


_tables = sa.MetaData()

_runs = sa.Table(
    "runs",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("pipeline", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("config", sa.Text, nullable=False),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("finished_at", sa.String),
    sqlite_autoincrement=True,
)

_executions = sa.Table(
    "executions",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("stage", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False, index=True),
    sa.Column("fingerprint_parts", sa.Text, nullable=False),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("peak_memory_mib", sa.Float),
    sa.Column("summary", sa.Text),
    sa.Column("error", sa.Text),
    sqlite_autoincrement=True,
)

_artifacts = sa.Table(
    "artifacts",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("type", sa.String, nullable=False, index=True),
    sa.Column("uri", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("refusal", sa.Text),
    sa.Column("created_at", sa.String, nullable=False),
    sqlite_autoincrement=True,
)

_events = sa.Table(
    "events",
    _tables,
    sa.Column("execution_id", sa.ForeignKey("executions.id"), primary_key=True),
    sa.Column("artifact_id", sa.ForeignKey("artifacts.id"), primary_key=True, index=True),
    sa.Column("kind", sa.String, primary_key=True),  # "input" or "output"
    sa.Column("name", sa.String, primary_key=True),
)


@dataclass(frozen=True)
class ArtifactRecord:
    """A published artifact: where it is, the SHA-256 of its content, and why it refuses what it gates (or None)."""

    id: int
    type: str
    uri: str
    digest: str
    refusal: str | None


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution of one stage; times in seconds, memory in MiB (peak of the process so far)."""

    id: int
    run_id: int
    stage: str
    state: State
    fingerprint: str
    fingerprint_parts: Mapping[str, str]
    started_at: str
    seconds: float | None
    peak_memory_mib: float | None
    summary: Summary
    error: str | None


class MetadataStore:
    """The store of one pipeline root; create it with the path of its SQLite file or an SQLAlchemy URL."""

    def __init__(self, location: Path | str) -> None:
        url = f"sqlite:///{location}" if isinstance(location, Path) else location
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _use_wal)
        _tables.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def start_run(self, pipeline: str, config: str) -> int:
        """Records a run and returns its id; what an earlier, killed run left RUNNING becomes FAILED."""
        with self._engine.begin() as connection:
            interrupted = {"state": State.FAILED}
            connection.execute(
                _executions.update()
                .where(_executions.c.state == State.RUNNING)
                .values(**interrupted, error="interrupted")
            )
            connection.execute(_runs.update().where(_runs.c.state == State.RUNNING).values(**interrupted))
            row = _runs.insert().values(
                pipeline=pipeline, state=State.RUNNING, config=config, started_at=_now()
            )
            return _new_id(connection.execute(row))

    def finish_run(self, run_id: int, state: State) -> None:
        with self._engine.begin() as connection:
            change = _runs.update().where(_runs.c.id == run_id).values(state=state, finished_at=_now())
            connection.execute(change)

    def start_execution(
        self,
        run_id: int,
        stage: str,
        fingerprint: str,
        parts: Mapping[str, str],
        inputs: Mapping[str, ArtifactRecord],
    ) -> int:
        """Records that a stage begins, with its cache key and inputs, and returns the execution's id."""
        with self._engine.begin() as connection:
            row = _executions.insert().values(
                run_id=run_id,
                stage=stage,
                state=State.RUNNING,
                fingerprint=fingerprint,
                fingerprint_parts=json.dumps(parts),
                started_at=_now(),
            )
            execution_id = _new_id(connection.execute(row))
            _link(connection, execution_id, "input", inputs)
            return execution_id

    def complete_execution(
        self,
        execution_id: int,
        *,
        outputs: Mapping[str, tuple[str, str, str, str | None]],
        summary: Summary,
        seconds: float,
        peak_memory_mib: float,
    ) -> dict[str, ArtifactRecord]:
        """Makes published outputs visible, all at once.

        Args:
            execution_id: as `start_execution` returned it.
            outputs: by name: artifact type, URI, digest, refusal.
            summary: what the stage told.
            seconds: wall time.
            peak_memory_mib: peak resident memory of the process so far, MiB.
        """
        with self._engine.begin() as connection:
            records = {}
            for name, (kind, uri, digest, refusal) in outputs.items():
                row = _artifacts.insert().values(
                    type=kind, uri=uri, digest=digest, refusal=refusal, created_at=_now()
                )
                records[name] = ArtifactRecord(_new_id(connection.execute(row)), kind, uri, digest, refusal)
            _link(connection, execution_id, "output", records)
            connection.execute(
                _executions.update()
                .where(_executions.c.id == execution_id)
                .values(
                    state=State.COMPLETE,
                    summary=json.dumps(dict(summary)),
                    seconds=seconds,
                    peak_memory_mib=peak_memory_mib,
                )
            )
            return records

    def record_cached(
        self, run_id: int, original: ExecutionRecord, inputs: Mapping[str, ArtifactRecord]
    ) -> None:
        """Records that a stage was skipped since `original` did the same work."""
        with self._engine.begin() as connection:
            row = _executions.insert().values(
                run_id=run_id,
                stage=original.stage,
                state=State.CACHED,
                fingerprint=original.fingerprint,
                fingerprint_parts=json.dumps(dict(original.fingerprint_parts)),
                started_at=_now(),
                seconds=0.0,
                summary=json.dumps(dict(original.summary)),
            )
            execution_id = _new_id(connection.execute(row))
            _link(connection, execution_id, "input", inputs)
            outputs = self._events(connection, original.id, "output")
            _link(connection, execution_id, "output", outputs)

    def record_unfinished(self, execution_id: int, state: State, error: str, seconds: float) -> None:
        """Records that an execution failed or was canceled."""
        with self._engine.begin() as connection:
            change = (
                _executions.update()
                .where(_executions.c.id == execution_id)
                .values(state=state, error=error, seconds=seconds)
            )
            connection.execute(change)

    def record_refused(self, run_id: int, stage: str, reason: str) -> None:
        """Records that a stage was not run because a gate refused it."""
        with self._engine.begin() as connection:
            row = _executions.insert().values(
                run_id=run_id,
                stage=stage,
                state=State.REFUSED,
                fingerprint="",
                fingerprint_parts="{}",
                started_at=_now(),
                error=reason,
            )
            connection.execute(row)

    def find_complete(self, stage: str, fingerprint: str) -> list[ExecutionRecord]:
        """Complete executions of the stage with that cache key, newest first."""
        query = (
            sa.select(_executions)
            .where(_executions.c.stage == stage, _executions.c.fingerprint == fingerprint)
            .where(_executions.c.state == State.COMPLETE)
            .order_by(_executions.c.id.desc())
        )
        with self._engine.connect() as connection:
            return [_execution(row) for row in connection.execute(query)]

    def last_complete(self, stage: str) -> ExecutionRecord | None:
        """The newest complete execution of the stage, whatever its cache key."""
        query = (
            sa.select(_executions)
            .where(_executions.c.stage == stage, _executions.c.state == State.COMPLETE)
            .order_by(_executions.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
            return None if row is None else _execution(row)

    def outputs(self, execution_id: int) -> dict[str, ArtifactRecord]:
        with self._engine.connect() as connection:
            return self._events(connection, execution_id, "output")

    def inputs(self, execution_id: int) -> dict[str, ArtifactRecord]:
        with self._engine.connect() as connection:
            return self._events(connection, execution_id, "input")

    def latest_blessed(
        self, *, artifact_type: str, blessing_type: str, other_than: str, not_from: str = ""
    ) -> ArtifactRecord | None:
        """The newest artifact that was an input of an execution whose blessing did not refuse it.

        Args:
            artifact_type: `Model`.
            blessing_type: `ModelBlessing`.
            other_than: digest of the candidate, which is never its own baseline.
            not_from: digest of data; what was made from them is passed over.
        """
        given, asked, made, read = (_events.alias() for _ in range(4))
        data = _artifacts.alias()
        made_from = (
            sa.select(made.c.artifact_id)
            .join(read, sa.and_(read.c.execution_id == made.c.execution_id, read.c.kind == "input"))
            .join(data, data.c.id == read.c.artifact_id)
            .where(made.c.kind == "output", data.c.digest == not_from)
        )
        blessing = _artifacts.alias()
        query = (
            sa.select(_artifacts)
            .join(asked, sa.and_(asked.c.artifact_id == _artifacts.c.id, asked.c.kind == "input"))
            .join(given, sa.and_(given.c.execution_id == asked.c.execution_id, given.c.kind == "output"))
            .join(blessing, blessing.c.id == given.c.artifact_id)
            .join(_executions, _executions.c.id == asked.c.execution_id)
            .where(blessing.c.type == blessing_type, blessing.c.refusal.is_(None))
            .where(_artifacts.c.type == artifact_type, _artifacts.c.digest != other_than)
            .where(_artifacts.c.id.not_in(made_from))
            .where(asked.c.name != "baseline", _executions.c.state == State.COMPLETE)
            .order_by(asked.c.execution_id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
            return None if row is None else _artifact(row)

    def runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """The newest runs: id, pipeline, state, started_at, finished_at, config."""
        query = sa.select(_runs).order_by(_runs.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def executions(self, run_id: int) -> list[ExecutionRecord]:
        """The run's executions in the order in which they began."""
        query = sa.select(_executions).where(_executions.c.run_id == run_id).order_by(_executions.c.id)
        with self._engine.connect() as connection:
            return [_execution(row) for row in connection.execute(query)]

    def artifacts(self, artifact_type: str | None = None, limit: int = 50) -> list[ArtifactRecord]:
        """The newest artifacts, of one type or of any."""
        query = sa.select(_artifacts).order_by(_artifacts.c.id.desc()).limit(limit)
        if artifact_type is not None:
            query = query.where(_artifacts.c.type == artifact_type)
        with self._engine.connect() as connection:
            return [_artifact(row) for row in connection.execute(query)]

    @staticmethod
    def _events(connection: sa.Connection, execution_id: int, kind: str) -> dict[str, ArtifactRecord]:
        query = (
            sa.select(_artifacts, _events.c.name)
            .join(_events, _events.c.artifact_id == _artifacts.c.id)
            .where(_events.c.execution_id == execution_id, _events.c.kind == kind)
        )
        return {row.name: _artifact(row) for row in connection.execute(query)}


def _link(
    connection: sa.Connection, execution_id: int, kind: str, records: Mapping[str, ArtifactRecord]
) -> None:
    rows: Sequence[dict[str, object]] = [
        {"execution_id": execution_id, "artifact_id": record.id, "kind": kind, "name": name}
        for name, record in records.items()
    ]
    if rows:
        connection.execute(_events.insert(), rows)


def _new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _artifact(row: Any) -> ArtifactRecord:
    return ArtifactRecord(row.id, row.type, row.uri, row.digest, row.refusal)


def _execution(row: Any) -> ExecutionRecord:
    return ExecutionRecord(
        id=row.id,
        run_id=row.run_id,
        stage=row.stage,
        state=State(row.state),
        fingerprint=row.fingerprint,
        fingerprint_parts=json.loads(row.fingerprint_parts),
        started_at=row.started_at,
        seconds=row.seconds,
        peak_memory_mib=row.peak_memory_mib,
        summary=json.loads(row.summary or "{}"),
        error=row.error,
    )


def _use_wal(connection: Any, _record: Any) -> None:
    """Write-ahead logging lets `inspect` read while a run writes; FULL keeps a commit through a power loss."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
