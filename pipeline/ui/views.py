"""What the pages show, read from the metadata stores as plain values."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.core.errors import UserError
from components.evaluation.checks.words import METRICS
from pipeline.artifact_storage import ArtifactStorage, storage_of
from pipeline.lineage.ancestry import Ancestry, find_ancestry
from pipeline.metadata.location import has_store, last_used, open_store
from pipeline.metadata.records import ArtifactRecord, ExecutionRecord, State
from pipeline.metadata.store import MetadataStore

__all__ = ["PAGES", "Roots", "lineage_view", "overview", "run_view", "runs_view"]

PAGES: Mapping[str, str] = {
    "report.html": "Report",
    "statistics.html": "Data",
    "MODEL_CARD.md": "Model card",
}
"""What a run leaves for people, by file name."""

_RUNS_SHOWN = 200


@dataclass(frozen=True)
class Roots:
    """The pipeline roots that are shown, each under its name in the address.

    Attributes:
        named: those that were named.
        folder: where others are looked for, anew for every page; None if roots were named.
    """

    named: Sequence[Path]
    folder: Path | None

    def all(self) -> dict[str, Path]:
        """The roots by name, the one that was used last first."""
        found = list(self.named) or [path for path in (self.folder or Path()).glob("*") if has_store(path)]
        by_name: dict[str, Path] = {}
        for path in sorted(filter(has_store, found), key=last_used, reverse=True):
            name, number = path.resolve().name, 2
            while name in by_name:
                name, number = f"{path.resolve().name}-{number}", number + 1
            by_name[name] = path
        return by_name

    def path(self, name: str) -> Path:
        """The root of that name.

        Raises:
            UserError: there is none.
        """
        found = self.all().get(name)
        if found is None:
            raise UserError(f"there is no pipeline root {name}")
        return found


@contextmanager
def _reading(root: Path) -> Iterator[MetadataStore]:
    store = open_store(root)
    try:
        yield store
    finally:
        store.close()


def overview(roots: Roots) -> list[dict[str, Any]]:
    """Of every root: `name`, `path`, `count` of runs, and the newest run as `runs_view` has it, None without one."""
    shown = []
    for name, path in roots.all().items():
        with _reading(path) as store:
            newest = store.runs(limit=1)
            runs = _with_results(store, newest)
            shown.append({"name": name, "path": str(path), "run": runs[0] if runs else None})
    return shown


def runs_view(root: Path) -> list[dict[str, Any]]:
    """The newest runs: `id`, `pipeline`, `state`, `started`, `seconds`, `stages` by state, `results`, `evaluated`."""
    with _reading(root) as store:
        return _with_results(store, store.runs(limit=_RUNS_SHOWN))


def run_view(root: Path, run_id: int) -> dict[str, Any]:
    """One run: as in `runs_view`, with its `executions`, the `pages` that it left, and its `logs` for TensorBoard.

    Raises:
        UserError: there is no such run.
    """
    with _reading(root) as store:
        row = store.run(run_id)
        if row is None:
            raise UserError(f"{root}: there is no run {run_id}; choose one of the list of runs")
        (run,) = _with_results(store, [row])
        storage = storage_of(root, store)
        executions = [_execution(store, storage, execution) for execution in store.executions(run_id)]
    directory = root / "reports" / str(run_id)
    pages = {file: title for file, title in PAGES.items() if (directory / file).is_file()}
    logs = [
        output["uri"]
        for execution in executions
        for output in execution["outputs"]
        if output["type"] in ("Model", "TuningStudy")
    ]
    return {**run, "executions": executions, "pages": pages, "logs": logs}


def lineage_view(root: Path, name: str) -> Ancestry:
    """What led to a run (its number) or an artifact (`trainer/model/6`).

    Raises:
        UserError: nothing is called that.
    """
    with _reading(root) as store:
        return find_ancestry(name, store, storage_of(root, store))


def _execution(store: MetadataStore, storage: ArtifactStorage, execution: ExecutionRecord) -> dict[str, Any]:
    return {
        "stage": execution.stage,
        "state": execution.state,
        "seconds": execution.seconds
        if execution.seconds is not None
        else _since(execution.started_at, None, execution.state),
        "peak_memory_mib": execution.resources.get("peak_memory_mib", execution.peak_memory_mib),
        "summary": dict(execution.summary),
        "error": execution.error,
        "inputs": _artifacts(store.inputs(execution.id), storage),
        "outputs": _artifacts(store.outputs(execution.id), storage),
    }


def _artifacts(records: Mapping[str, ArtifactRecord], storage: ArtifactStorage) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "id": record.id,
            "type": record.type,
            "place": record.name,
            "uri": storage.uri(record.name),
            "digest": record.digest,
            "refusal": record.refusal,
        }
        for name, record in records.items()
    ]


def _with_results(store: MetadataStore, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_run: dict[int, list[ExecutionRecord]] = {row["id"]: [] for row in rows}
    for execution in store.executions(*by_run):
        by_run[execution.run_id].append(execution)
    return [_run(row, by_run[row["id"]]) for row in rows]


def _run(row: Mapping[str, Any], executions: Sequence[ExecutionRecord]) -> dict[str, Any]:
    states = [execution.state for execution in executions]
    summaries = {execution.stage: execution.summary for execution in executions if execution.summary}
    return {
        "id": row["id"],
        "pipeline": row["pipeline"],
        "state": row["state"],
        "started": row["started_at"],
        "seconds": _since(row["started_at"], row["finished_at"], row["state"]),
        "stages": {state.value: states.count(state) for state in State if state in states},
        "results": _results(summaries),
        "evaluated": "evaluator" in summaries,
    }


def _results(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a person looks for in a list of runs: the first figure of the Evaluator, its verdict, the pushed version."""
    evaluated = summaries.get("evaluator", {})
    figures = [
        (name, value)
        for name, value in evaluated.items()
        if isinstance(value, float) and not name.endswith(("_low", "_high"))
    ]
    name, value = figures[0] if figures else (None, None)
    return {
        "figure": name and METRICS.get(name, name.replace("_", " ")),
        "value": value,
        "low": evaluated.get(f"{name}_low"),
        "high": evaluated.get(f"{name}_high"),
        "blessed": evaluated.get("blessed"),
        "version": summaries.get("pusher", {}).get("version"),
    }


def _since(started: str, finished: str | None, state: str) -> float | None:
    """Seconds from one to the other; until now while it runs; None if nobody knows when it ended."""
    if finished is None and state != State.RUNNING:
        return None
    end = datetime.now(UTC) if finished is None else datetime.fromisoformat(finished)
    return (end - datetime.fromisoformat(started)).total_seconds()
