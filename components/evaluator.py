"""Evaluator: measures the model on texts that it has not seen and says whether it may be released."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from components.core.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import ConfigError, DataError
from components.core.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from components.evaluation.labelled_texts import LabelledTexts
    from components.evaluation.measurement import Measurement
    from components.evaluation.scoring import Answers

__all__ = ["ChangeThresholds", "EvaluatorConfig", "QualityThresholds", "evaluator"]


class QualityThresholds(Config):
    """Lower bounds that a model must reach; None = not checked. With none at all set, no model is blessed."""

    macro_f1: float | None = Field(default=None, ge=0, le=1)
    """Lowest macro-F1, 0-1. None, since only the owner of the data knows what is good enough."""

    micro_f1: float | None = Field(default=None, ge=0, le=1)
    """Lowest micro-F1, 0-1."""

    weighted_f1: float | None = Field(default=None, ge=0, le=1)
    """Lowest support-weighted F1, 0-1."""

    min_label_f1: float | None = Field(default=None, ge=0, le=1)
    """Lowest F1 of any single label, 0-1; a label that occurs in no text of the split has F1 0."""


class ChangeThresholds(Config):
    """Largest losses against the last blessed model on the same texts; None = not checked.

    A loss refuses the model only if its paired 95 % interval excludes zero as well. The first model passes.
    """

    max_macro_f1_drop: float | None = Field(default=0.01, ge=0, le=1)
    """Largest loss of macro-F1, 0-1. 0.01 is about what one more epoch changes on GoEmotions."""

    max_micro_f1_drop: float | None = Field(default=None, ge=0, le=1)
    """Largest loss of micro-F1, 0-1."""


class EvaluatorConfig(Config):
    """What is measured, and what the model must reach."""

    split: str = Field(default="test", min_length=1)
    """Split that is evaluated: one that neither the weights nor the thresholds were fitted on."""

    thresholds: QualityThresholds = QualityThresholds()
    """Absolute lower bounds."""

    change: ChangeThresholds = ChangeThresholds()
    """Limits against the last blessed model."""

    bootstrap_resamples: int = Field(default=1000, ge=100, le=100_000)
    """Resamples behind every interval: 1,000 place a 95 % bound within about a tenth of the interval's width."""

    seed: int = Field(default=0, ge=0)
    """Seed of the resampling."""

    slices: tuple[str, ...] | None = None
    """Slice columns to report on; None = every slice column that the examples have."""

    length_slices: tuple[int, ...] = (5, 10, 20)
    """Upper bounds, in words, of the text-length slices, ascending; one slice is added above the last. () = none."""

    min_slice_rows: int = Field(default=30, ge=1)
    """Rows below which a slice is left out: the interval of fewer spans most of the scale."""

    max_slice_values: int = Field(default=20, ge=1)
    """Most frequent values of a slice column that are reported on: more do not fit a table that a person reads."""

    worst_errors: int = Field(default=20, ge=0, le=1000)
    """Most confident errors that are listed."""

    batch_size: int = Field(default=64, ge=1, le=4096)
    """Texts scored at a time; memory grows with it, the results do not depend on it."""

    @field_validator("length_slices")
    @classmethod
    def _ascending(cls, bounds: tuple[int, ...]) -> tuple[int, ...]:
        if list(bounds) != sorted(set(bounds)) or any(bound < 0 for bound in bounds):
            raise ValueError(f"expected ascending numbers of words, got {list(bounds)}")
        return bounds


