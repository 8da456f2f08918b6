"""Whether the configured limits can be met at all by the heads of a model."""

import difflib
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import get_args

from components.core.errors import ConfigError
from components.evaluation.behaviour.behaviour_config import SHIPPED_CASES, PerturbationName, RobustnessConfig
from components.evaluation.behaviour.cases import read_cases
from components.evaluation.checks.words import MAX
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.limits import QualityThresholds, RobustnessLimits
from components.modeling.heads import Head

__all__ = ["require_fitting_limits"]

_OF_LABELS = {
    *("macro_f1", "micro_f1", "weighted_f1", "min_label_f1", "label_f1"),
    *("macro_auroc", "ece", "brier"),
}
_OF_ONE = _OF_LABELS | {"accuracy", "balanced_accuracy", "kappa", "log_loss"}
_OF_SEVERAL = {
    "samples_f1",
    "jaccard",
    "hamming",
    "subset_accuracy",
    "lrap",
    "macro_jaccard",
    "macro_average_precision",
}
_METRICS = {
    "multi_label": _OF_LABELS | _OF_SEVERAL,
    "single_label": _OF_ONE,
    "ordinal": _OF_ONE | {"quadratic_kappa", "mae"},
    "regression": {"pearson", "spearman", "ccc", "mae", "rmse"},
}
"""Names of the figures that each task has."""

_OF_SLICES = {
    **dict.fromkeys(("multi_label", "single_label", "ordinal"), frozenset({"micro_f1", "macro_f1"})),
    "regression": {"pearson", "mae"},
}
"""Of these, what slices have."""


def require_fitting_limits(config: EvaluatorConfig, heads: Sequence[Head]) -> None:
    """Finds limits that would refuse every model, before the time is spent on measuring.

    Raises:
        ConfigError: a limit names a head, a label, a number or a test that there is not, or a figure that no head of
            its task has.
        DataError: a line of `config.robustness.cases` is no case.
    """
    by_name = {head.name: head for head in heads}
    for name, limits in config.head_thresholds.items():
        if name not in by_name:
            raise ConfigError(
                f"evaluator.head_thresholds names {name!r}, but the heads of the model are {', '.join(by_name)}"
            )
        _require_quality(f"evaluator.head_thresholds.{name}", limits, [by_name[name]])
    shared = [head for head in heads if head.name not in config.head_thresholds]
    if shared:
        _require_quality("evaluator.thresholds", config.thresholds, shared)
    chosen = config.change.model_fields_set
    losses = [name for name in config.change.losses() if f"{MAX}{name}" in chosen]
    _require_metrics("evaluator.change", (f"{MAX}{name}" for name in losses), heads)
    _require_metrics("evaluator.slice_limits", config.slice_limits.figures(), heads, _OF_SLICES)
    if config.robustness is not None and config.robustness_limits.tests:
        _require_tests(config.robustness, config.robustness_limits)


def _require_quality(section: str, limits: QualityThresholds, heads: Sequence[Head]) -> None:
    _require_metrics(section, limits.figures(), heads)
    for kind, named in (("labels", limits.labels), ("targets", limits.targets)):
        known = [
            output
            for head in heads
            if (head.task == "regression") == (kind == "targets")
            for output in head.outputs
        ]
        unknown = [output for output in named if output not in known]
        if unknown:
            raise ConfigError(
                f"{section}.{kind} names {unknown[0]!r}, but the {kind} of the model are {', '.join(known) or 'none'}"
            )


def _require_tests(robustness: RobustnessConfig, limits: RobustnessLimits) -> None:
    """The cases of a file that are none are found here, too."""
    files = [str(SHIPPED_CASES)] if robustness.shipped_cases else []
    files += [] if robustness.cases is None else [robustness.cases]
    changes = get_args(PerturbationName) if robustness.perturbations is None else robustness.perturbations
    known = dict.fromkeys([*changes, *(case.test for file in files for case in read_cases(file))])
    for name in limits.tests:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
            raise ConfigError(f"evaluator.robustness_limits.tests: no test is called {name!r}; {remedy}")


def _require_metrics(
    section: str,
    limits: Iterable[str],
    heads: Sequence[Head],
    metrics: Mapping[str, Set[str]] = _METRICS,
) -> None:
    known = set[str]().union(*(metrics[head.task] for head in heads))
    for limit in limits:
        metric = limit.removeprefix(MAX).removesuffix("_drop").removesuffix("_rise")
        if metric not in known:
            told = ", ".join(f"{head.name} ({head.task})" for head in heads)
            raise ConfigError(
                f"{section}.{limit} can be met by none of the heads {told}: they have {', '.join(sorted(known))}"
            )
