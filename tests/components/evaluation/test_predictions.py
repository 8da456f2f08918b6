import json
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import DataError
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.predictions import read_header, read_predictions, write_predictions
from components.evaluation.stored_predictions import measure_predictions
from components.modeling.heads import Head

EMOTION = Head(outputs=("joy", "anger"))
STARS = Head(name="stars", task="ordinal", outputs=("one", "two", "three"))
VALENCE = Head(name="valence", task="regression", outputs=("valence",), mean=(3,), std=(1,))
HEADS = (EMOTION, STARS, VALENCE)
THRESHOLDS = (0.5, 0.25, 0.0, 0.0, 0.0, 0.0)


def write(path: Path, rows: int = 50, *, seed: int = 0, thresholds=THRESHOLDS, unknown: bool = False) -> Path:
    rng = np.random.default_rng(seed)
    stars = np.eye(3)[rng.integers(3, size=rows)]
    stars[::7] = np.nan
    emotions = rng.random((rows, 2)) < 0.3
    valence = np.full((rows, 1), np.nan) if unknown else rng.normal(3, 1, (rows, 1))
    targets = np.concatenate([emotions, stars, valence], axis=1).astype(np.float32)
    scores = rng.random(targets.shape, np.float32)
    texts = LabelledTexts([f"row-{row}" for row in range(rows)], [], targets, {})
    write_predictions(path, texts, scores, HEADS, thresholds)
    return path


def test_what_is_read_is_what_was_written(tmp_path):
    path = write(tmp_path / "predictions.npz")
    header = read_header(path)
    assert (header.heads, header.thresholds, header.rows) == (HEADS, THRESHOLDS, 50)
    batches = list(read_predictions(path, batch_rows=20))
    assert [len(scores) for scores, _ in batches] == [20, 20, 10]
    stored = np.load(path)
    assert sorted(stored) == ["heads", "ids", "outputs", "scores", "targets", "thresholds"]
    assert stored["ids"][3] == "row-3"
    scores, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert np.array_equal(scores, stored["scores"])
    assert np.array_equal(targets, stored["targets"], equal_nan=True)


def test_equal_predictions_are_equal_bytes(tmp_path):
    first, second = (write(tmp_path / name) for name in ("first.npz", "second.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_files_are_measured_as_one(tmp_path):
    paths = [write(tmp_path / f"part-{part}.npz", 20 + part, seed=part) for part in range(3)]
    whole = tmp_path / "whole.npz"
    stored = [np.load(path) for path in paths]
    scores, targets = (np.concatenate([part[name] for part in stored]) for name in ("scores", "targets"))
    write_predictions(whole, LabelledTexts(["" for _ in scores], [], targets, {}), scores, HEADS, THRESHOLDS)
    found, expected = measure_predictions(paths), measure_predictions([whole])
    assert [document["head"] for document in found] == ["emotion", "stars", "valence"]
    assert [document["rows"] for document in found] == [63, 63 - sum(np.isnan(targets[:, 2])), 63]
    exact = {"threshold_sweep", "co_occurrence", "confusion"}
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"labels", "targets"}:
            if isinstance(ours[name], dict) and name not in exact:
                assert ours[name]["value"] == pytest.approx(theirs[name]["value"], abs=1e-12), name
            else:
                assert ours[name] == theirs[name], name
    assert [row["auroc"] for row in found[0]["labels"]] == [row["auroc"] for row in expected[0]["labels"]]


def test_a_head_of_which_nothing_is_known_is_not_measured(tmp_path):
    *_, valence = measure_predictions([write(tmp_path / "predictions.npz", unknown=True)])
    assert valence == {"head": "valence", "task": "regression", "rows": 0}


def test_files_of_two_models_are_not_mixed(tmp_path):
    ours = write(tmp_path / "ours.npz")
    theirs = write(tmp_path / "theirs.npz", thresholds=(0.5,) * 6)
    with pytest.raises(DataError, match=r"theirs.npz: has other heads or thresholds than .*ours.npz"):
        measure_predictions([ours, theirs])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"cannot be read as predictions \(.*No such file"),
        (lambda path: path.write_text(json.dumps({})), "cannot be read as predictions"),
        (lambda path: np.savez(path, ids=np.zeros(3)), "expected a `predictions-<split>.npz`"),
        (lambda path: np.savez(path, scores=np.zeros((3, 2), np.float32)), "holds no 'heads'.*run it again"),
        (lambda path: np.savez(path, scores=np.zeros((3, 2))), r"is float64 \[3, 2\], not float32"),
    ],
)
def test_what_are_no_predictions(tmp_path, damage, message):
    path = write(tmp_path / "predictions.npz")
    damage(path)
    with pytest.raises(DataError, match=message):
        measure_predictions([path])
