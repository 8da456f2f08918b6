"""The configuration of the Evaluator: what is measured, and what the model must reach."""

from collections.abc import Mapping

from pydantic import Field, field_validator, model_validator

from components.core.config import Config
from components.evaluation.behaviour.behaviour_config import (
    FairnessConfig,
    RobustnessConfig,
    shipped_versions,
)
from components.evaluation.explanations.settings import ExplanationsConfig
from components.evaluation.limits import (
    ChangeThresholds,
    FairnessLimits,
    LatencyLimits,
    QualityThresholds,
    RobustnessLimits,
    SizeLimits,
    SliceLimits,
)
from components.evaluation.reliability_config import ReliabilityConfig
from components.modeling.head_settings import HeadName

__all__ = ["BUILTIN_SLICES", "EvaluatorConfig"]

BUILTIN_SLICES = ("text_length", "label_count", "language", "script", "emoji", "negation")
"""Divisions of the rows that need no column."""


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

    slice_limits: SliceLimits = SliceLimits()
    """Bounds of every slice."""

    robustness_limits: RobustnessLimits = RobustnessLimits()
    """Bounds of the behavioural tests."""

    fairness_limits: FairnessLimits = FairnessLimits()
    """Bounds of the identity swaps."""

    size_limits: SizeLimits = SizeLimits()
    """Bounds of the model's size."""

    latency: LatencyLimits = LatencyLimits()
    """Bounds of the time that a text takes."""

    calibration: ReliabilityConfig = ReliabilityConfig()
    """How it is measured whether scores mean what they say."""

    bootstrap_resamples: int = Field(default=1000, ge=100, le=100_000)
    """Resamples behind every interval: 1,000 place a 95 % bound within about a tenth of the interval's width."""

    seed: int = Field(default=0, ge=0)
    """Seed of the resampling."""

    slices: tuple[str | tuple[str, ...], ...] | None = None
    """What the rows are divided by: slice columns of the examples, and what is built in: `text_length`, `label_count`,
    `language`, `script`, `emoji` (with or without) and `negation` (English words that negate, or none). A list within
    the list crosses divisions: `[[source, language]]`. None = each of them by itself, () = none."""

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

    robustness: RobustnessConfig | None = RobustnessConfig()
    """Behavioural tests: harmless changes of the texts, negation, plain sentences; null = none."""

    fairness: FairnessConfig | None = FairnessConfig()
    """Sentences that differ only in who they are about; null = none."""

    batch_size: int = Field(default=64, ge=1, le=4096)
    """Texts scored at a time; memory grows with it, the results do not depend on it."""

    def external_versions(self) -> Mapping[str, str]:
        """What ships with the project and is no code."""
        return shipped_versions(self.robustness, self.fairness)

    @field_validator("length_slices")
    @classmethod
    def _ascending(cls, bounds: tuple[int, ...]) -> tuple[int, ...]:
        if list(bounds) != sorted(set(bounds)) or any(bound < 0 for bound in bounds):
            raise ValueError(f"expected ascending numbers of words, got {list(bounds)}")
        return bounds

    @model_validator(mode="after")
    def _limits_can_be_met(self) -> "EvaluatorConfig":
        """What is not measured keeps no limit, and would refuse every model."""
        if self.robustness is None and self.robustness_limits.any_set():
            raise ValueError("robustness_limits cannot be met without the tests; leave out robustness: null")
        if self.fairness is None and self.fairness_limits.max_gap is not None:
            raise ValueError("fairness_limits cannot be met without the swaps; leave out fairness: null")
        if self.slice_limits.any_set() and self.slices == ():
            raise ValueError(
                "slice_limits cannot be met without slices; name some in slices, or leave it out"
            )
        return self
