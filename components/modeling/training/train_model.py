"""A training as the Trainer and the Tuner make it: from transformed examples to a model on disk."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.core.artifacts import (
    Examples,
    Model,
    PretrainedEncoder,
    TransformedExamples,
    TransformGraph,
)
from components.core.component import Scratch, Summary
from components.core.errors import ConfigError, DataError, StageError
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.labelled_texts import read_labelled_texts
from components.evaluation.thresholds import NEVER
from components.modeling.classifier import TrainingFacts, save_model
from components.modeling.dataset import TokenDataset, read_split
from components.modeling.distillation.distillation_config import DistillationConfig
from components.modeling.distillation.teachers import ask_teachers
from components.modeling.ensembles.ensemble import Ensemble, Trained
from components.modeling.graph_encoder import encoder_of
from components.modeling.heads import Head, columns, known_rows, make_heads, output_names, with_scale
from components.modeling.precision import Policy, choose_policy
from components.modeling.training.determinism import require_determinism, restart_names
from components.modeling.training.distribution import Distribution
from components.modeling.training.result import Epoch
from components.modeling.training.single import SingleTraining
from tflite.host_tokenizer import TokenizerSpec

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["train_model"]


def train_model(
    *,
    config: "TrainerConfig",
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: PretrainedEncoder | None = None,
    examples: Examples | None = None,
    initial: Model | None = None,
    model: Model,
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
    answers_in: Path | None = None,
    train_share: float = 1.0,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Summary:
    """What the stage does; the Tuner calls it, too.

    Args:
        config: as set.
        transformed: the examples.
        transform_graph: tokenizer and encoder.
        pretrained: as for `trainer`.
        examples: as for `trainer`.
        initial: as for `trainer`.
        model: where to write.
        progress: who is told.
        scratch: where the state of a stopped training is kept and found; None keeps none.
        answers_in: where the teachers' answers are kept and found; with the state of the training if None.
        train_share: share (0-1) of the split `train` that is trained on, drawn by the seed.
        on_epoch: is told of every epoch at its end; what it raises ends the training.
    """
    restart_names()
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
        encoder=encoder_of(transform_graph, config.encoder),
        added_tokens=transform_graph.added_tokens(),
        pretrained=pretrained,
        initial=initial,
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
    if never := [
        label
        for label, cut in zip(output_names(heads), result.learned.thresholds, strict=True)
        if cut >= NEVER
    ]:
        progress.log(
            f"never given, as the validation split does not show that a precision of {config.thresholds.precision} can "
            f"be kept: {', '.join(never)}"
        )
    return {
        "encoder": trained.config.encoder,
        "precision": policy,
        "epochs": len(result.epochs),
        "best epoch": result.best.epoch,
        f"validation {result.metric}": round(result.best.validation_metric, 4),
        "examples/s": round(result.examples_per_second, 1),
        "trained parameters": f"{result.trained_parameters:,} ({result.trained_share:.2%})",
        "waiting for input": f"{max(epoch.input_share for epoch in result.epochs):.2%}",
        **({"for tests only": True} if trained.config.for_tests_only else {}),
        **({} if initial is None else {"warm start": True}),
    }


def _read(
    transformed: TransformedExamples,
    split: str,
    labels: Sequence[str],
    targets: Sequence[str],
    heads: Sequence[Head],
) -> TokenDataset:

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
    if split == "validation":
        _require_known(dataset, heads)
    return dataset


def _require_known(validation: TokenDataset, heads: Sequence[Head]) -> None:
    """Finds a head of which no epoch could be called the best."""
    for head, own in zip(heads, columns(heads).values(), strict=True):
        if not known_rows(validation.targets, own).any():
            raise DataError(
                f"no row of the split 'validation' is labelled for head {head.name!r}, whose best epoch is chosen by "
                "it; label some, or leave the head out"
            )


def _taught(
    config: DistillationConfig,
    examples: Examples | None,
    train: TokenDataset,
    heads: Sequence[Head],
    progress: Progress,
    kept_in: Path | None,
) -> TokenDataset:
    """The training split with what the teachers say of it."""
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


def _write(model: Model, trained: Trained, tokenizer: TokenizerSpec, policy: Policy) -> None:

    result = trained.result
    facts = TrainingFacts(
        epochs=len(result.epochs),
        best_epoch=result.best.epoch,
        validation_metric=result.best.validation_metric,
        metric=result.metric,
        precision=policy,
    )
    thresholds = tuple(result.learned.thresholds.tolist())
    update = {"thresholds": thresholds, "calibration": result.learned.calibration, "training": facts}
    config = trained.config.model_copy(update=update)
    save_model(model, network=trained.network, config=config, tokenizer=tokenizer)
    text = json.dumps({**result.history(), **trained.notes}, indent=2) + "\n"
    model.history_path.write_text(text, encoding="utf-8")
