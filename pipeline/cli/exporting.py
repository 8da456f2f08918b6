"""Commands that make files of a model, serve them and time them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson

__all__ = ["app"]

app = typer.Typer()


@app.command()
def serve(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Pushed model directory; the newest one if not given."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Model name in requests; what the Pusher says if not given, or emotion."),
    ] = None,
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


class _Target(StrEnum):
    SAVED_MODEL = "saved-model"
    TFLITE = "tflite"


class _Consumer(StrEnum):
    MEDIAPIPE = "mediapipe"
    MEDIAPIPE_0_10 = "mediapipe-0.10"
    BERTNL = "bertnl"
    LITERT = "litert"
    LITERT_WITH_TOKENIZER = "litert-with-tokenizer"


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
            help="tflite: file to write, several times for several: float32, float16, int8, int8_per_tensor, "
            "int8_weights, int8_int4 or int4, behind it _vocab99 for a smaller vocabulary, and _fixed for a fixed "
            "length or _text for the tokenizer inside. With a target or a limit: what is tried."
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
    as_json: AsJson = False,
) -> None:
    """Measure a .tflite file: latency by length and threads, cold start, peak memory."""
    from pipeline.commands.bench import bench_command

    bench_command(model, against, threads=threads, lengths=lengths, device=device, as_json=as_json)
