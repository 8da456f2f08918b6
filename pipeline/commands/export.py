"""`emotion export`: one export by hand, with the settings of no pipeline."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from components.core.artifacts import Examples, Model, SavedModelExport, TFLiteExport
from components.core.atomic_files import publishing
from components.core.errors import ConfigError, UserError
from components.example_gen import ExampleGenConfig, example_gen
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
from pipeline.commands.choice_table import print_choice
from pipeline.commands.data_look import look_at
from pipeline.commands.roots import newest_root
from pipeline.commands.trained_model import find_trained_model
from pipeline.console import format_summary
from pipeline.native_stderr import stderr_to

__all__ = ["ExportOptions", "export_command"]


@dataclass(frozen=True)
class ExportOptions:
    """What the command was told, beside what is exported and where to.

    Attributes:
        model: Model artifact; None for the newest one of `root`.
        root: pipeline root; None for the newest one under runs/.
        variants: of the .tflite files; None for the exporter's own.
        choice: settings of `ChoiceConfig` that were given; with any of them one variant is chosen.
        validation: labelled data to choose by; None for the validation split of the model's run.
    """

    model: Path | None = None
    root: Path | None = None
    variants: tuple[str, ...] | None = None
    choice: Mapping[str, Any] | None = None
    validation: str | None = None


def export_command(target: str, output: Path, options: ExportOptions) -> None:
    """Writes the export to `output`, whole or not at all.

    Raises:
        UserError: there is no such model, an option does not fit, or `output` exists.
        NothingFitsError: no variant is within the limits; the table was printed.
    """
    if output.exists():
        raise UserError(f"{output}: exists already; name a new directory")
    trained = find_trained_model(newest_root(options.root) if options.model is None else options.model)
    if target == "tflite":
        _export_tflite(output, trained.model, trained.examples, options)
        return
    if options.variants or options.choice or options.validation:
        raise UserError("--variant, --target, the limits and --validation are for tflite alone")
    with publishing(output) as staging, stderr_to(os.devnull):
        summary = saved_model_exporter(
            config=SavedModelExporterConfig(), model=trained.model, export=SavedModelExport(staging)
        )
    Console().print(f"{output}: {format_summary(summary)}", highlight=False, soft_wrap=True)


def _export_tflite(output: Path, model: Model, examples: Examples | None, options: ExportOptions) -> None:
    config = _tflite_config(options)
    with stderr_to(os.devnull):
        from components.edge.choice import NothingFitsError
    if options.validation is not None and config.choose is None:
        raise UserError("--validation is what a variant is chosen by; name a --target or a limit, too")
    console = Console()
    with publishing(output) as staging, tempfile.TemporaryDirectory() as scratch:
        labelled = None
        if options.validation is not None and config.choose is not None:
            labelled = _read_labelled(options.validation, config.choose.split, model, Path(scratch))
        try:
            with stderr_to(os.devnull):
                export = TFLiteExport(staging)
                summary = tflite_exporter(
                    config=config, model=model, examples=examples, validation=labelled, export=export
                )
        except NothingFitsError as err:
            print_choice(console, err.choice.document())
            raise
        if config.choose is not None:
            print_choice(console, export.choice())
    console.print(f"{output}: {format_summary(summary)}", highlight=False, soft_wrap=True)


def _tflite_config(options: ExportOptions) -> TFLiteExporterConfig:
    settings: dict[str, Any] = {} if options.variants is None else {"variants": options.variants}
    if options.choice:
        settings = {"variants": (), "choose": {**options.choice}}
        if options.variants is not None:
            settings["choose"]["candidates"] = options.variants
    try:
        return TFLiteExporterConfig.model_validate(settings)
    except ValidationError as err:
        problems = "; ".join(
            str(problem["msg"]).removeprefix("Value error, ") for problem in err.errors(include_url=False)[:3]
        )
        raise ConfigError(f"export: {problems}") from err


def _read_labelled(data: str, split: str, model: Model, directory: Path) -> Examples:
    """Labelled data of the user's as one split, with the model's labels: not each of them need occur."""
    heads = json.loads(model.config_path.read_text(encoding="utf-8"))["heads"]
    labels = [label for head in heads if head["task"] != "regression" for label in head["outputs"]]
    found = look_at(data, text=None, labels=None)
    reading = found.reading()
    if found.label_columns:
        reading["columns"]["label_columns"] = list(dict.fromkeys(labels))
    else:
        reading["label_names"] = list(dict.fromkeys(labels)) or None
    config = ExampleGenConfig.model_validate({"splits": {split: data}, **reading})
    examples = Examples(directory / "examples")
    examples.path.mkdir()
    with stderr_to(os.devnull):
        example_gen(config=config, examples=examples)
    return examples
