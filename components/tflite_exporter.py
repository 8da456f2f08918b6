"""TFLiteExporter: the trained model as .tflite files that an app drops in."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from components.core.artifacts import Model, TFLiteExport
from components.core.component import Output, Summary, component
from components.core.config import Config, InputPath
from components.core.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.modeling.classifier import LoadedModel
    from tflite.heads import Head
    from tflite.metadata import ModelMetadata
    from tflite.model_file import ModelDescription

__all__ = ["TFLiteExporterConfig", "tflite_exporter"]

_FOR_TESTS_ONLY = " For tests only: its encoder has random weights."
_TWO_SEGMENTS = (
    " It reads what was said before, too; MediaPipe's TextClassifier gives it texts alone, LiteRT both."
)


class TFLiteExporterConfig(Config):
    """Which files are made, and what they say of themselves."""

    variants: tuple[Literal["float32", "int8"], ...] = Field(default=("float32", "int8"), min_length=1)
    """`float32` answers as the Keras model does; `int8` (dynamic range) is a quarter of its size and several times as
    fast. Both by default: the first is what the second is judged against."""

    name: str = Field(default="Emotion classifier", min_length=1)
    """The model's name in the file's metadata."""

    description: str = (
        "Says which emotions a text expresses. Clean the text by the rules in tokenizer.json first."
    )
    """For the app's developer, in the file's metadata."""

    version: str = Field(default="1", min_length=1)
    """The model's version in the file's metadata; any text."""

    author: str = "emotion-pipeline"
    """Who answers for the model, in the file's metadata."""

    license: str = "Apache-2.0"
    """The model's licence in the file's metadata. It depends on encoder and data; the default fits MiniLM and the
    starter corpus."""

    locales: tuple[Literal["en", "zh"], ...] = ("en", "zh")
    """Languages in which apps can show the labels (`display_names_locale`), of those whose names come with the package:
    English and Chinese, for the labels of GoEmotions and their Ekman and sentiment groups. One that lacks any of the
    model's labels is left out."""

    label_files: dict[str, InputPath] = Field(default_factory=dict)
    """Other languages, or other names: a text file by locale (`fr`, `pt-BR`), UTF-8, a name a line, in the order of the
    exported `labels.txt`."""

    suppress_undecided: bool = True
    """Whether MediaPipe leaves out the labels that are under their threshold, so that an app shows decisions without
    code of its own. False shows every label with its score, and so does a model without multi-label head, or with a
    regression head. LiteRT itself gives all scores either way."""

    def external_inputs(self) -> tuple[str, ...]:
        return tuple(self.label_files.values())


@component()
def tflite_exporter(*, config: TFLiteExporterConfig, model: Model, export: Output[TFLiteExport]) -> Summary:
    """Makes the files for devices.

    1. Loads the trained model.
    2. Converts its network to the configured variants.
    3. Puts heads, labels, thresholds, vocabulary and cleaning rules into each file as metadata.
    4. Refuses a file that would load but not work (`tflite.guards`).
    5. Writes the files, and beside them in plain form what is inside.

    Raises:
        ExportError: the network cannot be converted, or a file is refused.
    """
    from components.modeling.classifier import load_model
    from tflite.errors import TFLiteError

    loaded = load_model(model)
    try:
        files = _complete_files(loaded, config)
        facts = {variant: _check(variant, content, loaded) for variant, content in files.items()}
    except TFLiteError as err:
        raise ExportError(f"TFLite export: {err}") from err
    for variant, content in files.items():
        export.model_path(variant).write_bytes(content)
    _write_plain_files(export.path, loaded, config)
    text = json.dumps(
        {variant: _facts(export, variant, facts[variant], loaded) for variant in files}, indent=2
    )
    export.export_path.write_text(text + "\n", encoding="utf-8")
    return {f"{variant}_mb": round(len(content) / 1e6, 2) for variant, content in files.items()}


def _complete_files(loaded: "LoadedModel", config: TFLiteExporterConfig) -> dict[str, bytes]:
    """Contents of the files by variant, metadata inside."""
    from tflite.converter import convert
    from tflite.metadata import attach_metadata

    metadata = _metadata(loaded, config)
    converted = convert(
        loaded.scoring_network,
        max_tokens=loaded.config.max_tokens,
        separator_id=loaded.tokenizer.end_id,
        variants=config.variants,
    )
    return {variant: attach_metadata(content, metadata) for variant, content in converted.items()}


def _metadata(loaded: "LoadedModel", config: TFLiteExporterConfig) -> "ModelMetadata":
    from tflite.metadata import ModelMetadata, can_suppress

    heads = _heads(loaded)
    return ModelMetadata(
        name=config.name,
        description=config.description
        + (_TWO_SEGMENTS if loaded.tokenizer.segments == 2 else "")
        + (_FOR_TESTS_ONLY if loaded.config.for_tests_only else ""),
        version=config.version,
        author=config.author,
        license=config.license,
        heads=heads,
        thresholds=loaded.config.thresholds,
        tokenizer=loaded.tokenizer,
        suppress_undecided=config.suppress_undecided and can_suppress(heads),
        label_names=_label_names(heads, config),
    )


def _label_names(heads: "Sequence[Head]", config: TFLiteExporterConfig) -> dict[str, tuple[str, ...]]:
    from tflite.label_names import read_names, shipped_names

    labels = [name for head in heads for name in head.outputs]
    shipped = {locale: shipped_names(labels, locale) for locale in config.locales}
    given = {locale: read_names(Path(path), labels) for locale, path in config.label_files.items()}
    return {locale: names for locale, names in (shipped | given).items() if names is not None}


def _heads(loaded: "LoadedModel") -> "tuple[Head, ...]":
    from tflite.heads import Head

    return tuple(Head(**dict(head)) for head in loaded.config.heads)


def _check(variant: str, content: bytes, loaded: "LoadedModel") -> "ModelDescription":
    from tflite.converter import BYTES_PER_PARAMETER
    from tflite.errors import RefusedModelError
    from tflite.guards import check_model

    try:
        return check_model(
            content,
            parameters=loaded.network.count_params(),
            bytes_per_parameter=BYTES_PER_PARAMETER[variant],
            heads=_heads(loaded),
            max_tokens=loaded.config.max_tokens,
            vocabulary_size=len(loaded.tokenizer.vocabulary),
            separator_id=loaded.tokenizer.end_id,
        )
    except RefusedModelError as err:
        raise RefusedModelError(f"{variant}: {err}") from err


def _write_plain_files(directory: Path, loaded: "LoadedModel", config: TFLiteExporterConfig) -> None:
    from tflite.metadata_files import file_contents

    heads = _heads(loaded)
    contents = file_contents(
        heads,
        loaded.config.thresholds,
        loaded.tokenizer,
        calibration=False,
        label_names=_label_names(heads, config),
    )
    for name, content in contents.items():
        (directory / name).write_bytes(content)


def _facts(
    export: TFLiteExport, variant: str, description: "ModelDescription", loaded: "LoadedModel"
) -> dict[str, Any]:
    """The variant's entry in `export.json`."""
    path = export.model_path(variant)
    return {
        "file": path.name,
        "size_bytes": path.stat().st_size,
        "parameters": loaded.network.count_params(),
        "min_runtime": description.min_runtime,
        # MediaPipe's tokenizer lower-cases ASCII whatever the vocabulary wants, and its classifier takes one text.
        "mediapipe": loaded.tokenizer.rules.lowercase and loaded.tokenizer.segments == 1,
        "heads": {head.name: head.task for head in loaded.config.heads},
        "segments": loaded.tokenizer.segments,
        "operators": dict(description.operators),
    }
