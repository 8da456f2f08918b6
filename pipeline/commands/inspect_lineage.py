"""`emotion inspect lineage`: which data, code, settings and models a run or an artifact came from."""

import json
from pathlib import Path

from rich.console import Console

from components.core.atomic_files import write_atomic
from pipeline.artifact_storage import storage_of
from pipeline.commands.inspect import InspectOptions
from pipeline.commands.output_file import require_writable
from pipeline.lineage.ancestry import Ancestry, find_ancestry
from pipeline.metadata.location import open_store
from pipeline.printable import escape

__all__ = ["inspect_lineage"]


def inspect_lineage(name: str | None, root: Path, options: InspectOptions) -> None:
    """Prints the lineage, writes its page, or tells an OpenLineage server of it.

    Raises:
        UserError: nothing is called that, or the page cannot be written.
    """
    if options.html is not None:
        require_writable(options.html)
    store = open_store(root)
    try:
        ancestry = find_ancestry(name, store, storage_of(root, store))
    finally:
        store.close()
    if options.openlineage is not None:
        from pipeline.lineage.openlineage import export_events

        count = export_events(ancestry, options.openlineage)
        print(f"{count} events of {ancestry.subject}: {options.openlineage}")
    if options.html is not None:
        from pipeline.lineage.page import render_page

        write_atomic(options.html, render_page(ancestry))
        print(f"{ancestry.subject}: {options.html}")
    if options.as_json:
        print(json.dumps(ancestry.document(), indent=2, ensure_ascii=False))
    elif options.html is None and options.openlineage is None:
        _print(ancestry)


def _print(ancestry: Ancestry) -> None:
    console = Console()
    console.print(
        f"[bold]{escape(ancestry.subject)}[/] of {escape(ancestry.run['pipeline'])}", highlight=False
    )
    for step in ancestry.steps:
        stage = escape(step.execution.stage)
        console.print(
            f"[bold]{stage}[/], run {step.execution.run_id}, code {step.code[:12]}", highlight=False
        )
        read = [
            f"{origin.kind} {Path(origin.name).name} {origin.version[:12]}".strip() for origin in step.origins
        ]
        read += [record.name for record in step.reads.values()]
        gave = [f"{record.name} {record.digest[:12]}" for record in step.gives.values()]
        for word, names in (("read", read), ("gave", gave)):
            for number, name in enumerate(names):
                console.print(
                    f"    {'' if number else word:<4}  {escape(name)}", highlight=False, soft_wrap=True
                )
