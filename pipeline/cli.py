"""The `emotion` command. This module imports nothing heavy: `--help` answers at once."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.release_app import release_app

__all__ = ["app", "main"]

app = typer.Typer(
    name="emotion",
    help="From labelled text to emotion models that answer alike in TF Serving and on a phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_ConfigFile = Annotated[
    Path, typer.Argument(help="Pipeline configuration (YAML); `emotion init` writes one.")
]
_NoCache = Annotated[bool, typer.Option("--no-cache", help="Run every stage again.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


_STOPPED_EXIT_CODE = 75
"""EX_TEMPFAIL of sysexits.h, which supervisors take for "try again"."""


class _Target(StrEnum):
    SAVED_MODEL = "saved-model"
    TFLITE = "tflite"


@app.command()
def run(
    config: _ConfigFile,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Run this stage and all that depend on it, even if they are in the cache."
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Last stage to run, e.g. `trainer`.")] = None,
    no_cache: _NoCache = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another run on the same root; else that is an error.")
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
        )
    )


@app.command()
def validate(
    data: Annotated[
        str,
        typer.Argument(
            help="Pipeline configuration (YAML), or your data: a file, a glob or a directory of splits."
        ),
    ],
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
    no_cache: _NoCache = False,
    as_json: _AsJson = False,
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
def init(
    data: Annotated[
        Path, typer.Argument(help="Your CSV, TSV, JSONL or Parquet file, or a directory of splits.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Configuration to write.")] = Path(
        "emotion.yaml"
    ),
    text: Annotated[str | None, typer.Option(help="Text column, where the guess is wrong.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label column, where the guess is wrong.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the configuration.")] = False,
) -> None:
    """Look at your data and write a commented configuration for it."""
    from pipeline.commands.init import init_command

    init_command(data, output=output, text=text, labels=labels, force=force)


@app.command()
def predict(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; stdin, a line each, if none.")] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context", "-c", help="What was said before, for a model of two segments: once, or once a text."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Text file, a line each.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Pushed model directory, SavedModel or .tflite file.")
    ] = None,
    tflite: Annotated[bool, typer.Option("--tflite", help="Use the pushed TFLite model.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Labels to show of a head.")] = 5,
    as_json: _AsJson = False,
) -> None:
    """Name the emotions in texts with the newest pushed model."""
    from pipeline.commands.predict import predict_command

    predict_command(
        texts or [],
        contexts=context or [],
        file=file,
        model=model,
        tflite=tflite,
        top=top,
        as_json=as_json,
    )


@app.command()
def explain(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; stdin, a line each, if none.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            help="Output to explain; may be given several times. Else what applies, or the likeliest label.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context", "-c", help="What was said before, for a model of two segments: once, or once a text."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Text file, a line each.")] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Model artifact, or a pipeline root, whose newest model is taken; the root under runs/ that was used "
            "last if not given.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Page to write.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Show which words of texts made a trained model answer as it does."""
    from pipeline.commands.explain import ExplainOptions, explain_command

    options = ExplainOptions(
        contexts=context or [], file=file, model=model, labels=label or [], html=html, as_json=as_json
    )
    explain_command(texts or [], options)


class _Strategy(StrEnum):
    MARGIN = "margin"
    ENTROPY = "entropy"
    DIVERSITY = "diversity"
    MIXED = "mixed"


_TrainedModel = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="Model artifact, or a pipeline root, whose newest model is taken."),
]
_Unlabelled = Annotated[
    str,
    typer.Argument(help="Texts: `.txt`, a text a line, or files of any format that ExampleGen reads."),
]
_TextColumn = Annotated[str, typer.Option("--text", help="Column of the texts, in files that have columns.")]


@app.command()
def select(
    model: _TrainedModel,
    unlabelled: _Unlabelled,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Texts to choose.")] = 100,
    strategy: Annotated[
        _Strategy,
        typer.Option(
            help="`margin`: decisions that are nearly a draw; `entropy`: scores that are spread widest; `diversity`: "
            "unlike each other and what is labelled; `mixed`: diverse among those with small margins."
        ),
    ] = _Strategy.MIXED,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON Lines file to write.")] = None,
    text: _TextColumn = "text",
    as_json: _AsJson = False,
) -> None:
    """Choose the unlabelled texts that would teach the model most, if a person labelled them."""
    from pipeline.commands.select import SelectOptions, select_command

    options = SelectOptions(count=count, strategy=strategy.value, column=text, output=output, as_json=as_json)
    select_command(model, unlabelled, options)


