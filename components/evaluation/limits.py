"""The limits that a model is held against, as they are configured."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from components.core.config import Config

__all__ = [
    "ChangeThresholds",
    "FairnessLimits",
    "LabelThresholds",
    "LatencyLimits",
    "QualityThresholds",
    "RobustnessLimits",
    "SizeLimits",
    "SliceLimits",
    "TargetThresholds",
]

Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=-1, le=1)]
Error = Annotated[float, Field(ge=0)]


class LabelThresholds(Config):
    """Bounds of a single label; None = not checked."""

    f1: Share | None = None
    """Lowest F1, 0-1."""

    precision: Share | None = None
    """Lowest share of the texts given the label that have it, 0-1."""

    recall: Share | None = None
    """Lowest share of the texts with the label that are given it, 0-1."""

    average_precision: Share | None = None
    """Lowest average precision, 0-1: whatever the threshold."""

    auroc: Share | None = None
    """Lowest area under the ROC curve, 0-1; 0.5 is chance."""


class TargetThresholds(Config):
    """Bounds of a single number of a regression; None = not checked."""

    pearson: Correlation | None = None
    """Lowest Pearson correlation, -1 to 1."""

    spearman: Correlation | None = None
    """Lowest Spearman correlation, likewise."""

    ccc: Correlation | None = None
    """Lowest concordance correlation (Lin), likewise."""

    max_mae: Error | None = None
    """Highest mean absolute error, in the unit of the data."""

    max_rmse: Error | None = None
    """Highest root mean squared error, in the unit of the data."""


class QualityThresholds(Config):
    """Bounds that a model must keep; None = not checked. With none at all set, no model is blessed.

    A bound holds for every head that has the metric; one that no head has is a mistake.
    """

    macro_f1: Share | None = None
    """Lowest macro-F1, 0-1. None, since only the owner of the data knows what is good enough."""

    micro_f1: Share | None = None
    """Lowest micro-F1, 0-1; of one label a text it is the accuracy."""

    weighted_f1: Share | None = None
    """Lowest support-weighted F1, 0-1."""

    samples_f1: Share | None = None
    """Lowest mean F1 of a text's labels, 0-1, where any number of labels applies."""

    jaccard: Share | None = None
    """Lowest mean overlap of a text's given and right labels, 0-1, likewise."""

    macro_jaccard: Share | None = None
    """Lowest mean Jaccard index of the labels, 0-1, likewise."""

    macro_average_precision: Share | None = None
    """Lowest mean average precision of the labels, 0-1, likewise: whatever the thresholds."""

    macro_auroc: Share | None = None
    """Lowest mean area under the ROC curve of the labels, 0-1; 0.5 is chance."""

    subset_accuracy: Share | None = None
    """Lowest share of texts of which every label is right, 0-1, likewise."""

    lrap: Share | None = None
    """Lowest label ranking average precision, 0-1, likewise: whatever the thresholds."""

    max_hamming: Share | None = None
    """Highest share of wrong decisions, 0-1, likewise."""

    min_label_f1: Share | None = None
    """Lowest F1 of any single label, 0-1; a label that occurs in no text of the split has F1 0."""

    accuracy: Share | None = None
    """Lowest share of texts with the right label, 0-1, where one label applies."""

    balanced_accuracy: Share | None = None
    """Lowest mean recall of the labels, 0-1, where one label applies."""

    kappa: Correlation | None = None
    """Lowest Cohen's kappa, -1 to 1, where one label applies; 0 is chance."""

    max_log_loss: Error | None = None
    """Highest mean log loss, nats, where one label applies."""

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

    max_ece: Share | None = None
    """Highest expected calibration error, 0-1, of scores that are probabilities."""

    max_brier: Error | None = None
    """Highest Brier score of scores that are probabilities."""

    labels: Mapping[str, LabelThresholds] = Field(default_factory=dict)
    """Bounds of single labels by name: `{grief: {recall: 0.3}}`."""

    targets: Mapping[str, TargetThresholds] = Field(default_factory=dict)
    """Bounds of single numbers of a regression by name: `{valence: {pearson: 0.7}}`."""

    def figures(self) -> dict[str, float]:
        """The bounds that are set of a head as a whole, by name."""
        return _numbers(self, without=("labels", "targets"))

    def outputs(self) -> dict[str, dict[str, float]]:
        """Those of single labels and numbers, by name of the output."""
        single = {**self.labels, **self.targets}
        return {output: _numbers(limits) for output, limits in single.items()}


