"""Which losses can be configured for which tasks."""

import itertools

import pytest
from pydantic import ValidationError

from components.modeling.losses.config import LossConfig

TASKS = ("multi_label", "single_label", "ordinal", "regression")
FITTING = {
    "multi_label": {"auto", "cross_entropy", "focal", "asymmetric"},
    "single_label": {"auto", "cross_entropy", "focal"},
    "ordinal": {"auto", "cross_entropy"},
    "regression": {"auto", "squared_error", "huber", "concordance"},
}
NAMES = sorted(set().union(*FITTING.values()))


@pytest.mark.parametrize(("task", "name"), list(itertools.product(TASKS, NAMES)))
def test_a_loss_fits_its_tasks_and_no_other(task: str, name: str) -> None:
    config = LossConfig(name=name)
    if name in FITTING[task]:
        config.check_fits(task)
    else:
        with pytest.raises(ValueError, match=f"the loss {name} does not fit the task {task}, which takes"):
            config.check_fits(task)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "huber", "gamma": 3}, "gamma is of focal, and name is huber"),
        ({"name": "asymmetric", "label_smoothing": 0.1}, "label_smoothing is of cross_entropy or focal"),
        ({"name": "focal", "gamma": 0.5}, "must be 0 or at least 1"),
        ({"weight_power": 0.5}, "weight_power is read only where"),
        ({"effective_number_beta": 0.9}, "set that, too"),
        ({"positive_weights": {"joy": 0}}, "greater than 0"),
        ({"nmae": "focal"}, "nmae"),
    ],
)
def test_what_says_nothing_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LossConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        (
            "single_label",
            {"positive_weights": "balanced"},
            "positive_weights is for multi_label, and the task is",
        ),
        ("ordinal", {"label_smoothing": 0.1}, "label_smoothing is for multi_label or single_label"),
        ("single_label", {"name": "focal", "alpha": 0.25}, "alpha is for multi_label"),
        ("regression", {"class_weights": "balanced"}, "the loss of the task regression is squared_error"),
        ("multi_label", {"delta": 2.0}, "delta is of the loss huber"),
    ],
)
def test_an_option_must_mean_something_for_the_task(
    task: str, settings: dict[str, object], message: str
) -> None:
    config = LossConfig.model_validate(settings)
    with pytest.raises(ValueError, match=message):
        config.check_fits(task)


def test_what_is_written_down_in_full_is_read_again() -> None:
    for config in (LossConfig(), LossConfig(name="huber", delta=2.0), LossConfig(class_weights={"joy": 2})):
        assert LossConfig.model_validate(config.model_dump()) == config
        assert LossConfig.model_validate_json(config.model_dump_json()) == config
