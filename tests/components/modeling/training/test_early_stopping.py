import math

import pytest

from components.modeling.training.early_stopping import EarlyStopping, EarlyStoppingConfig
from components.trainer import TrainerConfig

NAN = float("nan")


def _early_stopping(**settings: object) -> EarlyStopping:
    return EarlyStopping(EarlyStoppingConfig.model_validate(settings))


@pytest.mark.parametrize(
    ("values", "patience", "min_delta", "expected"),
    [
        ([0.1], 1, 0.0, False),
        ([0.1, 0.2], 1, 0.0, False),
        ([0.2, 0.2], 1, 0.0, True),
        ([0.2, 0.1], 2, 0.0, False),
        ([0.2, 0.1, 0.15], 2, 0.0, True),
        ([0.2, 0.1, 0.3, 0.1], 2, 0.0, False),
        ([0.2, 0.24, 0.28], 2, 0.05, False),  # 0.28 is a gain on 0.2, the last one
        ([0.2, 0.22, 0.24], 2, 0.05, True),
        ([0.2, 0.1, 0.1, 0.1], None, 0.0, False),
        ([-math.inf, -math.inf], 1, 0.0, True),
    ],
)
def test_patience(values: list[float], patience: int | None, min_delta: float, expected: bool) -> None:
    assert _early_stopping(patience=patience, min_delta=min_delta).is_over(values) is expected


def test_the_best_is_the_first_of_the_highest_even_if_its_gain_is_small() -> None:
    stopping = _early_stopping(min_delta=0.1)
    assert stopping.best([0.2, 0.25, 0.25, 0.1]) == 1
    assert stopping.best([-math.inf]) == 0


@pytest.mark.parametrize(
    ("metric", "expected"), [("gate", 0.5), ("loss", -0.09), ("valence", 0.7), ("emotion", -math.inf)]
)
def test_what_is_watched(metric: str, expected: float) -> None:
    stopping = _early_stopping(metric=metric)
    assert stopping.value(metric=0.5, loss=0.09, by_head={"emotion": NAN, "valence": 0.7}) == expected


def test_a_metric_that_is_not_measured_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"'f1', but measured are gate, loss, emotion"):
        TrainerConfig.model_validate({"early_stopping": {"metric": "f1"}})
    heads = {"mood": {"task": "multi_label", "outputs": ["joy"]}}
    with pytest.raises(ValueError, match=r"'emotion', but measured are gate, loss, mood"):
        TrainerConfig.model_validate({"early_stopping": {"metric": "emotion"}, "heads": heads})
    TrainerConfig.model_validate({"early_stopping": {"metric": "mood"}, "heads": heads})
    TrainerConfig.model_validate({"early_stopping": {"metric": "emotion"}})
