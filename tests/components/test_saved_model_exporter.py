"""The SavedModel exporter writes what the trained model says."""

import json
from pathlib import Path

import numpy as np
import pytest

from components.core.artifacts import Model, SavedModelExport
from components.core.component import Summary
from components.core.errors import StageError
from components.modeling.classifier import load_model
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from serving.description import describe
from serving.predictor import Predictor
from tests.components.exported_model import LABELS, THRESHOLDS, small_model

TEXTS = ["I am so happy", "", "[NAME] is ANGRY, café", "sad " * 100, "今天 😀"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def exported(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[SavedModelExport, Summary]:
    export = SavedModelExport(tmp_path_factory.mktemp("export"))
    return export, saved_model_exporter(config=SavedModelExporterConfig(), model=model, export=export)


def test_it_answers_as_the_keras_model(model: Model, exported: tuple[SavedModelExport, Summary]) -> None:
    predictor = Predictor(exported[0].saved_model_dir)
    answers = predictor.predict(TEXTS)
    predictor.close()
    expected = load_model(model).scores(TEXTS)
    np.testing.assert_allclose([answer.scores for answer in answers], expected, atol=1e-5)
    assert [answer.labels for answer in answers] == [LABELS] * len(TEXTS)
    decided = np.array([answer.decided for answer in answers])
    np.testing.assert_array_equal(decided, expected >= np.float32(THRESHOLDS))
    assert 0 < decided.mean() < 1, "the small model must decide both ways"


def test_the_facts_are_written_down(model: Model, exported: tuple[SavedModelExport, Summary]) -> None:
    export, summary = exported
    facts = json.loads(export.export_path.read_text())
    files = [file for file in export.saved_model_dir.rglob("*") if file.is_file()]
    assert facts["labels"] == list(LABELS)
    assert facts["thresholds"] == list(THRESHOLDS)
    assert facts["signatures"] == ["classify", "serving_default", "tokenize", "tokens"]
    assert facts["size_bytes"] == sum(file.stat().st_size for file in files)
    assert facts["parameters"] == load_model(model).network.count_params()
    assert summary == {
        "size_mb": round(facts["size_bytes"] / 1e6, 2),
        "signatures": "classify, serving_default, tokenize, tokens",
    }
    assert describe(export.saved_model_dir).labels == LABELS
    assert sorted(entry.name for entry in export.path.iterdir()) == ["export.json", "saved_model"]


def test_every_weight_is_in_the_file(model: Model, exported: tuple[SavedModelExport, Summary]) -> None:
    parameters = load_model(model).network.count_params()
    data = exported[0].saved_model_dir / "variables" / "variables.data-00000-of-00001"
    assert data.stat().st_size >= 4 * parameters, "float32 weights"


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    with pytest.raises(StageError, match=str(tmp_path / "model")):
        saved_model_exporter(
            config=SavedModelExporterConfig(),
            model=Model(tmp_path / "model"),
            export=SavedModelExport(tmp_path / "export"),
        )
