"""`emotion export`: one export by hand, with the settings of no pipeline."""

import os
from pathlib import Path

from rich.console import Console

from components.core.artifacts import Model, SavedModelExport, TFLiteExport
from components.core.errors import UserError
from components.core.filesystem import publishing
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
from pipeline.commands.roots import newest_root
from pipeline.console import format_summary
from pipeline.metadata.location import open_store
from pipeline.native_stderr import stderr_to

__all__ = ["export_command"]


def export_command(target: str, output: Path, *, model: Path | None, root: Path | None) -> None:
    """Writes the export to `output`, whole or not at all.

    Raises:
        UserError: there is no such model, or `output` exists.
    """
    if output.exists():
        raise UserError(f"{output}: exists already; name a new directory")
    source = Model(model if model is not None else _newest_model(newest_root(root)))
    if not source.config_path.is_file():
        raise UserError(f"{source.path}: is no Model artifact; `emotion inspect artifacts` lists them")
    with publishing(output) as staging, stderr_to(os.devnull):
        if target == "tflite":
            summary = tflite_exporter(
                config=TFLiteExporterConfig(), model=source, export=TFLiteExport(staging)
            )
        else:
            summary = saved_model_exporter(
                config=SavedModelExporterConfig(), model=source, export=SavedModelExport(staging)
            )
    Console().print(f"{output}: {format_summary(summary)}")


def _newest_model(root: Path) -> Path:
    store = open_store(root)
    try:
        models = store.artifacts("Model", limit=1)
    finally:
        store.close()
    if not models:
        raise UserError(f"{root}: no model was trained here yet; run `emotion run CONFIG` first")
    return Path(models[0].uri)
