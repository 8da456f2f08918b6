"""Evaluator: measures the model on texts that it has not seen and says whether it may be released."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.core.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from components.core.component import Output, Summary, component
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.limits import ChangeThresholds, QualityThresholds

if TYPE_CHECKING:
    from components.evaluation.baseline import Baseline
    from components.evaluation.head_rows import HeadRows
    from components.evaluation.labelled_texts import LabelledTexts
    from components.evaluation.scoring import Answers
    from components.evaluation.slices import Slice
    from components.modeling.classifier import LoadedModel

__all__ = ["ChangeThresholds", "EvaluatorConfig", "QualityThresholds", "evaluator"]


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
    3. Scores the last blessed model on the same texts.
    4. Measures every head on the rows of which its truth is known, with bootstrap intervals, slices of them, and the
       paired difference to the last blessed model.
    5. Weighs the words of the texts that it is most wrong about.
    6. Measures what is no head's own: the model as a whole, and how it behaves on changed and on written texts.
    7. Holds the measurements against the configured limits: the verdict.
    8. Writes metrics, predictions and verdict.

    Raises:
        DataError: the split is missing or empty, or knows nothing of what a head answers.
        ConfigError: a slice column does not exist, or a limit that no model of these heads could meet is set.
    """
    from components.evaluation.baseline import Baseline
    from components.evaluation.explanations.errors import explain_worst_errors
    from components.evaluation.gate import judge
    from components.evaluation.head_rows import require_known, split_by_head
    from components.evaluation.labelled_texts import read_labelled_texts
    from components.evaluation.limits_fit import require_fitting_limits
    from components.evaluation.measurement import write_json
    from components.evaluation.predictions import write_predictions
    from components.evaluation.scoring import score_texts
    from components.evaluation.slices import find_slices
    from components.modeling.classifier import load_model

    loaded = load_model(model)
    heads = loaded.config.heads
    require_fitting_limits(config, heads)
    texts = read_labelled_texts(examples, config.split, heads)
    slices = find_slices(config, texts, heads)

    size = config.batch_size
    answers = score_texts(loaded, texts, batch_size=size, progress=progress, message="scoring")
    parts = split_by_head(heads, answers, texts.targets, loaded.config.thresholds)
    require_known(parts, config.split)
    reference = Baseline.of(baseline, parts, texts, batch_size=size, progress=progress)

    documents = [_head_document(config, loaded, texts, slices, part, reference) for part in parts]
    documents = explain_worst_errors(loaded, documents, config.explanations, progress)
    metrics = {
        "split": config.split,
        "encoder": loaded.config.encoder,
        "for_tests_only": loaded.config.for_tests_only,
        **_model_document(config, model, loaded, texts, reference),
        **_behaviour_document(config, loaded, texts, answers, progress),
        **(documents[0] if len(documents) == 1 else {}),
        "heads": documents,
    }
    verdict = judge(metrics, answers.scores, config)

    write_json(evaluation.metrics_path, metrics)
    write_predictions(
        evaluation.predictions_path(config.split), texts, answers.scores, heads, loaded.config.thresholds
    )
    verdict.write(blessing.verdict_path)
    return {**_summarize(documents), "blessed": verdict.blessed}


def _head_document(
    config: EvaluatorConfig,
    loaded: "LoadedModel",
    texts: "LabelledTexts",
    slices: "Sequence[Slice]",
    rows: "HeadRows",
    baseline: "Baseline",
) -> dict[str, Any]:
    """What `metrics.json` says of a head: one line, and one function, a part."""
    from components.evaluation.head_measurement import compare_heads, measure_head
    from components.evaluation.reliability import measure_reliability
    from components.evaluation.slice_measurement import measure_slices
    from components.evaluation.worst_errors import worst_errors

    resampling = {"resamples": config.bootstrap_resamples, "seed": config.seed}
    measured = measure_head(rows, **resampling)
    theirs = baseline.heads.get(rows.head.name)
    bins = config.calibration.bins
    return {
        "head": rows.head.name,
        "task": rows.head.task,
        **measured.headline(),
        **measured.tables(),
        **measure_slices(slices, rows, theirs, min_rows=config.min_slice_rows, **resampling),
        **measure_reliability(rows, loaded.config.calibration, bins=bins, **resampling),
        "worst_errors": worst_errors(texts, rows, limit=config.worst_errors),
        "baseline": {"note": baseline.note}
        if theirs is None
        else compare_heads(measured, rows, theirs, bins=bins, **resampling),
    }


def _model_document(
    config: EvaluatorConfig, model: Model, loaded: "LoadedModel", texts: "LabelledTexts", baseline: "Baseline"
) -> dict[str, Any]:
    """What `metrics.json` says of the model as a whole: one line, and one function, a part."""
    from components.evaluation.latency import measure_latency
    from components.evaluation.size import measure_size

    parts: dict[str, Any] = {"size": measure_size(model, loaded)}
    if config.latency.any_set():
        parts["latency"] = measure_latency(loaded, baseline.model, texts, count=config.latency.texts)
    return parts


def _behaviour_document(
    config: EvaluatorConfig,
    loaded: "LoadedModel",
    texts: "LabelledTexts",
    answers: "Answers",
    progress: Progress,
) -> dict[str, Any]:
    """What `metrics.json` says of the model's behaviour: one line, and one function, a part."""
    from components.evaluation.behaviour.ask import Ask
    from components.evaluation.behaviour.fairness import measure_fairness
    from components.evaluation.behaviour.robustness import measure_robustness

    ask = Ask(loaded, batch_size=config.batch_size, progress=progress)
    resampling = {"resamples": config.bootstrap_resamples, "seed": config.seed}
    parts: dict[str, Any] = {}
    if config.robustness is not None:
        parts["robustness"] = measure_robustness(config.robustness, ask, texts, answers, **resampling)
    if config.fairness is not None:
        parts["fairness"] = measure_fairness(config.fairness, ask, texts, seed=config.seed)
    return parts


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
