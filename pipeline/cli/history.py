"""Commands that look at what ran."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import CONFIG_FILE, AsJson, ConfigFile

__all__ = ["app"]

app = typer.Typer()


@app.command()
def inspect(
    what: Annotated[
        str,
        typer.Argument(
            help="`runs`, `run`, `artifacts`, `artifact`, `lineage`, `statistics` (writes the page about the data), or "
            "the path of a SavedModel, of a .tflite file, of their directory or of an artifact."
        ),
    ] = "runs",
    name: Annotated[
        str | None,
        typer.Argument(
            help="Number of a run (the newest one if not given), or, of an artifact, its name (`trainer/model/6`), its "
            "path or the path of a pushed file."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Newest runs or artifacts to list.")
    ] = 20,
    html: Annotated[Path | None, typer.Option(help="Page of the lineage to write.")] = None,
    openlineage: Annotated[
        str | None, typer.Option(help="File, or URL of a server, for the lineage as OpenLineage events.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Pipeline root; the newest one under runs/ if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show runs, artifacts, where they came from, and model files."""
    from pipeline.commands.inspect import InspectOptions, inspect_command

    options = InspectOptions(root=root, limit=limit, html=html, openlineage=openlineage, as_json=as_json)
    inspect_command(what, name, options)


@app.command()
def evaluate(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS",
            help="`predictions-*.npz` of one model, or Evaluator directories that hold them.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Measure stored predictions again, however many: without the model, in bounded memory."""
    from pipeline.commands.evaluate import evaluate_command

    evaluate_command(predictions, as_json=as_json)


@app.command("explain-cache")
def explain_cache(
    stage: Annotated[str, typer.Argument(help="A stage, e.g. `trainer`; `all` for every one.")],
    config: ConfigFile = CONFIG_FILE,
    as_json: AsJson = False,
) -> None:
    """Say whether a stage would be taken from the cache now, and if not, what changed since it last ran."""
    from pipeline.commands.explain_cache import explain_cache_command

    explain_cache_command(stage, config, as_json=as_json)


@app.command("gc")
def collect_garbage(
    root: Annotated[
        Path | None, typer.Option(help="Pipeline root; the newest one under runs/ if not given.")
    ] = None,
    keep_runs: Annotated[int, typer.Option(min=0, help="Newest runs whose artifacts all stay.")] = 3,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete it; without this it is only shown.")
    ] = False,
    gone: Annotated[
        list[int] | None,
        typer.Option(
            "--gone",
            metavar="RUN",
            help="Run that was at work on a machine that is gone: it counts as failed from now on.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show, or delete, artifacts that neither the newest runs nor a blessed or pushed model need."""
    from pipeline.commands.gc import gc_command

    gc_command(root, keep_runs=keep_runs, delete=delete, as_json=as_json, gone=gone or ())


@app.command()
def compare(
    before: Annotated[
        str,
        typer.Argument(
            metavar="RUN_A",
            help="A run's number, a pipeline root for its newest evaluated run, or `ROOT:NUMBER`.",
        ),
    ],
    after: Annotated[str, typer.Argument(metavar="RUN_B", help="Likewise: what it is compared with.")],
    root: Annotated[
        Path | None, typer.Option(help="Pipeline root of numbers; the newest one under runs/ if not given.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of it, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed from RUN_A to RUN_B: figures, labels, decisions, verdict, settings and data."""
    from pipeline.commands.compare import compare_command

    compare_command(before, after, root=root, html=html, as_json=as_json)


@app.command()
def ui(
    root: Annotated[
        list[Path] | None,
        typer.Argument(help="Pipeline roots to show; all under runs/ if none is named."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8600,
) -> None:
    """Show runs, reports and comparisons as pages in a browser."""
    from pipeline.commands.ui import ui_command

    ui_command(root or (), host=host, port=port)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Show versions, accelerators and CPU features, what is missing and how to get it."""
    from pipeline.commands.doctor import doctor_command

    raise typer.Exit(doctor_command(as_json=as_json))
