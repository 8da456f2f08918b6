"""SavedModelExporter: the trained model as TensorFlow Serving loads it."""

import json
from pathlib import Path

from components.core.artifacts import Model, SavedModelExport
from components.core.component import Output, Summary, component
from components.core.config import Config

__all__ = ["SavedModelExporterConfig", "saved_model_exporter"]


class SavedModelExporterConfig(Config):
    """Nothing to choose: labels, thresholds, tokenizer and longest text are the model's."""


@component()
def saved_model_exporter(
    *,
    config: SavedModelExporterConfig,  # noqa: ARG001
    model: Model,
    export: Output[SavedModelExport],
) -> Summary:
    """Makes the SavedModel for servers.

    1. Loads the trained model, to compute in float32 whatever it was trained in.
    2. Writes it with tokenizer, thresholds and labels inside (`serving.saved_model`).
    3. Writes down what is in it.

    Raises:
        ExportError: the model has two segments.
        StageError: the model cannot be loaded.
    """
    from components.modeling.classifier import load_model
    from components.modeling.tokenization import require_one_segment
    from serving.saved_model import export_saved_model

    loaded = load_model(model)
    require_one_segment(loaded.tokenizer)
    description = export_saved_model(
        export.saved_model_dir,
        network=loaded.scoring_network,
        tokenizer=loaded.in_graph_tokenizer,
        labels=loaded.config.labels,
        thresholds=loaded.config.thresholds,
    )
    facts = {
        "size_bytes": _size_bytes(export.saved_model_dir),
        "signatures": list(description.signatures),
        "labels": list(description.labels),
        "thresholds": list(description.thresholds),
        "parameters": loaded.network.count_params(),
    }
    export.export_path.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return {
        "size_mb": round(facts["size_bytes"] / 1e6, 2),
        "signatures": ", ".join(description.signatures),
    }


def _size_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
