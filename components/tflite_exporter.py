"""TFLiteExporter: the trained model as .tflite files that an app drops in."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from components.core.artifacts import Examples, Model, TFLiteExport
from components.core.component import Output, Summary, component
from components.core.config import Config, InputPath
from components.core.errors import ExportError
from components.core.features import TEXT
from components.core.progress import NO_PROGRESS, Progress
from components.edge.choice_config import ChoiceConfig
from components.edge.variants import VariantName, VariantSpec

if TYPE_CHECKING:
    from components.edge.files import VariantFile
    from components.modeling.classifier import LoadedModel

__all__ = ["TFLiteExporterConfig", "tflite_exporter"]

_TRAINED_ON = "train"


class TFLiteExporterConfig(Config):
    """Which files are made, and what they say of themselves."""

    variants: tuple[VariantName, ...] = ("float32", "int8")
    """Files that are made in any case. `float32` answers as the Keras model does; `int8` (dynamic range) is a quarter
    of its size and several times as fast. Both by default: the first is what the second is judged against. Others are
    float16, int8_per_tensor, int8_weights, int8_int4 and int4, each with `_vocab99` behind it for a vocabulary that
    covers 99 % of the pieces of the training texts, and `_fixed` for a fixed length or `_text` for the tokenizer in
    it."""

    choose: ChoiceConfig | None = None
    """One more file: the smallest or the fastest that a target can run within limits; null chooses none."""

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

    @model_validator(mode="after")
    def _makes_a_file(self) -> "TFLiteExporterConfig":
        if not self.variants and self.choose is None:
            raise ValueError("variants must not be empty where nothing is chosen")
        return self

    @property
    def reads_examples(self) -> bool:
        """Whether the stage needs texts: to measure on, or to choose a vocabulary by."""
        return self.choose is not None or any(
            VariantSpec.parse(name).coverage is not None for name in self.variants
        )


@component()
def tflite_exporter(
    *,
    config: TFLiteExporterConfig,
    model: Model,
    examples: Examples | None = None,
    validation: Examples | None = None,
    export: Output[TFLiteExport],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Makes the files for devices.

    1. Loads the trained model.
    2. Converts its network to the configured variants, with heads, labels, thresholds, vocabulary and cleaning rules
       in each file as metadata; refuses a file that would load but not work (`tflite.guards`).
    3. Makes the candidates of `choose`, measures each on labelled texts, and keeps the one that fits best.
    4. Writes the files, and beside them in plain form what is inside.

    `examples` are needed to choose, and for a smaller vocabulary: `config.reads_examples`. Where `validation` is
    given, the candidates are measured on its split in place of that of `examples`.

    Raises:
        ExportError: the network cannot be converted, a file is refused, or no candidate is within the limits.
    """
    from components.edge.files import FileMaker
    from components.edge.readme import readme
    from components.edge.trial import choose_file
    from components.modeling.classifier import load_model
    from tflite.errors import TFLiteError

    loaded = load_model(model)
    maker = FileMaker(loaded, config, None if examples is None else partial(_training_texts, examples))
    summary: Summary = {}
    try:
        files = list(maker.make(config.variants))
        if config.choose is not None:
            choice, chosen = choose_file(config.choose, loaded, maker, validation or examples, progress)
            choice.write(export.choice_path)
            summary = {"chosen": chosen.name}
            files += [chosen] if chosen.name not in config.variants else []
    except TFLiteError as err:
        raise ExportError(f"TFLite export: {err}") from err
    entries = {file.name: _write(export, file, loaded) for file in files}
    _write_plain_files(export.path, loaded, config)
    export.export_path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    (export.path / "README.md").write_text(readme(files[0].metadata, entries), encoding="utf-8")
    return {**{f"{file.name}_mb": round(len(file.content) / 1e6, 2) for file in files}, **summary}


def _training_texts(examples: Examples) -> Iterable[str]:
    from components.data.records.example_proto import decode_example
    from components.data.records.tfrecord import read_records

    for shard in examples.shards(_TRAINED_ON):
        for record in read_records(shard):
            yield decode_example(record)[TEXT][0].decode()


def _write(export: TFLiteExport, file: "VariantFile", loaded: "LoadedModel") -> dict[str, Any]:
    """Writes a file; returns its entry in `export.json`."""
    path = export.model_path(file.name)
    path.write_bytes(file.content)
    return {
        "file": path.name,
        "size_bytes": len(file.content),
        "parameters": file.parameters,
        "vocabulary_rows": len(file.metadata.tokenizer.vocabulary),
        "min_runtime": file.description.min_runtime,
        # MediaPipe's tokenizer lower-cases ASCII whatever the vocabulary wants, and its classifier takes one text.
        "mediapipe": loaded.tokenizer.rules.lowercase
        and loaded.tokenizer.segments == 1
        and not file.description.custom_operators,
        "heads": {head.name: head.task for head in loaded.config.heads},
        "segments": loaded.tokenizer.segments,
        "operators": dict(file.description.operators),
    }


def _write_plain_files(directory: Path, loaded: "LoadedModel", config: TFLiteExporterConfig) -> None:
    from components.edge.files import localized_labels
    from components.edge.guard import device_heads
    from tflite.metadata_files import file_contents

    contents = file_contents(
        device_heads(loaded),
        loaded.config.thresholds,
        loaded.tokenizer,
        calibration=False,
        label_names=localized_labels(loaded, config),
    )
    for name, content in contents.items():
        (directory / name).write_bytes(content)
