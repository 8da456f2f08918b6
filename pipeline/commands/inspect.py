"""`emotion inspect`: what ran, what came of it, where it came from. Imports nothing heavy: `runs` answers at once."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from components.core.errors import UserError
from pipeline.commands.roots import newest_root, roots
from pipeline.metadata.history import History
from pipeline.metadata.location import open_store
from pipeline.metadata.records import ArtifactRecord, ExecutionRecord

if TYPE_CHECKING:
    from pipeline.artifact_storage import ArtifactStorage

__all__ = ["InspectOptions", "inspect_command"]


_ARTIFACT_NAME = re.compile(r"\w+/\w+/\d+")


@dataclass(frozen=True)
class InspectOptions:
    """Attributes:
    root: the pipeline root; the newest one under runs/ if None.
    limit: how many runs or artifacts to list.
    html: page of the lineage to write.
    openlineage: file or server for the lineage's events.
    as_json: whether to print JSON.
    """

    root: Path | None = None
    limit: int = 20
    html: Path | None = None
    openlineage: str | None = None
    as_json: bool = False


def inspect_command(what: str, name: str | None, options: InspectOptions) -> None:
    """Prints what `what` and `name` say.

    Raises:
        UserError: nothing is called that.
    """
    if what.isdecimal():
        what, name = "run", what
    elif _ARTIFACT_NAME.fullmatch(what) and not Path(what).exists():
        what, name = "artifact", what
    if what == "lineage":
        from pipeline.commands.inspect_lineage import inspect_lineage

        inspect_lineage(name, newest_root(options.root), options)
        return
    if what == "statistics":
        from pipeline.commands.statistics_page import write_statistics_page

        page = str(write_statistics_page(newest_root(options.root)))
        print(json.dumps({"page": page}) if options.as_json else page)
    elif what.endswith(".tflite"):
        from pipeline.commands.tflite_view import show_tflite, tflite_document

        facts = tflite_document(Path(what))
        if options.as_json:
            _print(facts, as_json=True)
        else:
            show_tflite(Console(), facts)
    elif what in ("runs", "artifacts", "run", "artifact"):
        _inspect_store(what, name, options)
    else:
        from pipeline.commands.inspect_file import describe_file, show_file

        document = describe_file(Path(what))
        if options.as_json:
            _print(document, as_json=True)
        else:
            show_file(Console(), Path(what), document)
            _print_checks([Path(what)])


def _inspect_store(what: str, name: str | None, options: InspectOptions) -> None:
    root = newest_root(options.root)
    from pipeline.artifact_storage import storage_of

    store = open_store(root)
    places: list[Path] = []
    earlier, heading = 0, _heading(root, options)
    try:
        storage = storage_of(root, store)
        match what:
            case "runs":
                document: Any = _runs(store, options.limit)
                earlier = store.count_runs() - len(document)
            case "artifacts":
                document = [_artifact(record, storage) for record in store.artifacts(limit=options.limit)]
            case "run":
                run = _find_run(name, root, store)
                started = run["started_at"][:16].replace("T", " ")
                heading = f"{root}: run {run['id']}, {run['state'].lower()}, started {started} UTC"
                document = _executions(run["id"], storage, store)
                places = [Path(place) for stage in document for place in stage["outputs"].values()]
            case _:
                document = _one_artifact(name, storage, store)
                places = [Path(document["uri"])]
    finally:
        store.close()
    if not options.as_json:
        print(heading)
    _print(document, as_json=options.as_json)
    if earlier and not options.as_json:
        print(f"and {earlier} earlier; --limit {earlier + len(document)} shows all")
    if places and not options.as_json:
        _print_checks(places)


def _heading(root: Path, options: InspectOptions) -> str:
    """Which root it is, and which others there are where none was named."""
    others = [] if options.root is not None else [path for path in roots() if path != root]
    return f"{root} (--root for {', '.join(map(str, others))})" if others else str(root)


def _runs(store: History, limit: int) -> list[dict[str, Any]]:
    runs = store.runs(limit)
    states: dict[int, list[str]] = {run["id"]: [] for run in runs}
    told: dict[int, dict[str, Any]] = {}
    for run_id, stage, state, summary in store.outcomes(*states):
        states[run_id].append(state)
        if stage == "evaluator":
            told[run_id] = json.loads(summary or "{}")
    return [_run_line(run, states[run["id"]], told.get(run["id"], {})) for run in runs]


def _run_line(run: dict[str, Any], states: Sequence[str], told: dict[str, Any]) -> dict[str, Any]:
    ended = run["finished_at"]
    return {
        "id": run["id"],
        "pipeline": run["pipeline"],
        "state": run["state"],
        "started_at": run["started_at"],
        "finished_at": ended,
        "seconds": None if ended is None else _seconds(run["started_at"], ended),
        "stages": {state.lower(): states.count(state) for state in dict.fromkeys(states)},
        "quality": {name: told[name] for name in ("macro_f1", "pearson", "blessed") if name in told},
    }


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _find_run(name: str | None, root: Path, store: History) -> dict[str, Any]:
    if name is not None and not name.isdecimal():
        raise UserError(f"{name}: expected the number of a run; `emotion inspect runs` lists them")
    newest = store.runs(limit=1)
    run = store.run(int(name)) if name is not None else newest[0] if newest else None
    if run is None:
        told = "there is no run" if name is None else f"there is no run {name}"
        raise UserError(f"{root}: {told}; `emotion inspect runs` lists them")
    if not store.executions(run["id"]):
        raise UserError(
            f"{root}: run {run['id']} ended before its first stage, there is nothing to show of it"
        )
    return run


def _executions(run_id: int, storage: "ArtifactStorage", store: History) -> list[dict[str, Any]]:
    return [
        {
            "stage": execution.stage,
            "state": execution.state.value,
            "seconds": execution.seconds,
            "resources": dict(execution.resources),
            "summary": dict(execution.summary),
            "error": execution.error,
            "outputs": {
                name: storage.uri(record.name) for name, record in store.outputs(execution.id).items()
            },
            "log": _log(storage, execution),
        }
        for execution in store.executions(run_id)
    ]


def _log(storage: "ArtifactStorage", execution: ExecutionRecord) -> str | None:
    """The log of what an execution did; None if it did nothing."""
    log = storage.log_path(execution.run_id, execution.stage)
    return str(log) if log.is_file() else None


def _artifact(record: ArtifactRecord, storage: "ArtifactStorage") -> dict[str, Any]:
    return {
        "id": record.id,
        "type": record.type,
        "name": record.name,
        "uri": storage.uri(record.name),
        "digest": record.digest,
        "refusal": record.refusal,
        "state": record.state.value,
        "created_at": record.created_at,
    }


def _one_artifact(name: str | None, storage: "ArtifactStorage", store: History) -> dict[str, Any]:
    """The artifact with who made and read it, and whether its content, read anew, is what was published."""
    from components.core.filesystem import content_digest, exists
    from pipeline.lineage.ancestry import find_record

    if name is None:
        raise UserError("name an artifact, such as trainer/model/6; `emotion inspect artifacts` lists them")
    record = find_record(name, store, storage)
    uri = storage.uri(record.name)
    there = exists(uri)
    uses = [
        {"run": execution.run_id, "stage": execution.stage, "state": execution.state.value, kind: called}
        for execution, kind, called in store.used_by(record.id)
    ]
    intact = there and content_digest(uri) == record.digest
    return {**_artifact(record, storage), "intact": intact, "uses": uses}


def _print_checks(directories: Sequence[Path]) -> None:
    """What was checked in a run, or by the stage that wrote an artifact."""
    from components.core.artifacts import ModelBlessing

    verdicts = [ModelBlessing(directory) for directory in directories]
    for blessing in verdicts:
        if blessing.verdict_path.is_file():
            from pipeline.commands.check_table import check_table

            Console().print(check_table(blessing.verdict().checks))


def _print(document: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    elif not document:
        print("nothing yet; `emotion run CONFIG` runs a pipeline")
    elif isinstance(document, list) and "summary" in document[0]:
        from pipeline.commands.run_view import show_run

        show_run(Console(), document)
    elif isinstance(document, list):
        from pipeline.commands.record_tables import record_table

        Console().print(record_table(document))
    else:
        from pipeline.commands.record_tables import show_artifact

        show_artifact(Console(), document)
