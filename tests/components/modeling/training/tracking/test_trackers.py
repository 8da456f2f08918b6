"""Every tracker is read back with its own tools."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.pr_curve import plugin_data_pb2 as pr_curve_data
from tensorboard.util.tensor_util import make_ndarray

from components.core.errors import ConfigError
from components.modeling.heads import Head
from components.modeling.training.tracking.figures import confusion, heatmap
from components.modeling.training.tracking.tracker import PrCurve, flat_parameters
from components.modeling.training.tracking.tracking_config import TrackingConfig
from components.modeling.training.tracking.training_log import TrainingLog

HEADS = (Head(task="multi_label", outputs=("joy", "fear")),)
SCORES = np.array([[0.9, 0.2], [0.8, 0.6], [0.1, 0.7], [0.3, 0.1]], np.float32)
TARGETS = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], np.float32)
THRESHOLDS = np.array([0.5, 0.5], np.float32)
PARAMETERS = {"learning_rate": 1e-4, "loss.name": "focal", "epochs": 4}


class Lines:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None: ...

    def log(self, message: str) -> None:
        self.lines.append(message)


def _write(directory: Path, progress: Any = None, **config: Any) -> None:
    options = {} if progress is None else {"progress": progress}
    tracking = TrackingConfig.model_validate(config)
    with TrainingLog(directory, config=tracking, parameters=PARAMETERS, **options) as log:
        log.write(10, loss=0.5, learning_rate=1e-4)
        log.write(20, loss=0.25, learning_rate=2e-4)
        log.validation(20, HEADS, SCORES, THRESHOLDS, TARGETS)
        log.document("kept.json", {"a": 1})


def _events(directory: Path) -> EventAccumulator:
    return EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()


def _curve(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(name)]


def test_tensorboard_reads_the_scalars_back(tmp_path: Path) -> None:
    _write(tmp_path)
    events = _events(tmp_path)
    assert _curve(events, "loss") == [(10, 0.5), (20, 0.25)]
    assert _curve(events, "learning_rate") == [(10, pytest.approx(1e-4)), (20, pytest.approx(2e-4))]
    # joy: both right; fear: one right, one missed, one too many.
    assert _curve(events, "f1/joy") == [(20, 1.0)]
    assert _curve(events, "f1/fear") == [(20, 0.5)]


def test_tensorboard_reads_the_pr_curves_back(tmp_path: Path) -> None:
    _write(tmp_path)
    events = _events(tmp_path)
    assert set(events.PluginTagToContent("pr_curves")) == {"pr_curves/joy", "pr_curves/fear"}
    content = events.PluginTagToContent("pr_curves")["pr_curves/fear"]
    assert pr_curve_data.PrCurvePluginData.FromString(content).num_thresholds == 101
    (event,) = events.Tensors("pr_curves/fear")
    data = make_ndarray(event.tensor_proto)
    assert data.shape == (6, 101)
    # At 0.5: texts 2 and 3 are given the label, 2 and 4 have it.
    np.testing.assert_allclose(data[:, 50], [1, 1, 1, 1, 0.5, 0.5])
    np.testing.assert_allclose(data[:, 0], [2, 2, 0, 0, 0.5, 1.0])


def test_tensorboard_reads_figure_and_settings_back(tmp_path: Path) -> None:
    _write(tmp_path)
    events = _events(tmp_path)
    width, height, png = make_ndarray(events.Tensors("confusion")[0].tensor_proto)
    assert png.startswith(b"\x89PNG")
    assert int(width) == int(height) > 44
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["loss.name"].string_value == "focal"
    assert values["learning_rate"].number_value == pytest.approx(1e-4)


def test_pr_curve_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import precision_score, recall_score

    random = np.random.default_rng(0)
    targets = random.integers(0, 2, 200)
    # Scores between the thresholds: none is a matter of rounding.
    scores = ((random.integers(0, 100, 200) + 0.5) / 100).astype(np.float32)
    curve = PrCurve.of("joy", scores, targets)
    for place in (0, 13, 50, 99, 100):
        decided = scores >= curve.thresholds[place]
        assert curve.precision[place] == pytest.approx(precision_score(targets, decided, zero_division=0))
        assert curve.recall[place] == pytest.approx(recall_score(targets, decided))


def test_confusion_of_one_label_a_text_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix

    random = np.random.default_rng(0)
    actual, decided = random.integers(0, 3, 60), random.integers(0, 3, 60)
    shares = confusion(np.eye(3, dtype=bool)[decided], np.eye(3, dtype=np.float32)[actual])
    np.testing.assert_allclose(shares, confusion_matrix(actual, decided, normalize="true"))


def test_heatmap_has_rows_at_the_left_and_columns_above() -> None:
    names = ("a", "b", "c")
    shares = np.zeros((3, 3))
    shares[0, 2] = 1.0
    image = heatmap(shares, names)
    size, cell = image.shape[0], 22
    corner = size - 3 * cell
    middles = image[corner + cell // 2 :: cell, corner + cell // 2 :: cell]
    dark = (middles == [34, 66, 143]).all(axis=-1)
    assert dark.tolist() == [[False, False, True], [False] * 3, [False] * 3]
    assert (image[corner:, :corner] < 128).any()
    assert (image[:corner, corner:] < 128).any()


def test_numbers_and_unknown_rows_have_no_curves(tmp_path: Path) -> None:
    heads = (
        Head(name="mood", task="single_label", outputs=("up", "down")),
        Head(name="vad", task="regression", outputs=("valence",), mean=(0.0,), std=(1.0,)),
    )
    scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.1]], np.float32)
    targets = np.array([[1, 0, 0.2], [np.nan, np.nan, 0.1]], np.float32)
    with TrainingLog(tmp_path) as log:
        log.validation(1, heads, scores, np.zeros(3, np.float32), targets)
    events = _events(tmp_path)
    assert set(events.Tags()["tensors"]) == {
        "f1/up",
        "f1/down",
        "pr_curves/up",
        "pr_curves/down",
        "confusion/mood",
    }
    assert _curve(events, "f1/up") == [(1, 1.0)]


def test_settings_are_flat() -> None:
    document = {"a": {"b": 1, "c": None, "d": []}, "e": [1, "x"], "f": True}
    assert flat_parameters(document) == {"a.b": 1, "e": '[1, "x"]', "f": True}


@pytest.fixture
def wandb_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    pytest.importorskip("wandb", reason="the extra `tracking` is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    yield
    import wandb

    wandb.teardown()


@pytest.mark.usefixtures("wandb_offline")
def test_wandb_keeps_an_offline_run(tmp_path: Path) -> None:
    import wandb

    lines = Lines()
    _write(
        tmp_path / "logs",
        lines,
        run_name="first",
        wandb={"project": "moods", "group": "seeds", "tags": ["toy"]},
    )
    assert lines.lines == []
    wandb.teardown()  # waits for the process that writes
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    records = list(_wandb_records(file))
    (run,) = [record.run for record in records if record.HasField("run")]
    assert (run.project, run.run_group, run.display_name, list(run.tags)) == (
        "moods",
        "seeds",
        "first",
        ["toy"],
    )
    rows = [_items(record.history.item) for record in records if record.HasField("history")]
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    assert losses == [(10, 0.5), (20, 0.25)]
    kinds = {key: value for row in rows for key, value in row.items() if key.endswith("_type")}
    assert kinds == {"confusion/_type": "image-file", "pr_curves/_type": "table-file"}
    config = {}
    for record in records:
        if record.HasField("config"):
            config.update(_items(record.config.update))
    assert config["loss.name"] == "focal"
    assert json.loads((file.parent / "files" / "kept.json").read_text()) == {"a": 1}
    assert [record.exit.exit_code for record in records if record.HasField("exit")] == [0]


def _wandb_records(path: Path) -> Iterator[Any]:
    """W&B's file is a LevelDB log after 7 bytes of its own: blocks of 32 KiB that hold records, or parts of them."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, record = path.read_bytes(), 7, b""
    while position < len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        record += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(record)
            record = b""


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


