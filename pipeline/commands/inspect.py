"""`emotion inspect`: runs, artifacts and model files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.core.artifacts import ModelBlessing
from components.core.errors import UserError
from components.core.verdict import Check
from pipeline.artifact_storage import ArtifactStorage
from pipeline.commands.check_table import check_table
from pipeline.commands.roots import newest_root
from pipeline.console import format_summary
from pipeline.metadata.records import ExecutionRecord
from pipeline.metadata.store import MetadataStore

__all__ = ["inspect_command"]


def inspect_command(what: str, *, root: Path | None, as_json: bool) -> None:
    """Prints what `what` names.

    Raises:
        UserError: nothing is called that.
    """
    if what == "statistics":
        from pipeline.commands.statistics_page import write_statistics_page

        document: Any = {"page": str(write_statistics_page(newest_root(root)))}
    elif what in ("runs", "artifacts") or what.isdigit():
        document = _from_store(what, newest_root(root))
    else:
        document = _from_file(Path(what))
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(document)
        for checks in _checks_of(what, root):
            Console().print(check_table(checks))


def _checks_of(what: str, root: Path | None) -> Iterator[Sequence[Check]]:
    """What was checked in a run, or by the stage that wrote an artifact."""
    directories = [Path(what)]
    if what.isdigit():
        store = MetadataStore(newest_root(root) / "metadata.sqlite")
        try:
            executions = store.executions(int(what))
            outputs = [record for execution in executions for record in store.outputs(execution.id).values()]
        finally:
            store.close()
        directories = [Path(record.uri) for record in outputs]
    for directory in directories:
        if ModelBlessing(directory).verdict_path.is_file():
            yield ModelBlessing(directory).verdict().checks


def _from_store(what: str, root: Path) -> Any:
    store = MetadataStore(root / "metadata.sqlite")
    try:
        if what == "runs":
            return [{key: row[key] for key in row if key != "config"} for row in store.runs()]
        if what == "artifacts":
            return [asdict(record) for record in store.artifacts()]
        executions = store.executions(int(what))
        if not executions:
            raise UserError(f"{root}: there is no run {what}; `emotion inspect runs` lists them")
        return [
            {
                "stage": execution.stage,
                "state": execution.state.value,
                "seconds": execution.seconds,
                "resources": dict(execution.resources),
                "summary": dict(execution.summary),
                "error": execution.error,
                "outputs": {name: record.uri for name, record in store.outputs(execution.id).items()},
                "log": _log(root, execution),
            }
            for execution in executions
        ]
    finally:
        store.close()


def _log(root: Path, execution: ExecutionRecord) -> str | None:
    """Where the log of what an execution did is; None if it did nothing."""
    log = ArtifactStorage(str(root)).log_path(execution.run_id, execution.stage)
    return str(log) if log.is_file() else None


def _from_file(path: Path) -> Any:
    if path.suffix == ".tflite" and path.is_file():
        from tflite.metadata import read_metadata

        metadata = read_metadata(path)
        document = {"labels": metadata.labels, **asdict(metadata)}
        tokenizer = document.pop("tokenizer")
        vocabulary = tokenizer.pop("vocabulary")
        return {
            **document,
            **tokenizer,
            "vocabulary_size": len(vocabulary),
            "size_bytes": path.stat().st_size,
        }
    if (path / "saved_model.pb").is_file():
        from serving.description import describe

        return {**asdict(describe(path)), "size_bytes": _size(path)}
    documents = sorted(path.glob("*.json")) if path.is_dir() else []
    if not documents:
        raise UserError(
            f"{path}: is neither a run, an artifact, a SavedModel nor a .tflite file; "
            "try `emotion inspect runs` or `emotion inspect artifacts`"
        )
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in documents}


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _print(document: Any) -> None:
    console = Console()
    if not isinstance(document, list):
        console.print_json(json.dumps(document, ensure_ascii=False))
        return
    table = Table(header_style="bold", box=None)
    for column in document[0] if document else ():
        table.add_column(column, overflow="fold")
    for row in document:
        table.add_row(*(escape(_cell(key, value)) for key, value in row.items()))
    console.print(table)


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "resources":
        return "\n".join(f"{name} {amount:,.1f}" for name, amount in value.items())
    if key == "summary":
        return format_summary(value)
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item}" for name, item in value.items())
    if key == "digest":
        return str(value)[:12]
    return f"{value:.1f}" if isinstance(value, float) else str(value)