@app.command("pseudo-label")
def pseudo_label(
    model: _TrainedModel,
    unlabelled: _Unlabelled,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON Lines file to write.")],
    min_confidence: Annotated[
        float,
        typer.Option(min=0, max=1, help="How sure the model must be of every decision about a text, 0-1."),
    ] = 0.9,
    per_label: Annotated[
        int | None, typer.Option(min=1, help="Most rows that may have a label: the surest ones.")
    ] = None,
    weight: Annotated[
        float, typer.Option(min=0, help="Weight in the loss of a row that the model is quite sure of.")
    ] = 1.0,
    text: _TextColumn = "text",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Label the unlabelled texts that the model is sure of, in a file that ExampleGen reads."""
    from pipeline.commands.pseudo_label import PseudoLabelOptions, pseudo_label_command

    options = PseudoLabelOptions(
        output=output,
        min_confidence=min_confidence,
        per_label=per_label,
        weight=weight,
        column=text,
        force=force,
        as_json=as_json,
    )
    pseudo_label_command(model, unlabelled, options)


@app.command()
def audit(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG_OR_RUN", help="Pipeline configuration (YAML), or the root of a pipeline that ran."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: CSV, or JSON Lines if it ends in `.jsonl`."),
    ] = Path("audit.csv"),
    split: Annotated[
        list[str] | None,
        typer.Option(help="Split to audit; several times for several, `train` if not given."),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, help="Models; each judges the rows that it has not learned from.")
    ] = 5,
    top: Annotated[
        int | None, typer.Option(min=1, help="Rows to write: the most doubtful; in place of --share.")
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the rows to write, 0-1.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the division into folds.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Find rows whose labels are probably wrong or missing, and write them down for a person to review."""
    from pipeline.commands.audit import AuditOptions, audit_command

    options = AuditOptions(
        output=output,
        splits=tuple(split or ["train"]),
        folds=folds,
        top=top,
        share=share,
        seed=seed,
        force=force,
        as_json=as_json,
    )
    audit_command(target, options)


@app.command()
def serve(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Pushed model directory; the newest one if not given."),
    ] = None,
    name: Annotated[str, typer.Option(help="Model name in requests.")] = "emotion",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="gRPC port; 0 takes a free one.")] = 8500,
    rest_port: Annotated[int, typer.Option(help="REST port; 0 takes a free one.")] = 8501,
    flags: Annotated[
        list[str] | None,
        typer.Argument(help="After `--`: flags of `python -m serving`, such as --api_keys_file=keys.toml."),
    ] = None,
) -> None:
    """Serve the pushed model with TF Serving's gRPC and REST API."""
    from pipeline.commands.serve import serve_command

    raise typer.Exit(
        serve_command(model, name=name, host=host, port=port, rest_port=rest_port, flags=flags or ())
    )


class _Consumer(StrEnum):
    MEDIAPIPE = "mediapipe"
    MEDIAPIPE_0_10 = "mediapipe-0.10"
    BERTNL = "bertnl"
    LITERT = "litert"


class _Preference(StrEnum):
    SMALLEST = "smallest"
    FASTEST = "fastest"


@app.command()
def export(
    kind: Annotated[_Target, typer.Argument(metavar="KIND", help="What to write: saved-model or tflite.")],
    output: Annotated[Path, typer.Argument(help="Directory to write; it must not exist.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Model artifact; the newest trained one of --root if not given."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Pipeline root; the newest one under runs/ if not given.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="tflite: file to write, several times for several: float32, float16, int8, int8_per_tensor, int8_int4 "
            "or int4, behind it _vocab99 for a smaller vocabulary and _fixed for a fixed length. With a target or a "
            "limit: what is tried."
        ),
    ] = None,
    target: Annotated[
        _Consumer | None,
        typer.Option(help="tflite: choose the best variant that this can run, measured on labelled texts."),
    ] = None,
    max_size_mb: Annotated[
        float | None, typer.Option(min=0, help="tflite: largest file, in 10^6 bytes.")
    ] = None,
    max_f1_drop: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="tflite: largest loss of macro-F1 against the Keras model; 0.005 if not given."
        ),
    ] = None,
    prefer: Annotated[
        _Preference | None, typer.Option(help="tflite: which one of those within the limits; the smallest.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=10, help="tflite: labelled texts that each variant is asked; 2,000.")
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            help="tflite: labelled data to measure on; the validation split of the run if not given."
        ),
    ] = None,
) -> None:
    """Export a trained model by hand, blessed or not."""
    from pipeline.commands.export import ExportOptions, export_command

    given = {
        "target": None if target is None else target.value,
        "max_size_mb": max_size_mb,
        "max_f1_drop": max_f1_drop,
        "prefer": None if prefer is None else prefer.value,
        "sample": sample,
    }
    options = ExportOptions(
        model=model,
        root=root,
        variants=tuple(variant) if variant else None,
        choice={name: value for name, value in given.items() if value is not None},
        validation=validation,
    )
    export_command(kind.value, output, options)


