"""The artifacts: one frozen type each, which documents its directory tree and is the only place that joins its paths.

A component always sees artifacts as local directories. Where the pipeline root is remote (`gs://`, `s3://`), the
runner brings inputs here and publishes outputs there.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.filesystem import exists, files_below
from components.core.verdict import Verdict

__all__ = [
    "Artifact",
    "ExampleAnomalies",
    "ExampleStatistics",
    "Examples",
    "Hyperparameters",
    "InfraBlessing",
    "Model",
    "ModelBlessing",
    "ModelEvaluation",
    "PretrainedEncoder",
    "PushedModel",
    "SavedModelExport",
    "Schema",
    "TFLiteExport",
    "TransformGraph",
    "TransformedExamples",
    "TuningStudy",
]


@dataclass(frozen=True)
class Artifact:
    """A directory with one documented tree. Immutable once published."""

    path: Path

    def refusal(self) -> str | None:
        """Why the stages that are gated by this artifact must not run; None if they may."""
        return None

    def is_intact(self) -> bool:
        """Whether what the artifact stands for is still there."""
        return self.path.is_dir()


@dataclass(frozen=True)
class _Split(Artifact):
    """An artifact that holds record shards by split."""

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    def split_dir(self, split: str) -> Path:
        return self.path / f"Split-{split}"

    def splits(self) -> tuple[str, ...]:
        """Names of the splits present, `train` first, then the rest by name."""
        names = sorted(entry.name.removeprefix("Split-") for entry in self.path.glob("Split-*"))
        return tuple(sorted(names, key=lambda name: (name != "train", name)))

    def shards(self, split: str) -> tuple[Path, ...]:
        """The split's gzipped TFRecord files, in order."""
        return tuple(sorted(self.split_dir(split).glob("*.tfrecord.gz")))

    def summary(self) -> dict[str, Any]:
        """`summary.json`: rows by split and what else the stage counted."""
        document: dict[str, Any] = json.loads(self.summary_path.read_text(encoding="utf-8"))
        return document


@dataclass(frozen=True)
class Examples(_Split):
    """Labelled texts as tf.Example records (features: `components.core.features`), and the rows that were refused.

    ```
    summary.json                            labels, targets, rows and dead letters by split, source files with their
                                            encodings, masked personal data by kind, duplicates, corrections
    Split-<name>/examples-00000-of-00002.tfrecord.gz
    dead_letters/part-00000.jsonl           {"file", "row", "reason", "detail", "content"} per row that is no example
    duplicates.jsonl                        one group of equal or nearly equal texts a line
    ```
    """

    @property
    def dead_letters_dir(self) -> Path:
        return self.path / "dead_letters"

    def labels(self) -> tuple[str, ...]:
        """The label names, in the order of the label vector."""
        return tuple(self.summary()["labels"])

    def targets(self) -> tuple[str, ...]:
        """The names of the columns of numbers, in order."""
        return tuple(self.summary().get("targets", ()))

    def placeholders(self) -> tuple[str, ...]:
        """What personal data were masked with (`[EMAIL]`): each is to be one token."""
        return tuple(self.summary().get("placeholders", ()))

    @property
    def duplicates_path(self) -> Path:
        return self.path / "duplicates.jsonl"


@dataclass(frozen=True)
class ExampleStatistics(Artifact):
    """Statistics of every split, readable by TFDV and Facets.

    ```
    Split-<name>/FeatureStats.pb            tensorflow.metadata.v0.DatasetFeatureStatisticsList, binary
    statistics.json                         by split: label counts and co-occurrence, lengths in characters, words and
                                            tokens (all of them, without [CLS] and [SEP]), unknown words, scripts,
                                            languages, emoji, disagreement of raters, errors of what is estimated
    ```
    """

    def stats_path(self, split: str) -> Path:
        return self.path / f"Split-{split}" / "FeatureStats.pb"

    @property
    def json_path(self) -> Path:
        return self.path / "statistics.json"

    def document(self) -> dict[str, Any]:
        """`statistics.json`."""
        document: dict[str, Any] = json.loads(self.json_path.read_text(encoding="utf-8"))
        return document

    def splits(self) -> tuple[str, ...]:
        names = sorted(entry.name.removeprefix("Split-") for entry in self.path.glob("Split-*"))
        return tuple(sorted(names, key=lambda name: (name != "train", name)))