@component()
def evaluator(
    *,
    config: EvaluatorConfig,
    examples: Examples,
    model: Model,
    baseline: Model | None = None,
    evaluation: Output[ModelEvaluation],
    blessing: Output[ModelBlessing],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Judges a model by its decisions on raw texts.

    1. Reads the split's texts and labels.
    2. Scores the raw texts; a label is given where its score reaches its threshold.
    3. Measures F1 of all labels with bootstrap intervals, and the same for slices of the rows.
    4. Scores the last blessed model on the same texts and measures the paired difference.
    5. Holds the measurements against the configured limits: the verdict.
    6. Writes metrics, predictions and verdict.

    Raises:
        DataError: the split is missing or empty, or the model's labels are not those of the examples.
        ConfigError: a slice column does not exist.
    """
    from components.evaluation.gate import judge
    from components.evaluation.labelled_texts import read_labelled_texts
    from components.evaluation.measurement import write_json
    from components.evaluation.scoring import score_texts, write_predictions
    from components.evaluation.worst_errors import most_confident_errors
    from components.modeling.classifier import load_model

    texts = read_labelled_texts(examples, config.split)
    columns = _slice_columns(config, texts)

    loaded = load_model(model)
    labels = tuple(loaded.config.labels)
    _check_labels(labels, examples)
    answers = score_texts(loaded, texts, batch_size=config.batch_size, progress=progress, message="scoring")

    measured = _measure(config, answers, texts)
    metrics = {
        "split": config.split,
        "encoder": loaded.config.encoder,
        "for_tests_only": loaded.config.for_tests_only,
        **measured.headline(),
        "labels": measured.label_table(labels, loaded.config.thresholds, answers.scores, texts.targets),
        "slices": _slices(config, columns, answers, texts),
        "worst_errors": most_confident_errors(texts, answers, labels, limit=config.worst_errors),
        "baseline": _compare(config, texts, labels, measured, baseline, progress),
    }

    drops = {"macro_f1": config.change.max_macro_f1_drop, "micro_f1": config.change.max_micro_f1_drop}
    verdict = judge(metrics, answers.scores, lowest=config.thresholds.model_dump(), largest_drops=drops)

    write_json(evaluation.metrics_path, metrics)
    write_predictions(evaluation.predictions_path(config.split), texts, answers)
    verdict.write(blessing.verdict_path)
    return {
        "macro_f1": measured.macro_f1.value,
        "macro_f1_low": measured.macro_f1.low,
        "macro_f1_high": measured.macro_f1.high,
        "micro_f1": measured.micro_f1.value,
        "blessed": verdict.blessed,
    }


def _slice_columns(config: EvaluatorConfig, texts: "LabelledTexts") -> tuple[str, ...]:
    if config.slices is None:
        return tuple(texts.slices)
    unknown = [column for column in config.slices if column not in texts.slices]
    if unknown:
        raise ConfigError(
            f"evaluator.slices names {unknown[0]!r}, but split {config.split!r} has the slice columns "
            f"{', '.join(texts.slices) or 'none'}; name it in the slice columns of example_gen first"
        )
    return config.slices


def _check_labels(labels: Sequence[str], examples: Examples) -> None:
    if tuple(labels) != examples.labels():
        raise DataError(
            f"the model answers {len(labels)} labels ({', '.join(labels[:3])}, …), the examples have "
            f"{len(examples.labels())} ({', '.join(examples.labels()[:3])}, …); evaluate on the data it was trained for"
        )


def _measure(config: EvaluatorConfig, answers: "Answers", texts: "LabelledTexts") -> "Measurement":
    from components.evaluation.measurement import Measurement

    return Measurement.of(
        answers.decisions, texts.targets, resamples=config.bootstrap_resamples, seed=config.seed
    )


def _slices(
    config: EvaluatorConfig, columns: Sequence[str], answers: "Answers", texts: "LabelledTexts"
) -> list[dict[str, Any]]:
    from components.evaluation.slices import column_slices, length_slices, slice_table

    return slice_table(
        (
            *column_slices(texts, columns, max_values=config.max_slice_values),
            *length_slices(texts, config.length_slices),
        ),
        answers.decisions,
        texts.targets,
        min_rows=config.min_slice_rows,
        resamples=config.bootstrap_resamples,
        seed=config.seed,
    )


def _compare(
    config: EvaluatorConfig,
    texts: "LabelledTexts",
    labels: tuple[str, ...],
    measured: "Measurement",
    baseline: Model | None,
    progress: Progress,
) -> dict[str, Any]:
    """The baseline's averages and the differences to them (`changes`), or why there are none (`note`)."""
    from components.evaluation.scoring import score_texts
    from components.modeling.classifier import load_model

    if baseline is None:
        return {"note": "first model, there is nothing to compare with yet"}
    loaded = load_model(baseline)
    if tuple(loaded.config.labels) != labels:
        return {"note": "the last blessed model answers other labels and cannot be compared"}
    message = "scoring the last blessed model"
    answers = score_texts(loaded, texts, batch_size=config.batch_size, progress=progress, message=message)
    theirs = _measure(config, answers, texts)
    changes = measured.changes_from(theirs)
    return {**theirs.headline(), "changes": {name: asdict(change) for name, change in changes.items()}}
