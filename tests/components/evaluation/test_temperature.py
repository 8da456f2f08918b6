import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from components.evaluation.temperature import fit_temperature

TASKS = ["multi_label", "single_label", "ordinal"]


def shares(task, logits):
    """The probabilities that the logits of a head stand for, by their definition."""
    if task == "multi_label":
        return expit(logits)
    if task == "single_label":
        return softmax(logits, axis=1)
    return -np.diff(expit(logits), axis=1, prepend=1.0, append=0.0)


def draw(task, rows, *, temperature):
    """Logits that are `temperature` times as large as what the labels are drawn from."""
    random = np.random.default_rng(4)
    true = random.normal(0, 1.5, (rows, 1 if task == "ordinal" else 3)) - np.array([0.0, 1.0, 2.5])
    likely = shares(task, true)
    if task == "multi_label":
        return temperature * true, random.random(likely.shape) < likely
    drawn = (random.random((rows, 1)) > likely.cumsum(axis=1)).sum(axis=1)
    return temperature * true, drawn[:, None] == np.arange(likely.shape[1])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_it_finds_the_temperature_that_scores_were_spoiled_with(task, temperature):
    logits, marks = draw(task, 20_000, temperature=temperature)
    assert fit_temperature(task, logits, marks) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("task", TASKS)
def test_the_truth_is_likeliest_at_that_temperature(task):
    logits, marks = draw(task, 150, temperature=1.7)

    def loss(inverse):
        found = shares(task, inverse * logits)
        if task == "multi_label":
            likelihood = -log_loss(marks.ravel(), found.ravel(), normalize=False)
        else:
            likelihood = np.log(np.maximum(found[marks], 1e-300)).sum()
        return (inverse - 1) ** 2 / 2 - likelihood

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(task, logits, marks) == pytest.approx(1 / best, rel=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_a_few_texts_that_are_all_right_do_not_make_scores_certain(task):
    logits, marks = draw(task, 4, temperature=1.0)
    likely = shares(task, logits)
    marks = likely > 0.5 if task == "multi_label" else likely == likely.max(axis=1, keepdims=True)
    assert 0.25 < fit_temperature(task, logits, marks) < 1


def test_levels_that_nothing_lies_between_are_no_error():
    logits = np.array([[1.0, 1.0], [-2.0, -2.0]])
    marks = np.array([[False, True, False], [True, False, False]])
    assert 0.05 <= fit_temperature("ordinal", logits, marks) <= 20
