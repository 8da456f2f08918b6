"""Trainer: fine-tunes the encoder on the tokenized examples, and tunes a threshold for every label."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from components.core.artifacts import Hyperparameters, Model, TransformedExamples, TransformGraph
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config
from components.core.errors import DataError, EncoderError
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.head_settings import HeadName, HeadSettings, Task
from components.modeling.losses.config import LossConfig
from components.modeling.precision import Precision, choose_policy
from components.modeling.training.batching_config import BatchingConfig
from components.modeling.training.checkpoints_config import CheckpointsConfig
from components.modeling.training.distribution_config import DistributionConfig
from components.modeling.training.tracking.tracking_config import TrackingConfig
from components.modeling.tuning.search_space import with_values

if TYPE_CHECKING:
    import keras

    from components.modeling.classifier import ModelConfig
    from components.modeling.dataset import TokenDataset
    from components.modeling.heads import Head
    from components.modeling.precision import Policy
    from components.modeling.training.loop import Epoch, TrainingResult
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

    epochs: int = Field(default=4, ge=1)
    """Passes over the training split. MiniLM on GoEmotions gains nothing after the third or fourth; small data sets
    may want more."""

    batch_size: int = Field(default=32, ge=1)
    """Texts a step and device. 32 is what BERT is commonly fine-tuned with; 64 is faster by a fifth on a CPU."""

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

    pooling: Literal["mean", "cls"] = "mean"
    """How token vectors become one: their mean, which sentence encoders such as MiniLM are made for, or that of
    [CLS]."""

    precision: Precision = "auto"
    """`mixed_bfloat16` halves the time where the hardware has it (AVX512_BF16, AMX, GPUs since Ampere, TPU), which
    `auto` finds out; `float32` is exact. Weights are kept and saved in float32 either way."""

    early_stopping_patience: int | None = Field(default=2, ge=1)
    """Training stops after this many epochs without a better validation metric (macro-F1, for numbers Pearson's r);
    None never stops early. The best epoch's weights are kept in any case."""

    seed: int = Field(default=0, ge=0)
    """Seed of initial weights, dropout and the order of examples."""

    tracking: TrackingConfig = TrackingConfig()
    """Where curves and figures go, beside TensorBoard's files."""

    def external_inputs(self) -> tuple[str, ...]:
        self.tracking.check_installed()
        return ()

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
    hyperparameters: Hyperparameters | None = None,
    model: Output[Model],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    """Fine-tunes the encoder that Transform's vocabulary belongs to; what the Tuner found goes before the settings.

    1. Reads the splits `train` and `validation` into memory.
    2. Loads the encoder, lets tokens that Transform added start from those they replace, and puts pooling, dropout and
       the heads on it.
    3. Trains, from where an earlier execution stopped if its state is in `scratch`; after each epoch tunes the
       thresholds on `validation`; keeps the best epoch.
    4. Writes weights, configuration, tokenizer and history.

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
        model=model,
        progress=progress,
        scratch=scratch,
    )


def train_model(
    *,
    config: TrainerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    model: Model,
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
    train_share: float = 1.0,
    on_epoch: Callable[["Epoch"], None] | None = None,
) -> Summary:
    """What the stage does; the Tuner calls it, too.

    Args:
        config: as set.
        transformed: the examples.
        transform_graph: tokenizer and encoder.
        model: where to write.
        progress: who is told.
        scratch: where the state of a stopped training is kept and found; None keeps none.
        train_share: share (0-1) of the split `train` that is trained on, drawn by the seed.
        on_epoch: is told of every epoch at its end; what it raises ends the training.
    """
    from components.modeling.heads import make_heads, with_scale
    from components.modeling.training.distribution import Distribution
    from components.modeling.training.loop import Training
    from components.modeling.training.tracking.tracker import flat_parameters
    from components.modeling.training.tracking.training_log import TrainingLog
    from tflite.host_tokenizer import TokenizerSpec

    distribution = Distribution.of(config.distribution)
    labels = transform_graph.labels()
    heads = make_heads(config.task, config.heads, labels=labels, targets=())
    progress.update("reading the examples")
    train, validation = (_read(transformed, split, labels, heads) for split in ("train", "validation"))
    heads = with_scale(heads, train.targets)
    train = train.sample(train_share, seed=config.seed)

    tokenizer = TokenizerSpec.load(transform_graph.tokenizer_dir)
    encoder = transform_graph.encoder()
    policy = choose_policy(config.precision)
    progress.update(f"loading {encoder} ({policy})")
    with distribution.scope():
        network, float32_network, model_config = _build_networks(
            config, policy, train, heads, tokenizer, encoder, transform_graph.added_tokens()
        )

    parameters = {"encoder": encoder, **flat_parameters(config.model_dump(mode="json", exclude={"tracking"}))}
    with TrainingLog(
        model.logs_dir,
        config=config.tracking if distribution.is_chief else None,
        parameters=parameters,
        progress=progress,
    ) as log:
        result = Training(
            network=network,
            float32_network=float32_network,
            heads=heads,
            train=train,
            validation=validation,
            config=config,
            log=log,
            progress=progress,
            on_epoch=on_epoch,
            distribution=distribution,
            checkpoint_dir=None if scratch is None else scratch.path / "checkpoints",
        ).run()
        log.texts(network, validation, heads=heads, vocabulary=tokenizer.vocabulary)
        _write(model, network, model_config, tokenizer, result, policy)
        log.file(model.config_path)
        log.file(model.history_path)
    return {
        "encoder": encoder,
        "precision": policy,
        "epochs": len(result.epochs),
        "best epoch": result.best.epoch,
        f"validation {result.metric}": round(result.best.validation_metric, 4),
        "examples/s": round(result.examples_per_second, 1),
        "waiting for input": round(max(epoch.input_share for epoch in result.epochs), 4),
        "for tests only": model_config.for_tests_only,
    }


def _read(
    transformed: TransformedExamples, split: str, labels: Sequence[str], heads: Sequence["Head"]
) -> "TokenDataset":
    from components.modeling.dataset import read_split

    if split not in transformed.splits():
        known = ", ".join(transformed.splits()) or "none"
        raise DataError(
            f"training needs the split {split!r}, but the data have only: {known}; add its file to the source, or set "
            "example_gen.validation_share or split_shares"
        )
    dataset = read_split(transformed, split, labels=labels, heads=heads)
    if not len(dataset):
        raise DataError(f"the split {split!r} has no examples; training needs some")
    if split == "train" and not dataset.weights.any():
        raise DataError("every example of the split 'train' has weight 0; training needs some that count")
    return dataset


def _build_networks(
    config: TrainerConfig,
    policy: "Policy",
    train: "TokenDataset",
    heads: Sequence["Head"],
    tokenizer: "TokenizerSpec",
    encoder_name: str,
    added_tokens: Mapping[int, Sequence[int]],
) -> tuple["keras.Model", "keras.Model", "ModelConfig"]:
    """The network to be trained, the same in float32 (the very one if that is the policy), and their config."""
    import keras

    from components.modeling.classifier import BackboneConfig, ModelConfig, build_network
    from components.modeling.encoder import (
        embedding_rows,
        load_backbone,
        resolve_encoder,
        start_embeddings,
    )
    from components.modeling.heads import initial_logits, output_names

    keras.utils.set_random_seed(config.seed)
    encoder = resolve_encoder(encoder_name)
    backbone = load_backbone(encoder, dtype=policy, dropout=config.encoder_dropout)
    if len(tokenizer.vocabulary) > embedding_rows(backbone):
        raise EncoderError(
            f"encoder {encoder.name!r} has changed: {len(tokenizer.vocabulary)} vocabulary entries, "
            f"{embedding_rows(backbone)} embeddings; run Transform again"
        )
    start_embeddings(backbone, added_tokens)
    model_config = ModelConfig(
        heads=tuple(heads),
        thresholds=(0.0,) * len(output_names(heads)),
        max_tokens=tokenizer.max_tokens,
        encoder=encoder.name,
        for_tests_only=encoder.for_tests_only,
        backbone=BackboneConfig.of(backbone),
        pooling=config.pooling,
        dropout=config.dropout,
    )
    start = initial_logits(heads, train.targets, train.weights)
    network = build_network(model_config, backbone=backbone, initial_logits=start)
    float32_network = network if policy == "float32" else build_network(model_config)
    return network, float32_network, model_config


def _write(
    model: Model,
    network: "keras.Model",
    model_config: "ModelConfig",
    tokenizer: "TokenizerSpec",
    result: "TrainingResult",
    policy: "Policy",
) -> None:
    from components.modeling.classifier import TrainingFacts, save_model

    facts = TrainingFacts(
        epochs=len(result.epochs),
        best_epoch=result.best.epoch,
        validation_metric=result.best.validation_metric,
        metric=result.metric,
        precision=policy,
    )
    thresholds = tuple(float(threshold) for threshold in result.thresholds)
    config = model_config.model_copy(update={"thresholds": thresholds, "training": facts})
    save_model(model, network=network, config=config, tokenizer=tokenizer)
    text = json.dumps(result.history(), indent=2) + "\n"
    model.history_path.write_text(text, encoding="utf-8")
