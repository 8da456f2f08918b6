"""Rows of the store as records, and the parts of a cache key as they are stored."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pipeline.metadata.records import ArtifactRecord, ArtifactState, ExecutionRecord, State
from pipeline.metadata.tables import artifacts, code_versions, events

__all__ = [
    "CODE",
    "artifact",
    "events_of",
    "execution",
    "insert_code",
    "link",
    "new_id",
    "parts_to_store",
    "with_modules",
]

CODE = "code"
"""The part that is the digest of the code; the parts `code <file>` say what it is made of and are stored apart."""


def artifact(row: Any) -> ArtifactRecord:
    state = ArtifactState(row.state)
    # Up to version 3 of the store the URI was whole; the root that it began with may have been moved since.
    name = "/".join(row.uri.split("/")[-3:])
    return ArtifactRecord(row.id, row.type, name, row.digest, row.refusal, state, row.created_at)


def execution(row: Any) -> ExecutionRecord:
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
        resources=row.resources or {},
    )


def events_of(connection: sa.Connection, execution_id: int, kind: str) -> dict[str, ArtifactRecord]:
    query = (
        sa.select(artifacts, events.c.name)
        .join(events, events.c.artifact_id == artifacts.c.id)
        .where(events.c.execution_id == execution_id, events.c.kind == kind)
    )
    return {row.name: artifact(row) for row in connection.execute(query)}


def parts_to_store(parts: Mapping[str, str]) -> str:
    return json.dumps({name: value for name, value in parts.items() if not _is_module(name)})


def insert_code(connection: sa.Connection, parts: Mapping[str, str]) -> None:
    """Keeps the digests of the source files, unless this version of the code is known."""
    modules = {name: value for name, value in parts.items() if _is_module(name)}
    known = sa.select(code_versions.c.digest).where(code_versions.c.digest == parts.get(CODE))
    if modules and connection.execute(known).first() is None:
        row = code_versions.insert().values(digest=parts[CODE], modules=json.dumps(modules))
        with contextlib.suppress(sa.exc.IntegrityError), connection.begin_nested():  # another run was faster
            connection.execute(row)


def with_modules(connection: sa.Connection, parts: Mapping[str, str]) -> dict[str, str]:
    """The parts with those of the source files, where they were kept."""
    query = sa.select(code_versions.c.modules).where(code_versions.c.digest == parts.get(CODE))
    found = connection.execute(query).scalar()
    return {**parts, **json.loads(found or "{}")}


def _is_module(name: str) -> bool:
    return name.startswith(f"{CODE} ")


def link(
    connection: sa.Connection, execution_id: int, kind: str, records: Mapping[str, ArtifactRecord]
) -> None:
    rows: Sequence[dict[str, object]] = [
        {"execution_id": execution_id, "artifact_id": record.id, "kind": kind, "name": name}
        for name, record in records.items()
    ]
    if rows:
        connection.execute(events.insert(), rows)


def new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])
