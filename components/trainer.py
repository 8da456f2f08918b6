"""Trainer: fine-tunes the encoder on the tokenized examples, and tunes a threshold for every label."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from components.core.artifacts import (
    Examples,
    Hyperparameters,
    Model,
    PretrainedEncoder,
    TransformedExamples,
    TransformGraph,
)
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config, ExternalInput, NameOrPath
from components.core.errors import ConfigError
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.thresholds_config import ThresholdsConfig
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.distillation.distillation_config import DistillationConfig
from components.modeling.ensembles.ensemble_config import EnsembleConfig
from components.modeling.head_settings import DEFAULT_HEAD, HeadName, HeadSettings, Task
from components.modeling.losses.config import LossConfig
from components.modeling.precision import Precision
from components.modeling.pruning import PruningConfig
from components.modeling.training.batching_config import NEEDS_STATIC_SHAPES, BatchingConfig
from components.modeling.training.checkpoints_config import CheckpointsConfig
from components.modeling.training.distribution_config import DistributionConfig
from components.modeling.training.early_stopping import EarlyStoppingConfig
from components.modeling.training.regularization.settings import RegularizationConfig
from components.modeling.training.tracking.tracking_config import TrackingConfig
from components.modeling.training.trainable import TrainableConfig
from components.modeling.tuning.search_space import with_values

__all__ = ["TrainerConfig", "trainer"]


class TrainerConfig(Config):
    """How the model is built on the encoder and trained. The encoder itself is named in Transform."""

    encoder: NameOrPath | None = None
    """What the encoder is called here whose vocabulary Transform took; a pipeline takes it from `transform.encoder`.
    None is what Transform called it."""

    task: Task = "multi_label"
    """What the labels mean: `multi_label` (any number applies), `single_label` (one does), `ordinal` (one does, and
    `example_gen.label_names` gives their ascending order), or `regression` on the numbers of
    `example_gen.columns.targets`."""

    heads: Mapping[HeadName, HeadSettings] = Field(default_factory=dict)
    """Several heads on one encoder, by name, in place of `task`: each with a task, its outputs and a weight in the
    loss. None by default: one head that takes all labels, or all numbers."""

    loss: LossConfig = LossConfig()
    """What is minimised, by the one head or by every head that has no `loss` of its own."""

    trainable: TrainableConfig = TrainableConfig()
    """What of the network is trained, and how fast each part: `all` (default), `head`, upper layers, LoRA."""

    pruning: PruningConfig | None = None
    """Layers and units of the encoder that are left out, for a model that is smaller and faster; none by default."""

    warm_start: Literal["latest_blessed"] | None = None
    """`latest_blessed`: training starts from the newest blessed model that has not learned from these very data, where
    there is one, and fewer epochs do; labels that are new start afresh. None, the default, starts from the encoder."""

    epochs: int = Field(default=4, ge=1)
    """Passes over the training split. MiniLM on GoEmotions gains nothing after the third or fourth; small data sets
    may want more."""

    batch_size: int = Field(default=32, ge=1)
    """Texts a step. 32 is what BERT is commonly fine-tuned with; 64 is faster by a fifth on a CPU."""

    batching: BatchingConfig = BatchingConfig()
    """Token budget, padding and gradient accumulation of the batches."""

    distribution: DistributionConfig = DistributionConfig()
    """The devices that share a step; or just a strategy: `distribution: mirrored`."""

    checkpoints: CheckpointsConfig = CheckpointsConfig()
    """How often the state is saved from which a stopped training goes on."""

    learning_rate: float = Field(default=1e-4, gt=0, lt=1)
    """Peak learning rate. 1e-4 suits MiniLM; encoders of BERT's size want 2e-5 to 5e-5."""

    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises linearly; then it falls linearly to 0."""

    weight_decay: float = Field(default=0.01, ge=0, lt=1)
    """AdamW's decay, as in BERT's pretraining; biases and LayerNorm do not decay."""

    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this global norm, as in BERT's pretraining."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector that is dropped in training; BERT's own value."""

    encoder_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Share dropped inside the encoder; None, the default, is what its preset says (BERT: 0.1). Without
    it MiniLM overfits GoEmotions sooner (validation loss 0.086 in place of 0.083 after three epochs)."""

    pooling: Literal["mean", "cls", "max", "attention", "label_attention"] = "label_attention"
    """How token vectors become one. `label_attention`, the default: for each output a weighted mean of its own, learned
    from where the label's name points (Mullenbach et al., 2018); on GoEmotions worth more than any other setting here
    (`docs/results.md`). `attention`: one such for all outputs, `mean`: the plain mean, which sentence encoders such as
    MiniLM are made for, `cls`: that of [CLS], `max`: each unit's largest value."""

    label_descriptions: Mapping[str, str] = Field(default_factory=dict)
    """What labels mean, in a few words, by label. The heads start from what the encoder makes of the labels' names;
    this is for names that say too little (`neutral`) or nothing (`27`)."""

    hidden_units: int | None = Field(default=None, ge=1)
    """Width of a layer with tanh between pooling and heads; None, the default, has none, as sentence encoders want."""

    precision: Precision = "auto"
    """`mixed_bfloat16` halves the time where the hardware has it (AVX512_BF16, AMX, GPUs since Ampere, TPU), which
    `auto` finds out; `float32` is exact. Weights are kept and saved in float32 either way."""

    regularization: RegularizationConfig = RegularizationConfig()
    """What keeps the network from learning its texts by heart, beside dropout and weight decay."""

    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    """Which epoch is the best, and when training stops because no better one comes."""

    calibration: CalibrationConfig = CalibrationConfig()
    """How scores are made to mean what they say."""

    thresholds: ThresholdsConfig = ThresholdsConfig()
    """What the thresholds of labels are tuned for."""

    seed: int = Field(default=0, ge=0)
    """Seed of initial weights, dropout and the order of examples."""

    tracking: TrackingConfig = TrackingConfig()
    """Where curves and figures go, beside TensorBoard's files."""

    deterministic: bool = False
    """Lets TensorFlow use only operations that give the same bits every time. On a CPU they do so in any case, at no
    cost; on a GPU some are slower, and one without such a variant is an error."""

    distillation: DistillationConfig | None = None
    """Trained models whose answers on the training split are learnt beside its labels; none by default."""

    ensemble: EnsembleConfig | None = None
    """Several trainings that become one model; none by default."""

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        """Without the encoder: Transform's output, which is read too, holds the digest of its content."""
        return tuple(found for found in super().external_inputs() if found.setting != "encoder")

    @model_validator(mode="after")
    def _check_loss(self) -> "TrainerConfig":
        tasks = (
            [head.task for head in self.heads.values() if head.loss is None] if self.heads else [self.task]
        )
        for task in tasks:
            self.loss.check_fits(task)
        return self

    @model_validator(mode="after")
    def _check_parts_fit(self) -> "TrainerConfig":
        self.early_stopping.check_fits(self.heads or (DEFAULT_HEAD,))
        if self.distribution.strategy == "tpu" and not self.batching.has_static_shapes:
            raise ValueError(f"batching: {NEEDS_STATIC_SHAPES}")
        if self.warm_start is not None and self.ensemble is not None and self.ensemble.combine == "average":
            raise ValueError(
                "warm_start: the next training could not start from an average of networks; use "
                "`ensemble: {combine: soup}`, or leave warm_start out"
            )
        return self


