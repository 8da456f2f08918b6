"""What ran, with what, and what came of it: executions, artifacts and the events that join them.

The concepts are those of ML Metadata (run = context, execution, artifact, input and output events).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pipeline.metadata import rows
from pipeline.metadata.history import History, chunks
from pipeline.metadata.records import ArtifactRecord, ArtifactState, ExecutionRecord, State
from pipeline.metadata.tables import artifacts, executions, runs

if TYPE_CHECKING:
    from components.core.component import Summary

__all__ = ["MetadataStore"]


class MetadataStore(History):
    """The store of one pipeline root, in a database of its own or in one that is shared with other roots."""

    def start_run(self, pipeline: str, config: str) -> int:
        """Records a run and returns its id; what an earlier, killed run of this owner left RUNNING becomes FAILED."""
        with self._database.writing() as connection:
            self._end_interrupted(connection)
            row = runs.insert().values(
                pipeline=pipeline,
                state=State.RUNNING,
                config=config,
                started_at=_now(),
                root=self._root,
                owner=self._owner,
            )
            return rows.new_id(connection.execute(row))

    def finish_run(self, run_id: int, state: State) -> None:
        with self._database.writing() as connection:
            change = runs.update().where(runs.c.id == run_id).values(state=state, finished_at=_now())
            connection.execute(change)

    def end_run(self, run_id: int) -> None:
        """Records that a run came to no end, since the machine is gone on which it was at work."""
        with self._database.writing() as connection:
            _end(connection, run_id)

    def start_execution(
        self,
        run_id: int,
        stage: str,
        fingerprint: str,
        parts: Mapping[str, str],
        inputs: Mapping[str, ArtifactRecord],
    ) -> int:
        """Records that a stage begins, with its cache key and inputs, and returns the execution's id."""
        with self._database.writing() as connection:
            rows.insert_code(connection, parts)
            row = executions.insert().values(
                run_id=run_id,
                stage=stage,
                state=State.RUNNING,
                fingerprint=fingerprint,
                fingerprint_parts=rows.parts_to_store(parts),
                started_at=_now(),
            )
            execution_id = rows.new_id(connection.execute(row))
            rows.link(connection, execution_id, "input", inputs)
            return execution_id

    def complete_execution(
        self,
        execution_id: int,
        *,
        outputs: Mapping[str, tuple[str, str, str, str | None]],
        summary: "Summary",
        seconds: float,
        peak_memory_mib: float,
        resources: Mapping[str, float] | None = None,
    ) -> dict[str, ArtifactRecord]:
        """Makes published outputs visible, all at once.

        Args:
            execution_id: as `start_execution` returned it.
            outputs: by name: artifact type, name of the artifact, digest, refusal.
            summary: what the stage told.
            seconds: wall time.
            peak_memory_mib: peak resident memory of its process, MiB.
            resources: what else it took, by names that say the unit.
        """
        with self._database.writing() as connection:
            records = {}
            for output, (kind, name, digest, refusal) in outputs.items():
                row = artifacts.insert().values(
                    type=kind, uri=name, digest=digest, refusal=refusal, created_at=_now()
                )
                key = rows.new_id(connection.execute(row))
                records[output] = ArtifactRecord(key, kind, name, digest, refusal)
            rows.link(connection, execution_id, "output", records)
            connection.execute(
                executions.update()
                .where(executions.c.id == execution_id)
                .values(
                    state=State.COMPLETE,
                    summary=json.dumps(dict(summary)),
                    seconds=seconds,
                    peak_memory_mib=peak_memory_mib,
                    resources=dict(resources or {}),
                )
            )
            return records

    def record_cached(
        self, run_id: int, original: ExecutionRecord, inputs: Mapping[str, ArtifactRecord]
    ) -> None:
        """Records that a stage was skipped since `original` did the same work."""
        with self._database.writing() as connection:
            row = executions.insert().values(
                run_id=run_id,
                stage=original.stage,
                state=State.CACHED,
                fingerprint=original.fingerprint,
                fingerprint_parts=rows.parts_to_store(original.fingerprint_parts),
                started_at=_now(),
                seconds=0.0,
                summary=json.dumps(dict(original.summary)),
            )
            execution_id = rows.new_id(connection.execute(row))
            rows.link(connection, execution_id, "input", inputs)
            rows.link(connection, execution_id, "output", rows.events_of(connection, original.id, "output"))

    def record_unfinished(
        self,
        execution_id: int,
        state: State,
        error: str,
        seconds: float,
        *,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        """Records that an execution failed or was canceled, and what it had taken by then."""
        with self._database.writing() as connection:
            change = (
                executions.update()
                .where(executions.c.id == execution_id)
                .values(state=state, error=error, seconds=seconds, resources=dict(resources or {}))
            )
            connection.execute(change)

    def record_refused(self, run_id: int, stage: str, reason: str) -> None:
        """Records that a stage was not run because a gate refused it."""
        with self._database.writing() as connection:
            row = executions.insert().values(
                run_id=run_id,
                stage=stage,
                state=State.REFUSED,
                fingerprint="",
                fingerprint_parts="{}",
                started_at=_now(),
                error=reason,
            )
            connection.execute(row)

    def set_artifact_state(self, ids: Iterable[int], state: ArtifactState) -> None:
        """Records what becomes of artifacts, all at once."""
        with self._database.writing() as connection:
            for some in chunks(ids):
                connection.execute(artifacts.update().where(artifacts.c.id.in_(some)).values(state=state))

    def _end_interrupted(self, connection: sa.Connection) -> None:
        query = sa.select(runs.c.id).where(
            runs.c.state == State.RUNNING, runs.c.root == self._root, runs.c.owner == self._owner
        )
        # Two statements: with a subquery, MySQL locks rows of other owners and two runs that begin at once deadlock.
        for run_id in connection.execute(query).scalars().all():
            _end(connection, run_id)


def _end(connection: sa.Connection, run_id: int) -> None:
    connection.execute(
        executions.update()
        .where(executions.c.run_id == run_id, executions.c.state == State.RUNNING)
        .values(state=State.FAILED, error="interrupted")
    )
    connection.execute(runs.update().where(runs.c.id == run_id).values(state=State.FAILED))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
