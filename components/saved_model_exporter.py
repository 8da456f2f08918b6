"""SavedModelExporter: the trained model as TensorFlow Serving loads it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.core.artifacts import Examples, Model, ModelEvaluation, SavedModelExport
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import UserError
from components.modeling.precision import WeightPrecision

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel
    from serving.explanation import Explained

__all__ = ["SavedModelExporterConfig", "saved_model_exporter"]


class SavedModelExporterConfig(Config):
    """Heads, thresholds, tokenizer and longest text are the model's; what is left to choose is this."""

    precision: WeightPrecision = "float32"
    """How the encoder's weights are stored. `bfloat16` halves files and weights in memory and is faster on a CPU with
    AVX512_BF16 or AMX, but can be many times slower on others. `int8` makes the files a quarter and runs on every CPU,
    but is slower, and saves no memory: matrices become float32 in each call. See docs/exports.md."""

    explain: bool = False
    """Whether there is a signature `explain`, which says what each word of a text adds to a score. A text costs as much
    as scoring a hundred there, at most 32 a call: leave it out where strangers may call the server. Only models that
    read one text can have it."""


@component()
def saved_model_exporter(
    *,
    config: SavedModelExporterConfig,
    model: Model,
    examples: Examples | None = None,
    evaluation: ModelEvaluation | None = None,
    export: Output[SavedModelExport],
) -> Summary:
    """Makes the SavedModel for servers.

    1. Loads the trained model, in float32 whatever it was trained in, makes its weights smaller if that is wanted, and
       lets it compute nothing for padding.
    2. Writes it with tokenizer, activations, thresholds and names inside (`serving.saved_model`).
    3. With examples and evaluation, adds what texts and scores are usual, for the server to tell when traffic drifts.
    4. Writes down what is in it.

    Raises:
        UserError: `explain` is asked of a model that reads a context, too.
        StageError: the model cannot be loaded.
    """
    import tensorflow as tf

    from components.modeling.classifier import load_model
    from components.modeling.head_layers import decisions
    from components.modeling.unpadded import without_padding
    from components.modeling.weight_precision import with_weights_in
    from serving.description import HeadDescription
    from serving.saved_model import export_saved_model

    loaded = load_model(model)
    exported = with_weights_in(config.precision, loaded)
    heads, thresholds = loaded.config.heads, loaded.config.thresholds
    description = export_saved_model(
        export.saved_model_dir,
        network=without_padding(exported.scoring_network),
        decide=lambda scores: decisions(heads, scores, tf.constant(thresholds, tf.float32)),
        tokenizer=loaded.in_graph_tokenizer,
        heads=[HeadDescription(**dict(head)) for head in heads],
        thresholds=thresholds,
        segments=loaded.tokenizer.segments,
        explained=_explained(exported) if config.explain else None,
        skips_padding=True,
    )
    if examples and evaluation:
        from components.infra.traffic_reference import traffic_reference
        from serving.watch.counts import write_reference

        write_reference(export.saved_model_dir, traffic_reference(loaded, examples, evaluation))
    facts = {
        "precision": config.precision,
        "size_bytes": _size_bytes(export.saved_model_dir),
        "signatures": list(description.signatures),
        "labels": list(description.labels),
        "heads": {head.name: head.task for head in description.heads},
        "segments": description.segments,
        "thresholds": list(description.thresholds),
        "parameters": loaded.network.count_params(),
    }
    export.export_path.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return {
        "precision": config.precision,
        "size_mb": round(facts["size_bytes"] / 1e6, 2),
        "signatures": ", ".join(description.signatures),
    }


def _explained(loaded: "LoadedModel") -> "Explained":
    from components.evaluation.explanations.embedding_path import EmbeddingPath
    from components.evaluation.explanations.explainer import hidden_id, word_embeddings
    from serving.explanation import Explained

    spec = loaded.tokenizer
    if spec.segments == 2:
        raise UserError(
            "`explain: true` is for models that read one text, and this one reads a context, too; leave it out here "
            "and use `emotion explain`"
        )
    if spaced := [token for token in spec.rules.special_tokens if token.split() != [token]]:
        raise UserError(
            f"`explain: true` tells words apart by white space, which special token {spaced[0]!r} holds; leave one out"
        )
    path = EmbeddingPath(loaded.scoring_network, word_embeddings(loaded))
    return Explained(path.slope, hidden_id(spec), (spec.start_id, spec.end_id))


def _size_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
