"""The former place of `pipeline.metadata`."""

from pipeline.metadata.records import ArtifactRecord, ExecutionRecord, State
from pipeline.metadata.store import MetadataStore

__all__ = ["ArtifactRecord", "ExecutionRecord", "MetadataStore", "State"]