@dataclass(frozen=True)
class Schema(Artifact):
    """What the data should look like.

    ```
    schema.pbtxt                            tensorflow.metadata.v0.Schema, text form, to be curated by a person
    ```
    """

    @property
    def pbtxt_path(self) -> Path:
        return self.path / "schema.pbtxt"


@dataclass(frozen=True)
class ExampleAnomalies(Artifact):
    """Where the data differ from the schema.

    ```
    Split-<name>/SchemaDiff.pb              tensorflow.metadata.v0.Anomalies, binary
    anomalies.json                          [{"split", "feature", "type", "severity", "message"}]
    comparisons.json                        what was measured against other splits and earlier data, odd or not:
                                            [{"split", "control", "comparison", "feature", "type", "at", "value",
                                            "limit", "exceeded", "p_value"}]
    ```
    """

    def anomalies_path(self, split: str) -> Path:
        return self.path / f"Split-{split}" / "SchemaDiff.pb"

    @property
    def json_path(self) -> Path:
        return self.path / "anomalies.json"

    @property
    def comparisons_path(self) -> Path:
        return self.path / "comparisons.json"

    def comparisons(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.comparisons_path.read_text(encoding="utf-8"))
        return found

    def anomalies(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.json_path.read_text(encoding="utf-8"))
        return found

    def refusal(self) -> str | None:
        errors = [anomaly for anomaly in self.anomalies() if anomaly["severity"] == "ERROR"]
        if not errors:
            return None
        lines = "; ".join(f"{error['split']}/{error['feature']}: {error['message']}" for error in errors[:3])
        more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
        return f"the data do not fit the schema: {lines}{more}; anomalies.json lists all"


@dataclass(frozen=True)
class TransformGraph(Artifact):
    """How text becomes token ids: all that training, serving and the phone need to agree on.

    ```
    tokenizer/vocab.txt                     one token a line, line number = id; special tokens hold [unusedN] rows
    tokenizer/tokenizer.json                cleaning rules, special tokens, maximum length, segments
    tokenizer_graph/                        SavedModel: `text` string [batch] (and `context`, with two segments) to
                                            `token_ids`, `segment_ids`, `padding_mask` int32 [batch, longest]; needs
                                            tensorflow and tensorflow_text alone
    extension.json                          words that were added to the vocabulary, and what they changed on the
                                            split `validation`; absent unless configured
    encoder.json                            {"name", "digest"} of the encoder that the vocabulary belongs to; the
                                            digest is the SHA-256 of a local directory's content, else null
    labels.txt                              one label a line, in the order of the label vector
    targets.txt                             one column of numbers a line, in their order; absent without any
    lengths.json                            {"<split>": {"<token count>": rows}}
    ```
    """

    @property
    def tokenizer_dir(self) -> Path:
        return self.path / "tokenizer"

    @property
    def tokenizer_graph_dir(self) -> Path:
        return self.path / "tokenizer_graph"

    @property
    def extension_path(self) -> Path:
        return self.path / "extension.json"

    def added_tokens(self) -> dict[int, list[int]]:
        """Vocabulary rows that hold added tokens, and the rows whose mean embedding each is to start from."""
        if not self.extension_path.is_file():
            return {}
        document = json.loads(self.extension_path.read_text(encoding="utf-8"))
        return {added["row"]: added["starts_from"] for added in document["added"]}

    @property
    def encoder_path(self) -> Path:
        return self.path / "encoder.json"

    @property
    def labels_path(self) -> Path:
        return self.path / "labels.txt"

    def encoder(self) -> str:
        """The encoder's name: the Trainer starts from the encoder whose vocabulary was used."""
        return str(json.loads(self.encoder_path.read_text(encoding="utf-8"))["name"])

    def encoder_digest(self) -> str | None:
        """SHA-256 (hex) of the content of the encoder's directory; None if it was no local one."""
        digest: str | None = json.loads(self.encoder_path.read_text(encoding="utf-8"))["digest"]
        return digest

    @property
    def lengths_path(self) -> Path:
        return self.path / "lengths.json"

    def labels(self) -> tuple[str, ...]:
        return tuple(self.labels_path.read_text(encoding="utf-8").split("\n")[:-1])

    @property
    def targets_path(self) -> Path:
        return self.path / "targets.txt"

    def targets(self) -> tuple[str, ...]:
        """The names of the columns of numbers, in order."""
        if not self.targets_path.is_file():
            return ()
        return tuple(self.targets_path.read_text(encoding="utf-8").split("\n")[:-1])


