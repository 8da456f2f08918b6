"""Distillation and ensembles, as the Trainer does them."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.core.artifacts import (
    Examples,
    Model,
    SavedModelExport,
    TFLiteExport,
    TransformedExamples,
    TransformGraph,
)
from components.core.component import Scratch
from components.core.errors import ConfigError
from components.core.progress import NO_PROGRESS
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


def _plain_scores(loaded: LoadedModel, network: keras.Model) -> Any:
    """What a network of that kind answers without calibration."""
    config = loaded.config.model_copy(update={"calibration": {}})
    return LoadedModel(network, config, loaded.tokenizer).scores(TEXTS)


def test_the_average_answers_the_mean_of_its_members(average: Any, members: list[LoadedModel]):
    directory, loaded = average
    assert loaded.config.members == 2
    parts = [loaded.network.get_layer(f"member_{number}") for number in range(2)]
    scores = [_plain_scores(loaded, part) for part in parts]
    np.testing.assert_allclose(scores[0], _plain_scores(members[0], members[0].network), atol=1e-6)
    assert np.abs(scores[0] - scores[1]).max() > 0.01
    np.testing.assert_allclose(_plain_scores(loaded, loaded.network), np.mean(scores, axis=0), atol=1e-6)
    assert loaded.config.calibration["emotion"] != members[0].config.calibration["emotion"]
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


class _StopsAt:
    """Interrupts a stage when it says something."""

    def __init__(self, text: str) -> None:
        self.lines: list[str] = []
        self._text = text

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        if self._text and self._text in message:
            raise KeyboardInterrupt

    def log(self, message: str) -> None:
        self.lines.append(message)


def test_an_interrupted_ensemble_keeps_the_members_it_has(prepared: Prepared, average: Any, tmp_path: Path):
    _, uninterrupted = average
    _, graph, transformed = prepared
    settings = {**QUICK, "ensemble": {"seeds": 2, "combine": "average"}}
    arguments = {
        "config": TrainerConfig.model_validate(settings),
        "transformed": transformed,
        "transform_graph": graph,
        "scratch": Scratch(tmp_path / "scratch"),
    }
    (tmp_path / "first").mkdir()
    with pytest.raises(KeyboardInterrupt):
        trainer(**arguments, model=Model(tmp_path / "first"), progress=_StopsAt("model 2/2: epoch 1"))
    (tmp_path / "second").mkdir()
    progress = _StopsAt("")
    trainer(**arguments, model=Model(tmp_path / "second"), progress=progress)
    assert progress.lines[0] == "model 1/2: trained before the interruption"
    scores = load_model(Model(tmp_path / "second")).scores(TEXTS)
    np.testing.assert_allclose(scores, uninterrupted.scores(TEXTS), atol=1e-5)


def test_an_average_is_exported_as_one_graph(average: Any, tmp_path: Path):
    from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
    from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
    from serving.predictor import Predictor
    from tflite.interpreter import TextClassifier

    directory, loaded = average
    expected = loaded.scores(TEXTS)
    saved, phone = SavedModelExport(tmp_path / "saved"), TFLiteExport(tmp_path / "phone")
    saved.path.mkdir()
    phone.path.mkdir()
    saved_model_exporter(config=SavedModelExporterConfig(), model=Model(directory), export=saved)
    answers = Predictor(saved.saved_model_dir).predict(TEXTS)
    np.testing.assert_allclose([answer.scores for answer in answers], expected, atol=1e-5)
    tflite_exporter(config=TFLiteExporterConfig(variants=("float32",)), model=Model(directory), export=phone)
    ranked = TextClassifier(phone.model_path("float32")).classify(TEXTS)
    by_label = [{one.label: one.score for one in row} for row in ranked]
    found = [[scores[label] for label in loaded.config.labels] for scores in by_label]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_pushed_saved_model_teaches(
    average: Any, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The newest version of a pushed directory, asked through its signature."""
    from components.modeling.distillation.distillation_config import DistillationConfig
    from components.modeling.distillation.teachers import ask_teachers
    from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter

    directory, loaded = average
    export = SavedModelExport(tmp_path / "export")
    export.path.mkdir()
    saved_model_exporter(config=SavedModelExporterConfig(), model=Model(directory), export=export)
    export.saved_model_dir.rename(tmp_path / "2")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"an old version that is not read")
    config = DistillationConfig(teachers=(str(tmp_path), str(directory)))
    kept = tmp_path / "kept"
    found = ask_teachers(config, loaded.config.heads, TEXTS, kept_in=kept, progress=NO_PROGRESS)
    np.testing.assert_allclose(found, loaded.scores(TEXTS), atol=1e-5)
    monkeypatch.delattr("components.modeling.distillation.teachers.open_teacher")
    again = ask_teachers(config, loaded.config.heads, TEXTS, kept_in=kept, progress=NO_PROGRESS)
    np.testing.assert_array_equal(again, found)
