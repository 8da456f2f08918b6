"""Commands for other orchestrators, and for what they start."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import ConfigFile

__all__ = ["app"]

app = typer.Typer()


@app.command()
def stage(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Name of the stage, e.g. `trainer`.")],
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="Pipeline configuration: a path, a URI, or the YAML text itself."
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=URI", help="Where an input is: a directory, gs:// or s3://."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output", metavar="NAME=URI", help="Where an output goes: it appears there whole or not at all."
        ),
    ] = None,
    gates: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="STAGE.OUTPUT=URI",
            help="Artifact that may refuse the stage; exit code 3 if so.",
        ),
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Value of `${NAME}` in the configuration."),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where runs find what earlier ones left: blessed artifacts to compare with, and the cache.",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the run, under which the registry keeps what the stage did, and for manifests.",
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run the stage even if the registry knows what comes of it.")
    ] = False,
    scratch: Annotated[
        Path | None,
        typer.Option(
            help="Directory that outlives this machine: an interrupted training goes on from there."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace outputs that an earlier try left behind.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="File to write: what the stage did, as JSON. It is printed, too.")
    ] = None,
    refusal: Annotated[
        Path | None,
        typer.Option(help="File to write: why the outputs refuse the stages after this one, or `none`."),
    ] = None,
) -> None:
    """Run one stage alone, as an orchestrator's container does; `emotion compile` writes these commands."""
    from pipeline.commands.stage import StageOptions, stage_command

    options = StageOptions(
        inputs=inputs or [],
        outputs=outputs or [],
        gates=gates or [],
        variables=variables or [],
        registry=registry,
        run=run,
        use_cache=not no_cache,
        scratch=scratch,
        replace=replace,
        summary=summary,
        refusal=refusal,
    )
    raise typer.Exit(stage_command(stage, config, options))


@app.command()
def report(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="Pipeline configuration: a path, a URI, or the YAML text itself."
        ),
    ],
    registry: Annotated[str, typer.Option(metavar="URI", help="As the stages were given it.")],
    run: Annotated[str, typer.Option(metavar="NAME", help="As the stages were given it.")],
    variables: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Value of `${NAME}` in the configuration."),
    ] = None,
) -> None:
    """Write the report of a run whose stages ran one by one (`emotion stage`), whatever became of them."""
    from pipeline.commands.report import report_command

    report_command(config, variables=variables or [], registry=registry, run=run)


class _Orchestrator(StrEnum):
    KUBEFLOW = "kubeflow"
    AIRFLOW = "airflow"


class _Operator(StrEnum):
    BASH = "bash"
    KUBERNETES = "kubernetes"


@app.command("compile")
def compile_pipeline(
    config: ConfigFile,
    target: Annotated[
        _Orchestrator, typer.Option(help="`kubeflow` (Vertex AI, too) writes YAML, `airflow` a DAG file.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    root: Annotated[
        str,
        typer.Option(
            metavar="URI", help="Where artifacts are kept, by run: gs://, s3://, or a mounted path."
        ),
    ],
    image: Annotated[
        str | None,
        typer.Option(help="Image of the containers, as the Dockerfile builds it; a digest at best."),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Baselines, cache and reports; `registry` under the root if not given, `none` for none.",
        ),
    ] = None,
    scratch: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Directory mounted in every container: an interrupted training goes on from it.",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Every run runs every stage.")] = False,
    environment: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="Environment of every container.")
    ] = None,
    operator: Annotated[
        _Operator, typer.Option(help="Airflow: `bash` runs stages on its workers, `kubernetes` in pods.")
    ] = _Operator.BASH,
    schedule: Annotated[
        str | None, typer.Option(help="Airflow: cron expression or `@daily`; only by hand if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write the pipeline for Kubeflow Pipelines, Vertex AI or Airflow, whose tasks are `emotion stage` commands."""
    from pipeline.commands.compile import CompileOptions, compile_command

    options = CompileOptions(
        target=target.value,
        output=output,
        image=image,
        root=root,
        registry=registry,
        scratch=scratch,
        use_cache=not no_cache,
        environment=environment or [],
        operator=operator.value,
        schedule=schedule,
        force=force,
    )
    compile_command(config, options)