@dataclass(frozen=True)
class TransformedExamples(_Split):
    """Tokenized examples as tf.Example records (features: `components.core.features`).

    ```
    summary.json                            {"splits": {"<name>": {"rows", "longest", "truncated", "tokens",
                                            "unknown_tokens"}}}; truncated is a number of rows
    Split-<name>/transformed-00000-of-00002.tfrecord.gz
    ```
    """


@dataclass(frozen=True)
class PretrainedEncoder(Artifact):
    """An encoder that has read texts of the domain; the Trainer starts from it.

    ```
    encoder.weights.h5                      Keras weights of the KerasHub backbone, float32
    encoder.json                            {"name", "digest"} of the encoder that it was, as in TransformGraph
    pretraining.json                        texts read and held out; loss and perplexity by epoch
    logs/                                   TensorBoard event files
    ```
    """

    @property
    def weights_path(self) -> Path:
        return self.path / "encoder.weights.h5"

    @property
    def encoder_path(self) -> Path:
        return self.path / "encoder.json"

    @property
    def history_path(self) -> Path:
        return self.path / "pretraining.json"

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"


@dataclass(frozen=True)
class Hyperparameters(Artifact):
    """The best settings that the Tuner found: nothing else, so that another search with the same end trains no more.

    ```
    best.json                               {"<dotted key of the trainer's section>": value}
    ```
    """

    @property
    def best_path(self) -> Path:
        return self.path / "best.json"

    def values(self) -> dict[str, Any]:
        """Values by dotted key."""
        found: dict[str, Any] = json.loads(self.best_path.read_text(encoding="utf-8"))
        return found


@dataclass(frozen=True)
class TuningStudy(Artifact):
    """How the best settings were found.

    ```
    study.json                              {"metric", "keys": {"<key>": {"logarithmic", "choices"}}, "best": trial
                                            number, "importances": {"<key>": share}, "trials": [{"number", "state",
                                            "values", "metric", "epochs", "error", "seconds"}]}
    logs/                                   TensorBoard: HParams, and a run a trial with its validation metric by epoch
    ```
    """

    @property
    def study_path(self) -> Path:
        return self.path / "study.json"

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"


@dataclass(frozen=True)
class Model(Artifact):
    """A trained model that can be rebuilt without its pretrained encoder.

    ```
    model.json                              encoder, task, head, labels, thresholds (`components.modeling.classifier`)
    model.weights.h5                        Keras weights, float32
    tokenizer/                              as in TransformGraph
    training.json                           loss and dev metrics by epoch, examples/s, early stopping
    logs/                                   TensorBoard event files
    ```
    """

    @property
    def config_path(self) -> Path:
        return self.path / "model.json"

    @property
    def weights_path(self) -> Path:
        return self.path / "model.weights.h5"

    @property
    def tokenizer_dir(self) -> Path:
        return self.path / "tokenizer"

    @property
    def history_path(self) -> Path:
        return self.path / "training.json"

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"


@dataclass(frozen=True)
class ModelEvaluation(Artifact):
    """How good the model is.

    ```
    metrics.json                            under `heads`, for each head: averages with intervals, a table of its
                                            outputs, slices, worst errors; that of an only head stands at the top, too
    predictions-<split>.npz                 ids, names of the outputs, float32 scores [rows, outputs], float32 targets
                                            [rows, outputs] (NaN = unknown), heads, thresholds by output
    ```
    """

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.json"

    def predictions_path(self, split: str) -> Path:
        return self.path / f"predictions-{split}.npz"

    def metrics(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.metrics_path.read_text(encoding="utf-8"))
        return document


