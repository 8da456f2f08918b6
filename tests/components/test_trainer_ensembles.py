"""Distillation and ensembles, as the Trainer does them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Examples, Model, TransformedExamples, TransformGraph
from components.core.errors import ConfigError
from components.modeling.classifier import LoadedModel, load_model
from components.trainer import TrainerConfig, trainer
from tests.components.toy_corpus import LABELS, examples_of, run_transform, toy_examples, toy_rows

Prepared = tuple[Examples, TransformGraph, TransformedExamples]

QUICK = {"epochs": 2, "batch_size": 16, "learning_rate": 5e-3, "precision": "float32"}
TEXTS = [row["text"] for row in toy_rows(50, seed=7)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    examples = toy_examples(directory)
    return examples, *run_transform(directory, examples)


def _train(directory: Path, prepared: Prepared, **settings: Any) -> LoadedModel:
    examples, graph, transformed = prepared
    directory.mkdir(parents=True, exist_ok=True)
    trainer(
        config=TrainerConfig.model_validate({**QUICK, **settings}),
        transformed=transformed,
        transform_graph=graph,
        examples=examples,
        model=Model(directory),
    )
    return load_model(Model(directory))


def _history(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Model(directory).history_path.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def members(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> list[LoadedModel]:
    """What the members of `average` must be: the first by itself."""
    return [_train(tmp_path_factory.mktemp("member"), prepared, seed=0)]


@pytest.fixture(scope="module")
def average(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LoadedModel]:
    directory = tmp_path_factory.mktemp("average")
    return directory, _train(directory, prepared, ensemble={"seeds": 2, "combine": "average"})


def test_the_average_answers_the_mean_of_its_members(average: Any, members: list[LoadedModel]):
    directory, loaded = average
    assert loaded.config.members == 2
    parts = [loaded.network.get_layer(f"member_{number}") for number in range(2)]
    scores = []
    for part in parts:
        alone = LoadedModel(part, loaded.config, loaded.tokenizer)
        scores.append(alone.scores(TEXTS))
    np.testing.assert_allclose(scores[0], members[0].scores(TEXTS), atol=1e-6)
    assert np.abs(scores[0] - scores[1]).max() > 0.01
    np.testing.assert_allclose(loaded.scores(TEXTS), np.mean(scores, axis=0), atol=1e-6)
    noted = _history(directory)["ensemble"]
    assert [member["seed"] for member in noted["members"]] == [0, 1]


def test_a_soup_is_one_network_no_worse_than_its_best_member(prepared: Prepared, tmp_path: Path):
    loaded = _train(tmp_path, prepared, ensemble={"seeds": 2})
    noted = _history(tmp_path)["ensemble"]
    assert loaded.config.members == 1
    assert noted["combine"] == "soup"
    best = max(member["epochs"][member["best_epoch"] - 1]["validation_metric"] for member in noted["members"])
    assert loaded.config.training is not None
    assert loaded.config.training.validation_metric >= best
    assert noted["in_soup"]


def test_a_student_of_an_ensemble_is_one_network(prepared: Prepared, tmp_path: Path):
    settings = {"seeds": 2, "combine": "distil", "distillation": {"weight": 1}}
    loaded = _train(tmp_path, prepared, ensemble=settings)
    assert loaded.config.members == 1
    noted = _history(tmp_path)["ensemble"]
    assert 0 < noted["teacher_metric"] <= 1
    assert (tmp_path / "logs" / "student").is_dir()


def test_a_student_answers_as_its_teacher_and_not_as_its_labels(
    prepared: Prepared, members: list[LoadedModel], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    """Labels shifted by one, weight 1: what the student knows can only come from the teacher."""
    teacher = tmp_path_factory.mktemp("teacher")
    taught_by = _train(teacher, prepared, epochs=5)
    rows = [
        {**row, "labels": [LABELS[(LABELS.index(label) + 1) % 4] for label in row["labels"]]}
        for row in toy_rows(400, seed=1)
    ]
    splits = {"train": rows, "validation": toy_rows(120, seed=2)}
    examples = examples_of(tmp_path / "wrong", splits)
    wrong = (examples, *run_transform(tmp_path / "wrong", examples))
    distillation = {"teachers": [str(teacher)], "weight": 1}
    student = _train(tmp_path / "student", wrong, epochs=5, distillation=distillation)
    alone = _train(tmp_path / "alone", wrong, epochs=5)
    expected = taught_by.scores(TEXTS)
    taught, untaught = (np.abs(model.scores(TEXTS) - expected).mean() for model in (student, alone))
    assert taught < untaught / 2


def test_a_place_without_a_model_is_no_teacher(prepared: Prepared, tmp_path: Path):
    with pytest.raises(ConfigError, match="holds no model"):
        _train(tmp_path / "student", prepared, distillation={"teachers": [str(tmp_path)]})


def test_teachers_need_the_texts(prepared: Prepared, tmp_path: Path):
    _, graph, transformed = prepared
    config = TrainerConfig.model_validate({"distillation": {"teachers": [str(tmp_path)]}})
    with pytest.raises(ConfigError, match="needs `examples`"):
        trainer(config=config, transformed=transformed, transform_graph=graph, model=Model(tmp_path))