@component()
def trainer(
    *,
    config: TrainerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: PretrainedEncoder | None = None,
    examples: Examples | None = None,
    hyperparameters: Hyperparameters | None = None,
    initial: Model | None = None,
    model: Output[Model],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    """Fine-tunes the encoder that Transform's vocabulary belongs to; what the Tuner found goes before the settings.

    1. Reads the splits `train` and `validation` into memory.
    2. Loads the encoder, or what the Pretrainer made of it, lets tokens that Transform added start from those they
       replace, prunes it if configured, and puts pooling, dropout and the heads on it. With `warm_start`, weights of
       `initial` take their place.
    3. If configured, asks the teachers about the texts of `train`, which `examples` holds.
    4. Trains, from where an earlier execution stopped if its state is in `scratch`; after each epoch calibrates the
       scores and tunes the thresholds on `validation`; keeps the best epoch. An ensemble does so several times, and
       combines what came out.
    5. Writes weights, configuration, tokenizer and history.

    Raises:
        ConfigError: the data do not have what a head needs.
        DataError: a split is missing or empty, or its labels do not fit the task.
        EncoderError: the encoder cannot be had any more.
        StageError: the loss is no longer a number, or rows were lost.
        StoppedError: SIGTERM or Ctrl-C came, and the state is in `scratch`.
    """
    from components.modeling.training.train_model import train_model

    if hyperparameters is not None:
        config = _with_found(config, hyperparameters.values())
    return train_model(
        config=config,
        transformed=transformed,
        transform_graph=transform_graph,
        pretrained=pretrained,
        examples=examples,
        initial=initial,
        model=model,
        progress=progress,
        scratch=scratch,
    )


def _with_found(config: TrainerConfig, values: Mapping[str, Any]) -> TrainerConfig:
    """What the Tuner found in place of what is set; trials may have had other settings beside it."""
    try:
        return with_values(config, values)
    except ValidationError as err:
        problem = err.errors(include_url=False)[0]["msg"]
        raise ConfigError(
            f"trainer: what the Tuner found ({', '.join(values)}) does not go with this section: {problem}; give both "
            "sections the same settings, or search others"
        ) from err
