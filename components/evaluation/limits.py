"""The limits that a model is held against, as they are configured."""

from typing import Annotated

from pydantic import Field

from components.core.config import Config

__all__ = ["ChangeThresholds", "QualityThresholds"]

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
