import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.distillation.soft_targets import columns_in, require_shares, soften
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head

HEADS = (
    Head(name="emotion", task="multi_label", outputs=("joy", "anger")),
    Head(name="sentiment", task="single_label", outputs=("good", "bad", "mixed")),
    Head(name="intensity", task="ordinal", outputs=("low", "middle", "high")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(2.0,), std=(3.0,)),
)


def _logits(rows: int) -> np.ndarray:
    """Of all heads; those of the ordinal one descend."""
    logits = np.random.default_rng(1).normal(0, 3, (rows, 8)).astype(np.float32)
    logits[:, 5:7] = -np.sort(-logits[:, 5:7], axis=1)
    return logits


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 7.0])
def test_softened_scores_are_those_of_divided_logits(temperature: float):
    logits = _logits(200)
    divided = logits / np.where(np.arange(8) < 7, temperature, 1).astype(np.float32)
    expected = np.asarray(scores_of(HEADS, divided))
    found = soften(HEADS, np.asarray(scores_of(HEADS, logits)), temperature)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_certain_scores_stay_numbers():
    scores = np.array([[0, 1, 0, 0, 1, 0, 0, 1, 5]], np.float32)
    assert np.isfinite(soften(HEADS, scores, 2.0)).all()


def test_a_teachers_columns_are_found_by_name():
    outputs = ("bad", "anger", "x", "good", "joy", "mixed")
    assert columns_in("t", outputs, {}, HEADS[:2]) == [4, 1, 3, 0, 5]


def test_a_teacher_of_other_outputs_is_refused():
    with pytest.raises(ConfigError, match=r"models/t does not answer 'anger'.*it answers joy"):
        columns_in("models/t", ("joy",), {}, HEADS[:1])


def test_a_teacher_of_another_task_is_refused():
    with pytest.raises(ConfigError, match=r"head 'sentiment' is single_label.* are multi_label"):
        columns_in("t", HEADS[1].outputs, dict.fromkeys(HEADS[1].outputs, "multi_label"), HEADS[1:2])


def test_a_teacher_that_knows_more_labels_of_which_one_applies_is_refused():
    head = HEADS[1]
    require_shares("t", [head], np.array([[0.2, 0.3, 0.5]], np.float32))
    with pytest.raises(ConfigError, match=r"head 'sentiment' one applies.*sum up to 0\.60"):
        require_shares("t", [head], np.array([[0.2, 0.3, 0.5], [0.1, 0.2, 0.3]], np.float32))
