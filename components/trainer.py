"""Trainer: fine-tunes the encoder on the tokenized examples, and tunes a threshold for every label."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from components.core.artifacts import (
    Examples,
    Hyperparameters,
    Model,
    PretrainedEncoder,
    TransformedExamples,
    TransformGraph,
)
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config
from components.core.errors import ConfigError, DataError, StageError
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.distillation.distillation_config import DistillationConfig
from components.modeling.ensembles.ensemble_config import EnsembleConfig
from components.modeling.head_settings import HeadName, HeadSettings, Task
from components.modeling.losses.config import LossConfig
from components.modeling.precision import Precision, choose_policy
from components.modeling.training.batching_config import BatchingConfig
from components.modeling.training.checkpoints_config import CheckpointsConfig
from components.modeling.training.distribution_config import DistributionConfig
from components.modeling.training.early_stopping import EarlyStoppingConfig
from components.modeling.training.regularization.settings import RegularizationConfig
from components.modeling.training.tracking.tracking_config import TrackingConfig
from components.modeling.training.trainable import TrainableConfig
from components.modeling.tuning.search_space import with_values

if TYPE_CHECKING:
    from components.modeling.dataset import TokenDataset
    from components.modeling.ensembles.ensemble import Trained
    from components.modeling.heads import Head
    from components.modeling.precision import Policy
    from components.modeling.training.loop import Epoch
    from tflite.host_tokenizer import TokenizerSpec

__all__ = ["TrainerConfig", "train_model", "trainer"]


class TrainerConfig(Config):
    """How the model is built on the encoder and trained. The encoder itself is named in Transform."""

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

    def external_inputs(self) -> tuple[str, ...]:
        self.tracking.check_installed()
        return () if self.distillation is None else self.distillation.external_inputs()

    @model_validator(mode="after")
    def _check_loss(self) -> "TrainerConfig":
        tasks = (
            [head.task for head in self.heads.values() if head.loss is None] if self.heads else [self.task]
        )
        for task in tasks:
            self.loss.check_fits(task)
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
    model: Output[Model],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    """Fine-tunes the encoder that Transform's vocabulary belongs to; what the Tuner found goes before the settings.

    1. Reads the splits `train` and `validation` into memory.
    2. Loads the encoder, or what the Pretrainer made of it, lets tokens that Transform added start from those they
       replace, and puts pooling, dropout and the heads on it.
    3. If configured, asks the teachers about the texts of `train`, which `examples` holds.
    4. Trains, from where an earlier execution stopped if its state is in `scratch`; after each epoch tunes the
       thresholds on `validation`; keeps the best epoch. An ensemble does so several times, and combines what came out.
    5. Writes weights, configuration, tokenizer and history.

    Raises:
        ConfigError: the data do not have what a head needs.
        DataError: a split is missing or empty, or its labels do not fit the task.
        EncoderError: the encoder cannot be had any more.
        StageError: the loss is no longer a number, or rows were lost.
        StoppedError: SIGTERM or Ctrl-C came, and the state is in `scratch`.
    """
    if hyperparameters is not None:
        config = with_values(config, hyperparameters.values())
    return train_model(
        config=config,
        transformed=transformed,
        transform_graph=transform_graph,
        pretrained=pretrained,
        examples=examples,
        model=model,
        progress=progress,
        scratch=scratch,
    )


def train_model(
    *,
    config: TrainerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: PretrainedEncoder | None = None,
    examples: Examples | None = None,
    model: Model,
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
    answers_in: Path | None = None,
    train_share: float = 1.0,
    on_epoch: Callable[["Epoch"], None] | None = None,
) -> Summary:
    """What the stage does; the Tuner calls it, too.

    Args:
        config: as set.
        transformed: the examples.
        transform_graph: tokenizer and encoder.
        pretrained: as for `trainer`.
        examples: as for `trainer`.
        model: where to write.
        progress: who is told.
        scratch: where the state of a stopped training is kept and found; None keeps none.
        answers_in: where the teachers' answers are kept and found; with the state of the training if None.
        train_share: share (0-1) of the split `train` that is trained on, drawn by the seed.
        on_epoch: is told of every epoch at its end; what it raises ends the training.
    """
    from components.modeling.ensembles.ensemble import Ensemble
    from components.modeling.heads import make_heads, with_scale
    from components.modeling.training.determinism import require_determinism
    from components.modeling.training.distribution import Distribution
    from components.modeling.training.single import SingleTraining
    from tflite.host_tokenizer import TokenizerSpec

    distribution = Distribution.of(config.distribution)
    if config.deterministic:
        require_determinism()
    kept_in = None if scratch is None else scratch.path
    labels, targets = transform_graph.labels(), transform_graph.targets()
    heads = make_heads(config.task, config.heads, labels=labels, targets=targets)
    progress.update("reading the examples")
    train, validation = (
        _read(transformed, split, labels, targets, heads) for split in ("train", "validation")
    )
    heads = with_scale(heads, train.targets)
    if config.distillation is not None:
        train = _taught(config.distillation, examples, train, heads, progress, answers_in or kept_in)
    train = train.sample(train_share, seed=config.seed)

    tokenizer = TokenizerSpec.load(transform_graph.tokenizer_dir)
    policy = choose_policy(config.precision)
    train_one = SingleTraining(
        initial_seed=config.seed,
        policy=policy,
        heads=heads,
        validation=validation,
        tokenizer=tokenizer,
        encoder=transform_graph.encoder(),
        added_tokens=transform_graph.added_tokens(),
        pretrained=pretrained,
        logs_dir=model.logs_dir,
        distribution=distribution,
        kept_in=kept_in,
        on_epoch=on_epoch,
    )
    if config.ensemble is None:
        trained = train_one(config, train, progress)
    else:
        trained = Ensemble(
            config,
            train=train,
            validation=validation,
            train_one=train_one,
            kept_in=kept_in,
            progress=progress,
        ).run()

    _write(model, trained, tokenizer, policy)
    result = trained.result
    return {
        "encoder": trained.config.encoder,
        "precision": policy,
        "epochs": len(result.epochs),
        "best epoch": result.best.epoch,
        f"validation {result.metric}": round(result.best.validation_metric, 4),
        "examples/s": round(result.examples_per_second, 1),
        "trained parameters": f"{result.trained_parameters:,} ({result.trained_share:.2%})",
        "waiting for input": round(max(epoch.input_share for epoch in result.epochs), 4),
        "for tests only": trained.config.for_tests_only,
    }


def _read(
    transformed: TransformedExamples,
    split: str,
    labels: Sequence[str],
    targets: Sequence[str],
    heads: Sequence["Head"],
) -> "TokenDataset":
    from components.modeling.dataset import read_split

    if split not in transformed.splits():
        known = ", ".join(transformed.splits()) or "none"
        raise DataError(
            f"training needs the split {split!r}, but the data have only: {known}; add its file to the source, or set "
            "example_gen.validation_share or split_shares"
        )
    dataset = read_split(transformed, split, labels=labels, targets=targets, heads=heads)
    if not len(dataset):
        raise DataError(f"the split {split!r} has no examples; training needs some")
    if split == "train" and not dataset.weights.any():
        raise DataError("every example of the split 'train' has weight 0; training needs some that count")
    return dataset


def _taught(
    config: DistillationConfig,
    examples: Examples | None,
    train: "TokenDataset",
    heads: Sequence["Head"],
    progress: Progress,
    kept_in: Path | None,
) -> "TokenDataset":
    """The training split with what the teachers say of it."""
    from components.evaluation.labelled_texts import read_labelled_texts
    from components.modeling.distillation.teachers import ask_teachers

    if examples is None:
        raise ConfigError("trainer.distillation needs `examples`: teachers read the texts themselves")
    texts = read_labelled_texts(examples, "train", heads)
    if len(texts.texts) != len(train):
        raise StageError(
            f"{len(texts.texts)} examples, but {len(train)} of them transformed; run Transform again"
        )
    answers = ask_teachers(
        config, heads, texts.texts, contexts=texts.contexts, kept_in=kept_in, progress=progress
    )
    return replace(train, answers=answers)


def _write(model: Model, trained: "Trained", tokenizer: "TokenizerSpec", policy: "Policy") -> None:
    from components.modeling.classifier import TrainingFacts, save_model

    result = trained.result
    facts = TrainingFacts(
        epochs=len(result.epochs),
        best_epoch=result.best.epoch,
        validation_metric=result.best.validation_metric,
        metric=result.metric,
        precision=policy,
    )
    thresholds = tuple(float(threshold) for threshold in result.thresholds)
    config = trained.config.model_copy(update={"thresholds": thresholds, "training": facts})
    save_model(model, network=trained.network, config=config, tokenizer=tokenizer)
    text = json.dumps({**result.history(), **trained.notes}, indent=2) + "\n"
    model.history_path.write_text(text, encoding="utf-8")