ignore_mlflow_warnings = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"  # MLflow 3.17 on SQLAlchemy 2.1
)


@ignore_mlflow_warnings
def test_mlflow_keeps_a_run_in_a_local_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra `tracking` is not installed")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    _write(tmp_path / "logs", run_name="first", mlflow={"tracking_uri": uri, "experiment": "moods"})
    client = mlflow.MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("moods").experiment_id])
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params == {"learning_rate": "0.0001", "loss.name": "focal", "epochs": "4"}
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(10, 0.5), (20, 0.25)]
    names = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    assert names == {"kept.json", "confusion", "pr_curves"}
    (curves,) = client.list_artifacts(run.info.run_id, "pr_curves")
    path = client.download_artifacts(run.info.run_id, curves.path, str(tmp_path))
    assert json.loads(Path(path).read_text())["fear"]["recall"][50] == 0.5


@ignore_mlflow_warnings
def test_a_tracker_that_cannot_be_reached_is_said_before_the_training(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra `tracking` is not installed")
    uri = "nosuchstore://host"
    with pytest.raises(ConfigError, match=r"trainer\.tracking: MLflow cannot be reached"):
        _write(tmp_path, mlflow={"tracking_uri": uri, "experiment": "moods"})


@ignore_mlflow_warnings
def test_a_tracker_that_fails_on_the_way_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="the extra `tracking` is not installed")
    from components.modeling.training.tracking.mlflow_tracker import MLflowTracker

    def gone(*_: Any) -> None:
        raise ConnectionError("connection refused")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MLflowTracker, "scalars", gone)
    lines = Lines()
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    _write(tmp_path / "logs", lines, mlflow={"tracking_uri": uri, "experiment": "moods"})
    assert lines.lines == ["MLflow is left out from here on: ConnectionError: connection refused"]
    assert len(_curve(_events(tmp_path / "logs"), "loss")) == 2


def test_a_package_that_is_not_there_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = TrackingConfig.model_validate({"wandb": {"project": "moods"}})
    (problem,) = config.problems()
    assert problem.setting == "wandb"
    assert "needs the package wandb: pip install 'emotion-pipeline[tracking]'" in problem.message
    assert list(TrackingConfig().problems()) == []
