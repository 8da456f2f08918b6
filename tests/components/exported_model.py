"""A small model with both exports, for tests of the stages that handle them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.artifacts import Model, SavedModelExport, TFLiteExport
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network, save_model
from components.modeling.heads import Head
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
from tflite.host_tokenizer import ContextPosition, TokenizerSpec
from tflite.text import CleaningRules

__all__ = ["LABELS", "THRESHOLDS", "Exported", "export_both", "export_model", "small_model"]

LABELS = ("joy", "anger", "fear", "sadness", "neutral")
THRESHOLDS = (0.3, 0.45, 0.5, 0.6, 0.25)
MAX_TOKENS = 32


@dataclass(frozen=True)
class Exported:
    """A model and its exports."""

    model: Model
    saved_model: SavedModelExport
    tflite: TFLiteExport


def small_model(
    directory: Path,
    *,
    heads: Sequence[Head] = (Head(outputs=LABELS),),
    thresholds: Sequence[float] = THRESHOLDS,
    segments: int = 1,
    context_position: ContextPosition = "before",
) -> Model:
    """A BERT of 2 layers with random weights whose scores spread over all that the heads allow."""
    import keras

    vocabulary = tuple("xxname" if token == "[unused0]" else token for token in TINY_VOCABULARY)
    rules = CleaningRules(lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname"})
    config = ModelConfig(
        heads=tuple(heads),
        thresholds=tuple(thresholds),
        max_tokens=MAX_TOKENS,
        encoder="tiny-random",
        for_tests_only=True,
        backbone=BackboneConfig(
            class_name="BertBackbone",
            arguments={
                "vocabulary_size": len(vocabulary),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": MAX_TOKENS,
            },
        ),
    )
    keras.utils.set_random_seed(11)
    network = build_network(config)
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.15, seed=2))
    directory.mkdir(parents=True)
    model = Model(directory)
    tokenizer = TokenizerSpec(
        vocabulary=vocabulary,
        rules=rules,
        max_tokens=MAX_TOKENS,
        segments=segments,
        context_position=context_position,
    )
    save_model(model, network=network, config=config, tokenizer=tokenizer)
    return model


def export_both(directory: Path, **options: Any) -> Exported:
    """Makes the model (`small_model`) and both exports under `directory`."""
    return export_model(small_model(directory / "model", **options), directory)


def export_model(model: Model, directory: Path) -> Exported:
    """Both exports of a model under `directory`, by the stages themselves."""
    saved_model, tflite = SavedModelExport(directory / "saved_model"), TFLiteExport(directory / "tflite")
    saved_model.path.mkdir()
    tflite.path.mkdir()
    saved_model_exporter(config=SavedModelExporterConfig(), model=model, export=saved_model)
    tflite_exporter(config=TFLiteExporterConfig(), model=model, export=tflite)
    return Exported(model, saved_model, tflite)
