import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.core.errors import UserError
from pipeline.cli import app
from tests.components.evaluation.test_predictions import write


def call(*arguments: str | Path):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def test_stored_predictions_are_measured(tmp_path: Path) -> None:
    write(tmp_path / "predictions-test.npz", unknown=True)
    printed = call(tmp_path).stdout
    assert "emotion (multi label): 50 texts" in printed
    assert "Label ranking average precision" in printed
    assert "valence (regression): 0 texts" in printed
    document = json.loads(call(tmp_path / "predictions-test.npz", "--json").stdout)
    emotion, stars, _ = document["heads"]
    assert emotion["macro_f1"]["low"] is None
    assert f"{stars['quadratic_kappa']['value']:.3f}" in printed
    assert all(f"{row['auroc']:.3f}" in printed for row in emotion["labels"])


def test_a_directory_without_predictions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no predictions-\*.npz"):
        call(tmp_path)
