"""What the metadata store knows, as plain values; imports nothing heavy, so that `emotion inspect` starts at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.core.component import Summary

__all__ = ["ArtifactRecord", "ArtifactState", "ExecutionRecord", "State"]


class State(StrEnum):
    """State of a run or of an execution."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    CACHED = "CACHED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class ArtifactState(StrEnum):
    """State of an artifact, by the names of ML Metadata. It has a row as soon as it is whole, hence no PENDING."""

    LIVE = "LIVE"
    MARKED_FOR_DELETION = "MARKED_FOR_DELETION"
    """`emotion gc` is at it: no run takes it from the cache any more, whatever is left of its files."""
    DELETED = "DELETED"


@dataclass(frozen=True)
class ArtifactRecord:
    """A published artifact: its name, the SHA-256 of its content, and why it refuses what it gates (or None).

    Attributes:
        name: `<stage>/<output>/<execution id>`: what a person calls it, and where it is in its pipeline root,
            wherever that is now.
    """

    id: int
    type: str
    name: str
    digest: str
    refusal: str | None
    state: ArtifactState = ArtifactState.LIVE
    created_at: str = field(default="", compare=False)


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution of one stage.

    Attributes:
        id: unique in the store.
        run_id: of the run that it belongs to.
        stage: its name.
        state: what became of it.
        fingerprint: the cache key, SHA-256 in hex; empty if refused.
        fingerprint_parts: what the key is made of, see `pipeline.cache.key`.
        started_at: ISO 8601, UTC.
        seconds: wall time; None while it runs.
        peak_memory_mib: peak resident memory of its process, MiB; None if cached or unfinished.
        summary: what the stage told.
        error: why it failed or was refused.
        resources: what it took, by names that say the unit (`cpu_seconds`, `peak_memory_mib`).
    """

    id: int
    run_id: int
    stage: str
    state: State
    fingerprint: str
    fingerprint_parts: Mapping[str, str]
    started_at: str
    seconds: float | None
    peak_memory_mib: float | None
    summary: "Summary"
    error: str | None
    resources: Mapping[str, float] = field(default_factory=dict)
