"""The classifier: encoder, pooling, dropout and heads; how it is built, saved and loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.core.artifacts import Model
from components.core.errors import StageError
from components.modeling.attention_heads import count_heads, keep_heads
from components.modeling.calibration import Calibration, HeadCalibration, check_calibration
from components.modeling.ensembles.average import average_network, member_name
from components.modeling.head_layers import Scores, head_logits, hidden_layer, vector_count
from components.modeling.heads import Head, decide, output_names
from components.modeling.multi_sample_dropout import MultiSampleDropout
from components.modeling.pooling import FirstSegment, Pooling, SecondSegment, pooling_layer
from components.modeling.scorer import Scorer
from components.modeling.tokenization import in_graph_tokenizer, pair_rows, token_rows
from serving.tokenizer import InGraphTokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = [
    "BackboneConfig",
    "LoadedModel",
    "ModelConfig",
    "TrainingFacts",
    "build_network",
    "input_names",
    "load_model",
    "save_model",
    "scoring_network",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BackboneConfig(_Record):
    """How to rebuild the encoder without its preset."""

    class_name: str
    """Name of the class in `keras_hub.models`: `BertBackbone`."""

    arguments: dict[str, Any]
    """Its constructor's arguments; JSON values."""

    heads: int | None = None
    """Attention heads of each layer where pruning left fewer than `arguments` name; None where it did not."""

    @classmethod
    def of(cls, backbone: keras.Model) -> "BackboneConfig":
        """What rebuilds this backbone, but for its name, weights and precision."""
        arguments = {
            key: value
            for key, value in backbone.get_config().items()
            if key not in ("name", "trainable", "dtype")
        }
        heads = count_heads(backbone)
        return cls(
            class_name=type(backbone).__name__,
            arguments=arguments,
            heads=None if heads == backbone.num_heads else heads,
        )


class TrainingFacts(_Record):
    """What a report says about how the model was trained."""

    epochs: int
    """Epochs run."""

    best_epoch: int
    """The epoch, from 1, whose weights were kept."""

    validation_metric: float
    """What the gate uses, of those weights on the split that the thresholds were tuned on: an optimistic figure."""

    metric: str
    """Its name: `macro-F1`."""

    precision: str
    """Keras dtype policy of the training: `float32` or `mixed_bfloat16`."""


class ModelConfig(_Record):
    """The content of `model.json`."""

    format_version: Literal[4] = 4
    heads: tuple[Head, ...] = Field(min_length=1)
    """What the model answers, in the order of its outputs."""

    thresholds: tuple[float, ...]
    """By output: a label of a multi-label head applies where its probability is at least this; within 0-1. 0 for
    outputs that are not decided so."""

    calibration: Mapping[str, HeadCalibration] = Field(default_factory=dict)
    """By head, what is done to its logits before they become probabilities; heads that are not named have none."""

    max_tokens: int = Field(ge=3)
    """Longest sequence, with [CLS] and [SEP]."""

    encoder: str
    """Name of the pretrained encoder that the training started from."""

    for_tests_only: bool = False
    """The encoder has random weights: the model exercises the machinery and knows nothing."""

    backbone: BackboneConfig
    pooling: Pooling = "mean"
    pooled_segment: Literal["first", "second"] | None = None
    """The segment whose tokens alone are pooled: the text's, and not that of what was said before it."""

    hidden_units: int | None = None
    """Width of a layer between pooling and heads; None has none."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector dropped in training."""

    members: int = Field(default=1, ge=1)
    """Networks of this kind whose scores the model averages."""

    training: TrainingFacts | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_older_formats(cls, values: Any) -> Any:
        """Older models are what new ones are compared with.

        1 had one multi-label head, 2 no calibration, and the context always stood before the text up to 3.
        """
        if not isinstance(values, dict) or values.get("format_version") not in (1, 2, 3):
            return values
        rest = {**values, "format_version": 4}
        if rest.pop("pools_second_segment", False):
            rest["pooled_segment"] = "second"
        if values["format_version"] > 1:
            return rest
        del rest["task"]
        rest["heads"] = [{"outputs": rest.pop("labels")}]
        if training := values.get("training"):
            metric = {"validation_metric": training["validation_macro_f1"], "metric": "macro-F1"}
            kept = {key: value for key, value in training.items() if key != "validation_macro_f1"}
            rest["training"] = {**kept, **metric}
        return rest

    @property
    def labels(self) -> tuple[str, ...]:
        """The outputs' names."""
        return output_names(self.heads)

    @model_validator(mode="after")
    def _check_thresholds(self) -> "ModelConfig":
        if len(self.thresholds) != len(self.labels):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels")
        if not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise ValueError("every threshold must be a probability from 0 to 1")
        return self

    @model_validator(mode="after")
    def _check_calibration(self) -> "ModelConfig":
        check_calibration(self.heads, self.calibration)
        return self


