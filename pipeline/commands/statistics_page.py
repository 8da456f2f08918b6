"""`emotion inspect statistics`: the page about the data of the newest run that has any, written anew."""

import json
from pathlib import Path
from typing import Any

from components.core import artifacts
from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage, storage_of
from pipeline.config import parse_config
from pipeline.local_runner import RunResult, StageResult
from pipeline.metadata.history import History
from pipeline.metadata.location import open_store
from pipeline.metadata.records import State

__all__ = ["write_statistics_page"]


def write_statistics_page(root: Path) -> Path:
    """Writes `statistics.html` from what the store knows, as the run itself did, and returns where it is.

    Raises:
        UserError: no run of this root got as far as StatisticsGen.
    """
    from pipeline.report import collect_report, render_statistics

    store = open_store(root)
    try:
        storage = storage_of(root, store)
        for run in store.runs():
            record = collect_report(_result(run, store, storage), parse_config(json.loads(run["config"])))
            if record.statistics is not None:
                path = storage.report_dir(run["id"]) / "statistics.html"
                write_atomic(path, render_statistics(record))
                return path
    finally:
        store.close()
    raise UserError(f"{root}: no run has statistics yet; run `emotion run CONFIG --to statistics_gen` first")


def _result(run: dict[str, Any], store: History, storage: ArtifactStorage) -> RunResult:
    """The run as its runner told it."""
    stages = {
        execution.stage: StageResult(
            execution.stage,
            execution.state,
            execution.summary,
            {
                name: getattr(artifacts, record.type)(storage.localize(record.name, record.digest))
                for name, record in store.outputs(execution.id).items()
            },
            execution.seconds or 0.0,
            execution.peak_memory_mib,
            execution.error or "",
        )
        for execution in store.executions(run["id"])
    }
    return RunResult(run["id"], State(run["state"]), stages)
