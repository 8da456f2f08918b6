"""One seed, one machine, two processes: the same weights to the last bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from components.core.artifacts import Model
from components.modeling.classifier import load_model
from tests.components.toy_corpus import run_transform, toy_examples
from tests.components.toy_training import start_training


@pytest.mark.parametrize(
    ("deterministic", "precision"), [(False, "float32"), (False, "mixed_bfloat16"), (True, "float32")]
)
def test_two_processes_train_the_same_weights(tmp_path: Path, deterministic: bool, precision: str) -> None:
    """Without `deterministic`, too: what it forbids happens on GPUs only."""
    run_transform(tmp_path, toy_examples(tmp_path, train=200, validation=40))
    settings = {
        "epochs": 2,
        "learning_rate": 5e-3,
        "deterministic": deterministic,
        "precision": precision,
        "encoder_dropout": 0.2,
    }
    models = [Model(tmp_path / f"model-{number}") for number in range(2)]
    for model in models:
        process = start_training(prepared=tmp_path, model=model.path, settings=settings)
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
    one, other = ([weight.numpy() for weight in load_model(model).network.weights] for model in models)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    losses = [
        [epoch["loss"] for epoch in json.loads(model.history_path.read_text())["epochs"]] for model in models
    ]
    assert losses[0] == losses[1]
