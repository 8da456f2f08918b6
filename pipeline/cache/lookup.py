"""What earlier runs left that a stage can use: a result under its very key, and the baseline that it is judged by."""

from components.core.errors import StorageError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.graph import BlessedBefore, LatestBlessed, Node
from pipeline.metadata.history import History
from pipeline.metadata.records import ArtifactRecord, ArtifactState, ExecutionRecord

__all__ = ["find_baseline", "find_cached", "is_intact"]


def find_cached(node: Node, key: str, storage: ArtifactStorage, store: History) -> ExecutionRecord | None:
    """The newest execution with that key whose outputs are all as they were published."""
    for execution in store.find_complete(node.name, key):
        records = store.outputs(execution.id)
        if all(is_intact(node, name, record, storage) for name, record in records.items()):
            return execution
    return None


def is_intact(node: Node, name: str, record: ArtifactRecord, storage: ArtifactStorage) -> bool:
    """Whether an output of the stage is as it was published, and what it stands for is still there."""
    if record.state is not ArtifactState.LIVE or not storage.is_intact(record.name, record.digest):
        return False
    try:
        path = storage.localize(record.name, record.digest)
    except StorageError:
        return False
    return node.component.spec.outputs[name](path).is_intact()


def find_baseline(
    source: LatestBlessed, candidate: ArtifactRecord, storage: ArtifactStorage, store: History
) -> ArtifactRecord | None:
    """The newest blessed artifact that is no twin of the candidate and is still there."""
    found = store.blessed(
        artifact_type=source.type.__name__,
        blessing_type=source.blessing.__name__,
        other_than=candidate.digest,
        not_from=candidate.digest if isinstance(source, BlessedBefore) else "",
    )
    return next((record for record in found if storage.is_intact(record.name, record.digest)), None)
