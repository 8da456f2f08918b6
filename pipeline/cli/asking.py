"""Commands that ask a model."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson

__all__ = ["app"]

app = typer.Typer()

_Texts = Annotated[list[str] | None, typer.Argument(help="Texts; stdin, a line each, if none.")]
_TextFile = Annotated[Path | None, typer.Option("--file", "-f", help="Text file, a line each.")]
_Contexts = Annotated[
    list[str] | None,
    typer.Option(
        "--context", "-c", help="What was said before, for a model of two segments: once, or once a text."
    ),
]


@app.command()
def predict(
    texts: _Texts = None,
    context: _Contexts = None,
    file: _TextFile = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Pushed model directory, SavedModel or .tflite file.")
    ] = None,
    tflite: Annotated[bool, typer.Option("--tflite", help="Use the pushed TFLite model.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Labels to show of a head.")] = 5,
    as_json: AsJson = False,
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
    texts: _Texts = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            help="Output to explain; may be given several times. Else what applies, or the likeliest label.",
        ),
    ] = None,
    context: _Contexts = None,
    file: _TextFile = None,
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
    as_json: AsJson = False,
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
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the unlabelled texts that would teach the model most, if a person labelled them."""
    from pipeline.commands.select import SelectOptions, select_command

    options = SelectOptions(
        count=count, strategy=strategy.value, column=text, output=output, force=force, as_json=as_json
    )
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
    as_json: AsJson = False,
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
    as_json: AsJson = False,
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