class ChangeThresholds(Config):
    """Largest losses against the last blessed model on the same texts; None = not checked.

    A loss refuses the model only if its paired 95 % interval excludes zero as well. The first model passes.
    """

    max_macro_f1_drop: Share | None = 0.01
    """Largest loss of macro-F1, 0-1. 0.01 is about what one more epoch changes on GoEmotions."""

    max_micro_f1_drop: Share | None = None
    """Largest loss of micro-F1, 0-1."""

    max_weighted_f1_drop: Share | None = None
    """Largest loss of support-weighted F1, 0-1."""

    max_samples_f1_drop: Share | None = None
    """Largest loss of the mean F1 of a text's labels, 0-1."""

    max_jaccard_drop: Share | None = None
    """Largest loss of the mean overlap of a text's labels, 0-1."""

    max_macro_jaccard_drop: Share | None = None
    """Largest loss of the mean Jaccard index of the labels, 0-1."""

    max_subset_accuracy_drop: Share | None = None
    """Largest loss of the share of texts of which every label is right, 0-1."""

    max_lrap_drop: Share | None = None
    """Largest loss of label ranking average precision, 0-1."""

    max_hamming_rise: Share | None = None
    """Largest rise of the share of wrong decisions, 0-1."""

    max_accuracy_drop: Share | None = None
    """Largest loss of accuracy, 0-1."""

    max_balanced_accuracy_drop: Share | None = None
    """Largest loss of the mean recall of the labels, 0-1."""

    max_kappa_drop: Share | None = None
    """Largest loss of Cohen's kappa."""

    max_log_loss_rise: Error | None = None
    """Largest rise of the mean log loss, nats."""

    max_quadratic_kappa_drop: Share | None = None
    """Largest loss of quadratic weighted kappa."""

    max_pearson_drop: Share | None = 0.01
    """Largest loss of the mean Pearson correlation of a regression."""

    max_ccc_drop: Share | None = None
    """Largest loss of the mean concordance correlation."""

    max_mae_rise: Error | None = None
    """Largest rise of the mean absolute error, in the unit of the data or in ranks."""

    max_rmse_rise: Error | None = None
    """Largest rise of the root mean squared error, in the unit of the data."""

    max_ece_rise: Share | None = None
    """Largest rise of the expected calibration error, 0-1."""

    max_brier_rise: Error | None = None
    """Largest rise of the Brier score."""

    max_label_f1_drop: Share | None = 0.1
    """Largest loss of F1 of any single label, 0-1, with bounds that hold for all labels at once. A tenth is lost when
    a label breaks, and hardly ever by another seed."""

    def losses(self) -> dict[str, float]:
        """The limits that are set, by name without `max_`: `macro_f1_drop`, `mae_rise`."""
        return {name.removeprefix("max_"): limit for name, limit in _numbers(self).items()}


class SliceLimits(Config):
    """Bounds that every slice must keep; None = not checked."""

    slices: tuple[str, ...] | None = None
    """Divisions that are held against them, named as in `slices` or in the report (`source`, `text_length`,
    `text length`); None = all of them."""

    min_rows: int = Field(default=100, ge=1)
    """Rows below which a slice is held against no bound: on fewer, micro-F1 moves by five points and more by chance."""

    micro_f1: Share | None = None
    """Lowest micro-F1 of a slice, 0-1."""

    macro_f1: Share | None = None
    """Lowest mean F1 of the labels that occur in a slice, 0-1."""

    pearson: Correlation | None = None
    """Lowest mean Pearson correlation of a slice, -1 to 1."""

    max_mae: Error | None = None
    """Highest mean absolute error of a slice, in the unit of the data."""

    max_gap: Share | None = None
    """Largest amount by which a slice's micro-F1 (Pearson) may lie below that of all rows. It refuses only if its
    interval excludes zero, whose bounds hold for all slices at once."""

    max_drop: Share | None = None
    """Largest loss of a slice's micro-F1 (Pearson) against the last blessed model on the same rows, likewise."""

    def figures(self) -> dict[str, float]:
        """The bounds that are set of a slice by itself, by name."""
        return _numbers(self, without=("slices", "min_rows", "max_gap", "max_drop"))

    def any_set(self) -> bool:
        """Whether there is a bound at all."""
        return bool(_numbers(self, without=("slices", "min_rows")))


class RobustnessLimits(Config):
    """Bounds of the behavioural tests; None = not checked."""

    max_failure_rate: Share | None = None
    """Highest share of failed cases of all tests together, 0-1."""

    max_test_failure_rate: Share | None = None
    """Highest share of failed cases of any single test, 0-1."""

    tests: Mapping[str, Share] = Field(default_factory=dict)
    """Highest shares of single tests by name, in place of `max_test_failure_rate`."""

    def any_set(self) -> bool:
        """Whether there is a bound at all."""
        return bool(self.tests) or self.max_failure_rate is not None or self.max_test_failure_rate is not None


class FairnessLimits(Config):
    """Bounds of the counterfactual identity swaps; None = not checked."""

    max_gap: Share | None = None
    """Largest amount, 0-1, by which naming a group may move a score up or down. A gap refuses only if its interval
    excludes zero, whose bounds hold for all groups and labels at once."""


class SizeLimits(Config):
    """Bounds of the model's size; None = not checked."""

    max_parameters: int | None = Field(default=None, ge=1)
    """Most parameters."""

    max_bytes: int | None = Field(default=None, ge=1)
    """Most bytes of the model's weights (float32)."""


class LatencyLimits(Config):
    """Bounds of the time that one text takes by itself; None = not checked.

    Times differ from run to run, and the same inputs should give the same artifact: without a bound none are taken.
    """

    texts: int = Field(default=50, ge=10, le=1000)
    """Texts of the split that are timed, one at a time, spread evenly over it."""

    max_median_ms: float | None = Field(default=None, gt=0)
    """Longest median, milliseconds; of this machine, in Keras: an export is faster."""

    max_p95_ms: float | None = Field(default=None, gt=0)
    """Longest time of 95 % of the texts, milliseconds, likewise."""

    max_ratio: float | None = Field(default=None, gt=0)
    """Largest median in multiples of the last blessed model's, which is timed in turns with it: a busy machine slows
    both."""

    def any_set(self) -> bool:
        """Whether there is a bound at all."""
        return any(limit is not None for limit in (self.max_median_ms, self.max_p95_ms, self.max_ratio))


def _numbers(limits: Config, *, without: tuple[str, ...] = ()) -> dict[str, float]:
    """The fields that are set, by name."""
    values = limits.model_dump(exclude=set(without))
    return {name: value for name, value in values.items() if value is not None}