@app.command()
def inspect(
    what: Annotated[
        str,
        typer.Argument(
            help="`runs`, `run`, `artifacts`, `artifact`, `lineage`, `statistics` (writes the page about the data), or "
            "the path of a SavedModel, of a .tflite file or of an artifact."
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
    as_json: _AsJson = False,
) -> None:
    """Show runs, artifacts, where they came from, and model files."""
    from pipeline.commands.inspect import InspectOptions, inspect_command

    options = InspectOptions(root=root, limit=limit, html=html, openlineage=openlineage, as_json=as_json)
    inspect_command(what, name, options)


@app.command()
def bench(
    model: Annotated[Path, typer.Argument(help="A .tflite file with metadata.")],
    against: Annotated[
        Path | None,
        typer.Argument(help="Another .tflite file, or one in ONNX, measured in turn; the ratio is told."),
    ] = None,
    threads: Annotated[str, typer.Option(help="Threads of one inference.")] = "1,2,4",
    lengths: Annotated[
        str | None, typer.Option(help="Tokens of a text; 8,16,32,64,128 up to the model's maximum.")
    ] = None,
    device: Annotated[
        Path | None, typer.Option(help="Directory to write instead: what it takes to measure on a phone.")
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Measure a .tflite file: latency by length and threads, cold start, peak memory."""
    from pipeline.commands.bench import bench_command

    bench_command(model, against, threads=threads, lengths=lengths, device=device, as_json=as_json)


@app.command()
def evaluate(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS...",
            help="`predictions-*.npz` of one model, or Evaluator directories that hold them.",
        ),
    ],
    as_json: _AsJson = False,
) -> None:
    """Measure stored predictions again, however many: without the model, in bounded memory."""
    from pipeline.commands.evaluate import evaluate_command

    evaluate_command(predictions, as_json=as_json)


@app.command("explain-cache")
def explain_cache(
    stage: Annotated[str, typer.Argument(help="A stage, e.g. `trainer`; `all` for every one.")],
    config: Annotated[Path, typer.Argument(help="Pipeline configuration (YAML).")] = Path("emotion.yaml"),
    as_json: _AsJson = False,
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
    as_json: _AsJson = False,
) -> None:
    """Show, or delete, artifacts that neither the newest runs nor a blessed or pushed model need."""
    from pipeline.commands.gc import gc_command

    gc_command(root, keep_runs=keep_runs, delete=delete, as_json=as_json)


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
    as_json: _AsJson = False,
) -> None:
    """Show what changed from RUN_A to RUN_B: figures, labels, decisions, verdict, settings and data."""
    from pipeline.commands.compare import compare_command

    compare_command(before, after, root=root, html=html, as_json=as_json)


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
            metavar="NAME", help="Name of the run under which the registry keeps what the stage did."
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
    config: _ConfigFile,
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
def doctor(as_json: _AsJson = False) -> None:
    """Show versions, accelerators and CPU features, what is missing and how to get it."""
    from pipeline.commands.doctor import doctor_command

    raise typer.Exit(doctor_command(as_json=as_json))


app.add_typer(release_app)


def main() -> None:
    """Runs the command; one clear line and exit code 2 for a mistake of the user, 75 if stopped, 1 for a failure."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        app()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as err:
        sys.exit(_explain(err))


def _explain(err: Exception) -> int:
    from components.core.errors import EmotionPipelineError, StoppedError, UserError
    from serving.errors import SavedModelError, ServerStartError
    from tflite.errors import MetadataError, ModelFileError

    if isinstance(err, ModuleNotFoundError) and _is_of_others(err.name):
        print(
            f"error: this command needs {err.name}, which is not installed; `pip install 'emotion-pipeline[pipeline]'`",
            file=sys.stderr,
        )
        return 2
    mistakes = (UserError, SavedModelError, ServerStartError, MetadataError, ModelFileError)
    if not isinstance(err, (EmotionPipelineError, *mistakes)):
        raise err
    if isinstance(err, StoppedError):
        print(f"stopped: {err}; run the same command again to go on", file=sys.stderr)
        return _STOPPED_EXIT_CODE
    print(f"error: {err}", file=sys.stderr)
    return 2 if isinstance(err, mistakes) else 1


def _is_of_others(module: str | None) -> bool:
    """Whether a package is missing, and not a module of this project."""
    return module is not None and module.split(".")[0] not in ("pipeline", "components", "serving", "tflite")
