"""Commands that run a pipeline and look at its data."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import CONFIG_FILE, AsJson, ConfigFile, NoCache

__all__ = ["app"]

app = typer.Typer()


@app.command()
def init(
    data: Annotated[
        Path, typer.Argument(help="Your CSV, TSV, JSONL or Parquet file, or a directory of splits.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Configuration to write.")] = CONFIG_FILE,
    text: Annotated[str | None, typer.Option(help="Text column, where the guess is wrong.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label column, where the guess is wrong.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the configuration.")] = False,
) -> None:
    """Look at your data and write a commented configuration for it."""
    from pipeline.commands.init import init_command

    init_command(data, output=output, text=text, labels=labels, force=force)


@app.command()
def validate(
    data: Annotated[
        str,
        typer.Argument(
            help="Pipeline configuration (YAML), or your data: a file, a glob or a directory of splits."
        ),
    ] = str(CONFIG_FILE),
    schema: Annotated[
        Path | None, typer.Option("--schema", "-s", help="Curated schema.pbtxt to hold the data against.")
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option(help="Earlier data, or statistics of them: tell where these differ (drift)."),
    ] = None,
    write_schema: Annotated[
        Path | None,
        typer.Option(
            help="Write the schema inferred from the data; with --schema, that one made to fit the data."
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Text column, where the guess is wrong.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label column, where the guess is wrong.")] = None,
    separator: Annotated[
        str | None,
        typer.Option(help="What stands between labels, where the guess is wrong; '' if there is one a text."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Keep statistics and anomalies here; a temporary place for data files."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --write-schema.")] = False,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Are the data fit to train on? Say what is odd and what to do. Exit code 3 if they are not fit."""
    from pipeline.commands.validate import ValidateOptions, validate_command

    options = ValidateOptions(
        text=text,
        labels=labels,
        separator=separator,
        schema=schema,
        previous=previous,
        write_schema=write_schema,
        force=force,
        root=root,
        use_cache=not no_cache,
        as_json=as_json,
    )
    raise typer.Exit(validate_command(data, options))


@app.command()
def run(
    config: ConfigFile = CONFIG_FILE,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Run this stage and all that depend on it, even if they are in the cache."
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Last stage to run, e.g. `trainer`.")] = None,
    no_cache: NoCache = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait for other runs on the same root; else one on this machine is an error."
        ),
    ] = False,
    if_new_data: Annotated[
        bool, typer.Option("--if-new-data", help="Do nothing if no data have come since the last run.")
    ] = False,
    if_drift: Annotated[
        bool,
        typer.Option(
            "--if-drift", help="Do nothing if the data are like those that the pushed model learned from."
        ),
    ] = False,
    live: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Server of the model: with --if-drift, run if its traffic has drifted, too."
        ),
    ] = None,
) -> None:
    """Run the pipeline: ingest, validate, train, evaluate, export, prove and push."""
    from pipeline.commands.run import run_command

    raise typer.Exit(
        run_command(
            config,
            since=since,
            to=to,
            use_cache=not no_cache,
            wait=wait,
            if_new_data=if_new_data,
            if_drift=if_drift,
            live=live,
        )
    )
