"""Losses as a user configures and trains with them."""

from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Model
from components.core.errors import ConfigError
from components.trainer import TrainerConfig, trainer
from pipeline.config import parse_config
from tests.components.toy_corpus import run_transform, toy_examples

Prepared = tuple[Any, Any]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    return run_transform(directory, toy_examples(directory))


@pytest.mark.parametrize(
    "loss",
    [
        {"name": "focal", "label_smoothing": 0.05},
        {"name": "asymmetric", "gamma_negative": 2, "class_weights": "effective_number"},
        {"positive_weights": "balanced", "weight_power": 0.5},
    ],
    ids=lambda loss: str(loss.get("name", "weighted")),
)
def test_losses_against_imbalance_learn(prepared: Prepared, loss: dict[str, Any], tmp_path: Path) -> None:
    graph, transformed = prepared
    settings = {"epochs": 6, "learning_rate": 5e-3, "batch_size": 16, "precision": "float32", "loss": loss}
    summary = trainer(
        config=TrainerConfig.model_validate(settings),
        transformed=transformed,
        transform_graph=graph,
        model=Model(tmp_path),
    )
    assert summary["validation macro-F1"] > 0.85


def test_a_weight_for_no_label_stops_before_the_training(prepared: Prepared, tmp_path: Path) -> None:
    graph, transformed = prepared
    config = TrainerConfig.model_validate({"loss": {"positive_weights": {"jy": 2}}})
    with pytest.raises(
        ConfigError, match=r"loss\.positive_weights: there is no label 'jy'; did you mean 'joy'"
    ):
        trainer(config=config, transformed=transformed, transform_graph=graph, model=Model(tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": {"name": "huber"}}, "the loss huber does not fit the task multi_label"),
        (
            {"task": "regression", "loss": {"name": "focal"}},
            "the loss focal does not fit the task regression",
        ),
        (
            {"heads": {"vad": {"task": "regression", "outputs": ["v"], "loss": {"name": "focal"}}}},
            r"`trainer\.heads\.vad`: the loss focal does not fit the task regression",
        ),
        ({"loss": {"name": "focal", "gama": 3}}, r"unknown key `trainer\.loss\.gama`; did you mean `gamma`"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_configuration_is_read(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({"name": "x", "example_gen": {"source": "x.csv"}, "trainer": settings})


def test_a_heads_own_loss_stands_in_place_of_the_trainers() -> None:
    config = TrainerConfig.model_validate(
        {
            "loss": {"name": "focal"},
            "heads": {
                "emotion": {"task": "multi_label", "outputs": ["*"]},
                "vad": {"task": "regression", "outputs": ["v"], "loss": {"name": "huber"}},
            },
        }
    )
    assert config.heads["vad"].loss is not None
    assert config.heads["emotion"].loss is None
