"""Which loss a head is trained with, as configured."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, PositiveFloat, model_validator

from components.core.config import Config

if TYPE_CHECKING:
    from components.modeling.head_settings import Task

__all__ = ["LossConfig", "LossName"]

LossName: TypeAlias = Literal[
    "auto", "cross_entropy", "focal", "asymmetric", "squared_error", "huber", "concordance"
]

_FITTING: dict["Task", tuple[LossName, ...]] = {
    "multi_label": ("cross_entropy", "focal", "asymmetric"),
    "single_label": ("cross_entropy", "focal"),
    "ordinal": ("cross_entropy",),
    "regression": ("squared_error", "huber", "concordance"),
}
"""Losses by task; the first is what `auto` means."""

_OPTIONS: dict[str, tuple[LossName, ...]] = {
    "label_smoothing": ("cross_entropy", "focal"),
    "positive_weights": ("cross_entropy", "focal", "asymmetric"),
    "class_weights": ("cross_entropy", "focal", "asymmetric"),
    "weight_power": ("cross_entropy", "focal", "asymmetric"),
    "effective_number_beta": ("cross_entropy", "focal", "asymmetric"),
    "gamma": ("focal",),
    "alpha": ("focal",),
    "gamma_negative": ("asymmetric",),
    "gamma_positive": ("asymmetric",),
    "probability_shift": ("asymmetric",),
    "delta": ("huber",),
    "squared_error_weight": ("concordance",),
}
"""Losses that read an option."""

_OPTIONS_BY_TASK: dict[str, tuple["Task", ...]] = {
    "label_smoothing": ("multi_label", "single_label"),
    "positive_weights": ("multi_label",),
    "alpha": ("multi_label",),
}
"""Tasks for which an option has a meaning, where that is not every task of its losses."""


def _check_exponent(value: float) -> float:
    if 0 < value < 1:
        raise ValueError(f"must be 0 or at least 1, not {value:g}: in between, the gradient has no bound")
    return value


_Exponent: TypeAlias = Annotated[float, Field(ge=0, le=10), AfterValidator(_check_exponent)]


class LossConfig(Config):
    """What is minimised, and what it does against imbalance."""

    name: LossName = "auto"
    """`cross_entropy`: the negative log-likelihood of labels (multi_label: of each; single_label: of the one; ordinal:
    of "above level k"). `focal` (multi_label, single_label) and `asymmetric` (multi_label) turn away from what is easy.
    `squared_error`, `huber` (outliers) and `concordance` (agreement over a batch) are for regression. `auto`, the
    default, is cross_entropy for labels and squared_error for regression."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target that is spread evenly: over yes and no (multi_label), or over the labels (single_label). 0
    keeps scores calibrated to the labels; 0.1 is what is commonly tried."""

    positive_weights: Literal["none", "balanced"] | dict[str, PositiveFloat] = "none"
    """Factor of the "label applies" term, for multi_label: by label name (others have 1), or `balanced`: rows without
    the label over rows with it. It moves all scores of rare labels up, which tuned thresholds undo in part."""

    class_weights: Literal["none", "balanced", "effective_number"] | dict[str, PositiveFloat] = "none"
    """Factor of all that is learned about a label (multi_label), or of rows that have it (single_label, ordinal): by
    label name (others have 1), `balanced` (inverse to its rows) or `effective_number` (Cui et al., 2019)."""

    weight_power: float = Field(default=1.0, gt=0, le=1)
    """Exponent of `balanced` weights: 0.5, their square root, is gentler where labels differ by orders of magnitude."""

    effective_number_beta: float = Field(default=0.999, ge=0, lt=1)
    """Of `effective_number`: 0 weighs all labels the same, near 1 inversely to their rows. Up to about 1 / (1 - beta)
    rows of a label count as new each (1,000 by default). Cui et al. try 0.9 to 0.9999."""

    gamma: _Exponent = 2.0
    """Of `focal`: exponent of the error, 0 or 1 to 10; the higher, the less is learned from what is right already. 2 is
    best in Lin et al. (2017)."""

    alpha: float | None = Field(default=None, gt=0, lt=1)
    """Of `focal` for multi_label: weight of "applies"; "does not" gets 1 - alpha. None weighs both 1; Lin et al. use
    0.25 with gamma 2."""

    gamma_negative: _Exponent = 4.0
    """Of `asymmetric`: exponent for "does not apply"; 4 is what Ridnik et al. (2021) use."""

    gamma_positive: _Exponent = 1.0
    """Of `asymmetric`: exponent for "applies", lower than `gamma_negative`; the authors use 0 and, in their code, 1."""

    probability_shift: float = Field(default=0.05, ge=0, lt=1)
    """Of `asymmetric`: labels that do not apply and score below this teach nothing; 0.05 is the authors' value."""

    delta: float = Field(default=1.0, gt=0)
    """Of `huber`: errors above this grow linearly, in standard deviations of the training targets."""

    squared_error_weight: float = Field(default=0.0, ge=0)
    """Of `concordance`: weight of a squared error that is added, for small batches in which agreement is noisy."""

    @model_validator(mode="after")
    def _check_options(self) -> "LossConfig":
        if self.name != "auto":
            for option in self._changed_options():
                if self.name not in (losses := _OPTIONS[option]):
                    raise ValueError(f"{option} is of {_either(losses)}, and name is {self.name}; remove one")
        if self.effective_number_beta != _default("effective_number_beta") and (
            self.class_weights != "effective_number"
        ):
            raise ValueError(
                "effective_number_beta is read only where class_weights is effective_number; set that, too"
            )
        if self.weight_power != _default("weight_power") and (
            "balanced" not in (self.positive_weights, self.class_weights)
        ):
            raise ValueError(
                "weight_power is read only where positive_weights or class_weights is balanced; set one of them"
            )
        return self

    def chosen(self, task: "Task") -> LossName:
        """The loss's name, with `auto` resolved for a task."""
        return _FITTING[task][0] if self.name == "auto" else self.name

    def check_fits(self, task: "Task") -> None:
        """Checks that a head of this task can be trained with it.

        Raises:
            ValueError: the loss, or an option that differs from its default, has no meaning for the task.
        """
        name, fitting = self.chosen(task), _FITTING[task]
        if name not in fitting:
            raise ValueError(f"the loss {name} does not fit the task {task}, which takes {_either(fitting)}")
        for option in self._changed_options():
            if name not in (losses := _OPTIONS[option]):
                raise ValueError(
                    f"{option} is of the loss {_either(losses)}; the loss of the task {task} is {name}"
                )
            if task not in (tasks := _OPTIONS_BY_TASK.get(option, (task,))):
                raise ValueError(f"{option} is for {_either(tasks)}, and the task is {task}; remove it")

    def _changed_options(self) -> list[str]:
        return [option for option in _OPTIONS if getattr(self, option) != _default(option)]


def _default(option: str) -> object:
    return LossConfig.model_fields[option].default


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)
