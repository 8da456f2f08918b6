from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.artifact_storage import ArtifactStorage
from pipeline.graph import Graph
from pipeline.local_runner import SILENT, LocalRunner, RunObserver, RunResult
from pipeline.metadata.records import ExecutionRecord
from pipeline.metadata.store import MetadataStore
from pipeline.running.runner_config import RunnerConfig


class Root:
    """A pipeline root for graphs of light stages."""

    def __init__(self, directory: Path) -> None:
        self.storage = ArtifactStorage(str(directory))
        self.storage.prepare()
        self.store = MetadataStore(self.storage.metadata_path)

    def run(self, graph: Graph, observer: RunObserver = SILENT, **settings: object) -> RunResult:
        runner = LocalRunner(self.storage, self.store, settings=RunnerConfig(**settings))
        return runner.run(graph, pipeline="light", config="{}", observer=observer)

    def executions(self) -> list[ExecutionRecord]:
        """Of the newest run."""
        return self.store.executions(self.store.runs()[0]["id"])

    def published(self) -> set[str]:
        root = Path(self.storage.root)
        return {path.relative_to(root).as_posix() for path in root.glob("stage_*/*/*")}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path / "root")
    yield root
    root.store.close()