@dataclass(frozen=True)
class LoadedModel:
    """A model that can score texts.

    Attributes:
        network: Keras model; `token_ids`, `segment_ids`, `padding_mask`, each int32 [batch, seq_len], to float32
            logits [batch, logits]; as `load_model` gives it, it computes in float32.
        config: what `model.json` says.
        tokenizer: what turns text into the network's inputs.
    """

    network: keras.Model
    config: ModelConfig
    tokenizer: TokenizerSpec

    @cached_property
    def in_graph_tokenizer(self) -> InGraphTokenizer:
        """The tokenizer as TensorFlow operations."""
        return in_graph_tokenizer(self.tokenizer)

    def scores(
        self, texts: Sequence[str], batch_size: int = 64, *, contexts: Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        """Returns the score of every output for every text, float32 [rows, outputs]: probabilities of labels, numbers
        of a regression head.

        Texts are scored in the order of their length, so that little is padded, and returned in the given order.

        Args:
            texts: as a user would send them.
            batch_size: texts scored at a time.
            contexts: what was said before each text, "" for nothing; only a model of two segments reads it.
        """
        if contexts is None or self.tokenizer.segments == 1:
            rows, segments = token_rows(self.in_graph_tokenizer, texts), None
        else:
            rows, segments = pair_rows(self.in_graph_tokenizer, texts, contexts)
        return self._scorer.scores(rows, segments=segments, batch_size=batch_size)

    def decide(self, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """What scores mean by the model's own thresholds, bool [rows, outputs]; see `components.modeling.heads`."""
        return decide(self.config.heads, scores, self.config.thresholds)

    @cached_property
    def scoring_network(self) -> keras.Model:
        """The network with calibration and activations: the same inputs to scores, float32 [batch, outputs]."""
        return scoring_network(self.network, self.config.heads, self.config.calibration)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.network, self.config.heads, self.config.calibration)


def build_network(
    config: ModelConfig,
    *,
    backbone: keras.Model | None = None,
    initial_logits: NDArray[np.float32] | None = None,
    dropout_samples: int = 1,
    encoder_dtype: str = "float32",
    name: str = "emotion_classifier",
) -> keras.Model:
    """The Keras functional model of a configuration.

    Args:
        config: heads, pooling, dropout and how to build the encoder.
        backbone: the encoder with pretrained weights; None builds it from `config.backbone`, with random weights.
        initial_logits: float32 [logits] before any training; None for 0.
        dropout_samples: in training, the network gives the logits of this many differently dropped copies of the
            batch, one after the other.
        encoder_dtype: Keras dtype policy of an encoder that is built; all else is float32.
        name: of the network.

    Returns:
        A model as in `LoadedModel.network`.
    """
    if config.members > 1:
        one = config.model_copy(update={"members": 1})
        networks = [
            build_network(one, encoder_dtype=encoder_dtype, name=member_name(number))
            for number in range(config.members)
        ]
        return average_network(networks, config.heads)
    backbone = backbone or _build_backbone(config.backbone, encoder_dtype)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    encoded = backbone({name: inputs[name] for name in input_names(backbone)})
    sequence = encoded["sequence_output"] if isinstance(encoded, dict) else encoded
    pooling = pooling_layer(config.pooling, queries=vector_count(config.heads))
    mask = inputs["padding_mask"]
    if config.pooled_segment:
        layer = FirstSegment if config.pooled_segment == "first" else SecondSegment
        mask = layer(dtype="float32", name=f"{config.pooled_segment}_segment")(mask, inputs["segment_ids"])
    pooled = pooling(sequence, mask)
    if config.hidden_units is not None:
        pooled = hidden_layer(config.hidden_units)(pooled)
    dropout = MultiSampleDropout(config.dropout, dropout_samples, dtype="float32", name="dropout")
    logits = head_logits(config.heads, dropout(pooled), initial_logits)
    return keras.Model(inputs, logits, name=name)


def scoring_network(
    network: keras.Model, heads: Sequence[Head], calibration: Calibration | None = None
) -> keras.Model:
    """A model of the same variables that answers scores, float32 [batch, outputs], in place of logits."""
    scores = Scores(heads, calibration, dtype="float32", name="scores")
    return keras.Model(network.input, scores(network.output))


def _build_backbone(config: BackboneConfig, dtype: str) -> keras.Model:
    import keras_hub

    backbone: keras.Model = getattr(keras_hub.models, config.class_name)(**config.arguments, dtype=dtype)
    if config.heads is not None:
        keep_heads(backbone, config.heads)
    return backbone


def input_names(backbone: keras.Model) -> list[str]:
    """The inputs that the encoder takes; DistilBERT knows no segments."""
    return (
        list(backbone.input) if isinstance(backbone.input, dict) else [item.name for item in backbone.inputs]
    )


def save_model(model: Model, *, network: keras.Model, config: ModelConfig, tokenizer: TokenizerSpec) -> None:
    """Writes `model.json`, `model.weights.h5` (float32) and `tokenizer/` into the artifact."""
    model.config_path.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    network.save_weights(model.weights_path)
    tokenizer.save(model.tokenizer_dir)


def load_model(model: Model) -> LoadedModel:
    """Rebuilds a saved model, computing in float32; no pretrained encoder is needed.

    Raises:
        StageError: the artifact is of another format or damaged.
    """
    try:
        config = ModelConfig.model_validate(json.loads(model.config_path.read_text(encoding="utf-8")))
        tokenizer = TokenizerSpec.load(model.tokenizer_dir)
        network = build_network(config)
        network.load_weights(model.weights_path)
    except (OSError, ValueError, ValidationError) as err:
        raise StageError(f"{model.path}: cannot be loaded as a model ({err}); train it again") from err
    return LoadedModel(network, config, tokenizer)
