"""`emotion gc`: frees what neither the newest runs nor a blessed or pushed model need."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.core.errors import StorageError, UserError
from pipeline.artifact_storage import ArtifactStorage, storage_of
from pipeline.commands.roots import newest_root
from pipeline.garbage import Garbage, check_idle, collect_garbage, find_garbage
from pipeline.metadata.location import open_store
from pipeline.metadata.store import MetadataStore
from pipeline.printable import escape

__all__ = ["gc_command"]

_MIB = 1024**2


def gc_command(
    root: Path | None, *, keep_runs: int, delete: bool, as_json: bool, gone: Sequence[int] = ()
) -> None:
    """Shows what may go; deletes it if told so.

    Args:
        gone: runs that were at work on machines that are gone: they count as failed from now on.

    Raises:
        UserError: there is no such root, a run is at work there, or one of `gone` is not.
        StorageError: something could not be deleted.
    """
    root = newest_root(root)
    store = open_store(root)
    try:
        storage = storage_of(root, store)
        _require_its_root(storage, store)
        _end_runs(gone, store)
        if not delete:
            garbage = find_garbage(storage, store, keep_runs=keep_runs)
            _show(garbage, storage, deleted=False, as_json=as_json)
            return
        with storage.lock():
            check_idle(store)
            garbage = find_garbage(storage, store, keep_runs=keep_runs)
            left = collect_garbage(garbage, storage, store)
    finally:
        store.close()
    _show([item for item in garbage if item not in left], storage, deleted=True, as_json=as_json)
    if left:
        raise StorageError(
            f"{left[0].place}: cannot be deleted ({len(left)} in all); look who may write there and run this again"
        )


def _require_its_root(storage: ArtifactStorage, store: MetadataStore) -> None:
    """Of what lies elsewhere the store would say that it is gone.

    A root apart from its store may be configured by a path from another working directory, and a shared
    database knows a root by its place, which a copy does not have.
    """
    claim = storage.read_claim()
    if (claim is None and storage.root != str(storage.work_dir)) or (claim and claim["store"] != store.name):
        raise UserError(
            f"{storage.root}: is not the root that {store.where} keeps account of; work in the directory in "
            "which `emotion run` does"
        )
    if store.root and store.root != storage.root:
        raise UserError(
            f"{storage.root}: {store.where} knows this root as {store.root}; free space there, or run the "
            "pipeline here first"
        )


def _end_runs(gone: Sequence[int], store: MetadataStore) -> None:
    at_work = {run["id"] for run in store.runs_elsewhere()}
    for run_id in gone:
        if run_id not in at_work:
            known = ", ".join(map(str, sorted(at_work))) or "none"
            raise UserError(f"--gone {run_id}: no such run is at work on another machine; there is {known}")
        store.end_run(run_id)


def _show(garbage: Sequence[Garbage], storage: ArtifactStorage, *, deleted: bool, as_json: bool) -> None:
    total = sum(item.size_bytes for item in garbage)
    if as_json:
        items = [asdict(item) for item in garbage]
        print(json.dumps({"deleted": deleted, "size_bytes": total, "items": items}, indent=2))
        return
    console = Console()
    if not garbage:
        console.print(f"{escape(str(storage.work_dir))}: nothing to delete", highlight=False, soft_wrap=True)
        return
    table = Table(box=None, header_style="bold")
    for column in ("what", "where"):
        table.add_column(column, overflow="fold")
    table.add_column("MiB", justify="right")
    for item in garbage:
        place = item.place.removeprefix(f"{storage.root}/").removeprefix(f"{storage.work_dir}/")
        table.add_row(item.why, escape(place), f"{item.size_bytes / _MIB:,.1f}")
    console.print(escape(str(storage.work_dir)), highlight=False, soft_wrap=True)
    console.print(table)
    what = "deleted" if deleted else "could be deleted; add --delete to do it"
    console.print(f"{len(garbage)} directories, {total / _MIB:,.1f} MiB {what}", highlight=False)