@dataclass(frozen=True)
class _Blessing(Artifact):
    """A verdict that the stages after it obey."""

    @property
    def verdict_path(self) -> Path:
        return self.path / "verdict.json"

    def verdict(self) -> Verdict:
        return Verdict.read(self.verdict_path)

    def refusal(self) -> str | None:
        verdict = self.verdict()
        return None if verdict.blessed else "not blessed: " + "; ".join(verdict.reasons)


@dataclass(frozen=True)
class ModelBlessing(_Blessing):
    """Whether the model may be exported and pushed.

    ```
    verdict.json                            {"blessed", "checks": [{"name", "value", "limit", "passed", "message"}]}
    ```
    """


@dataclass(frozen=True)
class SavedModelExport(Artifact):
    """What TensorFlow Serving loads.

    ```
    saved_model/                            saved_model.pb, variables/, assets/, assets.extra/
    export.json                             size in bytes, precision, signatures, heads, segments, labels, thresholds
    ```
    """

    @property
    def saved_model_dir(self) -> Path:
        return self.path / "saved_model"

    @property
    def export_path(self) -> Path:
        return self.path / "export.json"

    def precision(self) -> str:
        """How the weights are stored: `float32`, `bfloat16` or `int8`; `float32` where `export.json` says nothing."""
        if not self.export_path.is_file():
            return "float32"
        facts: dict[str, Any] = json.loads(self.export_path.read_text(encoding="utf-8"))
        return str(facts.get("precision", "float32"))


@dataclass(frozen=True)
class TFLiteExport(Artifact):
    """What an app ships.

    ```
    emotion_float32.tflite                  vocabulary, labels and thresholds are inside, as metadata
    emotion_int8.tflite                     dynamic-range int8 weights; others as configured
    labels.txt  heads.json  thresholds.json the same as plain files (`tflite.metadata`)
    vocab.txt  tokenizer.json               likewise; as in TransformGraph
    README.md                               for the developer of an app who gets nothing but this directory
    export.json                             {"<variant>": {"file", "size_bytes", "parameters", "min_runtime",
                                            "mediapipe", …}}; mediapipe says whether its TextClassifier gives what
                                            LiteRT does
    choice.json                             which variant was chosen within which limits, and what each candidate was
                                            measured to be; absent unless one was to be chosen
    ```
    """

    @property
    def export_path(self) -> Path:
        return self.path / "export.json"

    @property
    def choice_path(self) -> Path:
        return self.path / "choice.json"

    def choice(self) -> dict[str, Any]:
        """`choice.json`."""
        document: dict[str, Any] = json.loads(self.choice_path.read_text(encoding="utf-8"))
        return document

    def model_path(self, variant: str) -> Path:
        return self.path / f"emotion_{variant}.tflite"

    def variants(self) -> tuple[str, ...]:
        """`float32`, `int8`: those that are there, by name."""
        files = sorted(self.path.glob("emotion_*.tflite"))
        return tuple(file.stem.removeprefix("emotion_") for file in files)


@dataclass(frozen=True)
class InfraBlessing(_Blessing):
    """Whether every export answers as the Keras model does.

    ```
    verdict.json                            as in ModelBlessing
    parity.json                             per export: largest differences of scores and numbers, agreement, latency,
                                            worst texts
    ```
    """

    @property
    def parity_path(self) -> Path:
        return self.path / "parity.json"


@dataclass(frozen=True)
class PushedModel(Artifact):
    """Where the model was published.

    ```
    pushed.json                             {"version", "destination", "event", "saved_model", "tflite"}: absolute paths
                                            or URIs; the number of the destination's newest event
    ```
    """

    @property
    def pushed_path(self) -> Path:
        return self.path / "pushed.json"

    def pushed(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.pushed_path.read_text(encoding="utf-8"))
        return document

    def is_intact(self) -> bool:
        """Whether the version is there and nothing has happened at the destination since: no push, no rollback."""
        if not self.pushed_path.is_file():
            return False
        pushed = self.pushed()
        events = [name.removesuffix(".json") for name in files_below(f"{pushed['destination']}/history")]
        newest = max((int(name) for name in events if name.isdecimal()), default=None)
        return newest == pushed.get("event") and all(
            exists(pushed[kind]) for kind in ("saved_model", "tflite")
        )
