"""Evaluator: measures the model on texts that it has not seen and says whether it may be released."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from components.core.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import ConfigError, DataError
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.explanations.settings import ExplanationsConfig
from components.modeling.head_settings import HeadName

if TYPE_CHECKING:
    from components.evaluation.head_rows import HeadRows
    from components.evaluation.labelled_texts import LabelledTexts
    from components.evaluation.scoring import Answers
    from components.evaluation.slices import Slice
    from components.modeling.classifier import ModelConfig
    from components.modeling.heads import Head

__all__ = ["ChangeThresholds", "EvaluatorConfig", "QualityThresholds", "evaluator"]

_FIRST_MODEL = "first model, there is nothing to compare with yet"
_OTHER_LABELS = "the last blessed model answers other labels and cannot be compared"


Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=-1, le=1)]
Error = Annotated[float, Field(ge=0)]


class QualityThresholds(Config):
    """Bounds that a model must keep; None = not checked. With none at all set, no model is blessed.

    A bound holds for every head that has the metric; one that no head has refuses the model.
    """

    macro_f1: Share | None = None
    """Lowest macro-F1, 0-1. None, since only the owner of the data knows what is good enough."""

    micro_f1: Share | None = None
    """Lowest micro-F1, 0-1; of one label a text it is the accuracy."""

    weighted_f1: Share | None = None
    """Lowest support-weighted F1, 0-1."""

    min_label_f1: Share | None = None
    """Lowest F1 of any single label, 0-1; a label that occurs in no text of the split has F1 0."""

    accuracy: Share | None = None
    """Lowest share of texts with the right label, 0-1, where one label applies."""

    balanced_accuracy: Share | None = None
    """Lowest mean recall of the labels, 0-1, where one label applies."""

    quadratic_kappa: Correlation | None = None
    """Lowest quadratic weighted kappa, -1 to 1, where labels have an order."""

    pearson: Correlation | None = None
    """Lowest Pearson correlation, -1 to 1, the mean over the numbers of a regression."""

    spearman: Correlation | None = None
    """Lowest Spearman correlation, likewise."""

    ccc: Correlation | None = None
    """Lowest concordance correlation (Lin), likewise."""

    max_mae: Error | None = None
    """Highest mean absolute error: in the unit of the data, or in ranks where labels have an order."""

    max_rmse: Error | None = None
    """Highest root mean squared error of a regression, in the unit of the data."""


class ChangeThresholds(Config):
    """Largest losses against the last blessed model on the same texts; None = not checked.

    A loss refuses the model only if its paired 95 % interval excludes zero as well. The first model passes.
    """

    max_macro_f1_drop: Share | None = 0.01
    """Largest loss of macro-F1, 0-1. 0.01 is about what one more epoch changes on GoEmotions."""

    max_micro_f1_drop: Share | None = None
    """Largest loss of micro-F1, 0-1."""

    max_pearson_drop: Share | None = 0.01
    """Largest loss of the mean Pearson correlation of a regression."""

    def drops(self) -> dict[str, float | None]:
        """The limits by name of the metric."""
        limits = self.model_dump().items()
        return {name.removeprefix("max_").removesuffix("_drop"): limit for name, limit in limits}


class EvaluatorConfig(Config):
    """What is measured, and what the model must reach."""

    split: str = Field(default="test", min_length=1)
    """Split that is evaluated: one that neither the weights nor the thresholds were fitted on."""

    thresholds: QualityThresholds = QualityThresholds()
    """Absolute bounds."""

    head_thresholds: Mapping[HeadName, QualityThresholds] = Field(default_factory=dict)
    """Absolute bounds of single heads by name, each in place of all of `thresholds`."""

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

    explanations: ExplanationsConfig = ExplanationsConfig()
    """Which words made the model sure of them."""

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
    """Judges a model by its answers to raw texts.

    1. Reads the split's texts and what is known of each.
    2. Scores the raw texts, and decides by the model's own thresholds.
    3. Measures every head on the rows of which its truth is known, with bootstrap intervals, and slices of them.
    4. Scores the last blessed model on the same texts and measures the paired difference.
    5. Weighs the words of the texts that it is most wrong about.
    6. Holds the measurements against the configured limits: the verdict.
    7. Writes metrics, predictions and verdict.

    Raises:
        DataError: the split is missing or empty, or knows nothing of what a head answers.
        ConfigError: a slice column or a head does not exist.
    """
    from components.evaluation.explanations.errors import explain_worst_errors
    from components.evaluation.gate import judge
    from components.evaluation.labelled_texts import read_labelled_texts
    from components.evaluation.measurement import write_json
    from components.evaluation.scoring import score_texts, write_predictions
    from components.modeling.classifier import load_model

    loaded = load_model(model)
    heads = loaded.config.heads
    _require_heads(config, [head.name for head in heads])
    texts = read_labelled_texts(examples, config.split, heads)
    slices = _slices(config, texts)

    answers = score_texts(loaded, texts, batch_size=config.batch_size, progress=progress, message="scoring")
    parts = _known_parts(config, loaded.config, answers, texts)
    reference = _score_baseline(config, baseline, parts, texts, progress)
    incomparable = _FIRST_MODEL if baseline is None else _OTHER_LABELS
    documents = [
        _document(config, texts, slices, part, reference.get(part.head.name, incomparable)) for part in parts
    ]
    documents = explain_worst_errors(loaded, documents, config.explanations, progress)
    metrics = {
        "split": config.split,
        "encoder": loaded.config.encoder,
        "for_tests_only": loaded.config.for_tests_only,
        **(documents[0] if len(documents) == 1 else {}),
        "heads": documents,
    }
    verdict = judge(
        documents,
        answers.scores,
        limits=config.thresholds.model_dump(),
        head_limits={name: limits.model_dump() for name, limits in config.head_thresholds.items()},
        largest_drops=config.change.drops(),
    )

    write_json(evaluation.metrics_path, metrics)
    write_predictions(evaluation.predictions_path(config.split), texts, answers, loaded.config.labels)
    verdict.write(blessing.verdict_path)
    return {**_summarize(documents), "blessed": verdict.blessed}


def _require_heads(config: EvaluatorConfig, names: Sequence[str]) -> None:
    unknown = [name for name in config.head_thresholds if name not in names]
    if unknown:
        raise ConfigError(
            f"evaluator.head_thresholds names {unknown[0]!r}, but the heads of the model are {', '.join(names)}"
        )


def _slices(config: EvaluatorConfig, texts: "LabelledTexts") -> "tuple[Slice, ...]":
    from components.evaluation.slices import column_slices, length_slices

    columns = tuple(texts.slices) if config.slices is None else config.slices
    unknown = [column for column in columns if column not in texts.slices]
    if unknown:
        raise ConfigError(
            f"evaluator.slices names {unknown[0]!r}, but split {config.split!r} has the slice columns "
            f"{', '.join(texts.slices) or 'none'}; name it in the slice columns of example_gen first"
        )
    return (
        *column_slices(texts, columns, max_values=config.max_slice_values),
        *length_slices(texts, config.length_slices),
    )


def _known_parts(
    config: EvaluatorConfig, model: "ModelConfig", answers: "Answers", texts: "LabelledTexts"
) -> "list[HeadRows]":
    from components.evaluation.head_rows import split_by_head

    parts = split_by_head(model.heads, answers, texts.targets, model.thresholds)
    for part in parts:
        if not len(part):
            raise DataError(
                f"split {config.split!r} has no row of which the truth is known for head {part.head.name!r} "
                f"({', '.join(part.head.outputs[:3])}, …); label some, or change evaluator.split"
            )
    return parts


def _score_baseline(
    config: EvaluatorConfig,
    baseline: Model | None,
    parts: "Sequence[HeadRows]",
    texts: "LabelledTexts",
    progress: Progress,
) -> "Mapping[str, HeadRows]":
    """The same rows as the last blessed model answered them, by those of these heads that it has."""
    from components.evaluation.scoring import score_texts
    from components.modeling.classifier import load_model
    from components.modeling.heads import columns

    if baseline is None:
        return {}
    loaded = load_model(baseline)
    theirs = {head.name: head for head in loaded.config.heads}
    shared = [part for part in parts if _answer_alike(part.head, theirs.get(part.head.name))]
    if not shared:
        return {}
    message = "scoring the last blessed model"
    answers = score_texts(loaded, texts, batch_size=config.batch_size, progress=progress, message=message)
    places, thresholds = columns(loaded.config.heads), loaded.config.thresholds
    answered = {}
    for part in shared:
        own = places[part.head.name]
        answered[part.head.name] = part.answered(answers, own, thresholds[own])
    return answered


def _answer_alike(head: "Head", other: "Head | None") -> bool:
    """Whether two heads answer the same, so that they can be compared."""
    return other is not None and (head.task, head.outputs) == (other.task, other.outputs)


def _document(
    config: EvaluatorConfig,
    texts: "LabelledTexts",
    slices: "Sequence[Slice]",
    rows: "HeadRows",
    baseline: "HeadRows | str",
) -> dict[str, Any]:
    """What `metrics.json` says of a head; `baseline` may be why there is none."""
    from components.evaluation.head_measurement import measure_head
    from components.evaluation.slices import slice_table
    from components.evaluation.worst_errors import worst_errors

    resampling = {"resamples": config.bootstrap_resamples, "seed": config.seed}
    measured = measure_head(rows, **resampling)
    compared: dict[str, Any] = {"note": baseline}
    if not isinstance(baseline, str):
        theirs = measure_head(baseline, **resampling)
        changes = measured.changes_from(theirs).items()
        compared = {**theirs.headline(), "changes": {name: asdict(change) for name, change in changes}}
    return {
        "head": rows.head.name,
        "task": rows.head.task,
        **measured.headline(),
        **measured.tables(),
        "slices": slice_table(slices, rows, min_rows=config.min_slice_rows, **resampling),
        "worst_errors": worst_errors(texts, rows, limit=config.worst_errors),
        "baseline": compared,
    }


def _summarize(documents: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What the terminal shows: the metrics that the gate looks at first."""
    facts = {}
    for document in documents:
        prefix = f"{document['head']} " if len(documents) > 1 else ""
        first, second = ("pearson", "ccc") if document["task"] == "regression" else ("macro_f1", "micro_f1")
        facts[f"{prefix}{first}"] = document[first]["value"]
        facts[f"{prefix}{first}_low"] = document[first]["low"]
        facts[f"{prefix}{first}_high"] = document[first]["high"]
        facts[f"{prefix}{second}"] = document[second]["value"]
    return facts
