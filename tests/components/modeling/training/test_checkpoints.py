import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.modeling.training.checkpoints import Checkpoints, Snapshot
from components.modeling.training.checkpoints_config import CheckpointsConfig
from components.modeling.training.distribution import Distribution


class Run:
    """Two variables that change, and a log."""

    def __init__(self, directory: Path, *, kept: bool = True, **settings: object) -> None:
        self.weight = tf.Variable(tf.zeros([3, 2]))
        self.count = tf.Variable(0, dtype=tf.int64)
        self.logs = Path(tempfile.mkdtemp(dir=directory))
        self.checkpoints = Checkpoints(
            directory / "checkpoints" if kept else None,
            CheckpointsConfig.model_validate(settings),
            variables={"network": [self.weight], "optimizer": [self.count, self.weight]},
            distribution=Distribution(),
            logs_dir=self.logs,
        )

    def save(self, step: int) -> None:
        self.weight.assign(tf.fill([3, 2], float(step)))
        self.count.assign(step)
        (self.logs / "events").write_text(f"up to {step}")
        snapshot = Snapshot({"step": step, "loss": 0.1 + step}, {"best weights": np.float32([step, np.nan])})
        self.checkpoints.save(step, snapshot)


def _restored(directory: Path) -> tuple[Run, Snapshot | None]:
    run = Run(directory)
    return run, run.checkpoints.restore()


def _assert_is_at(run: Run, snapshot: Snapshot | None, step: int) -> None:
    assert snapshot is not None
    assert snapshot.document == {"step": step, "loss": 0.1 + step}
    np.testing.assert_array_equal(snapshot.arrays["best weights"], np.float32([step, np.nan]))
    assert (run.weight.numpy() == step).all()
    assert int(run.count) == step
    assert (run.logs / "events").read_text() == f"up to {step}"


def test_the_newest_state_comes_back(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for step in (5, 10):
        run.save(step)
    _assert_is_at(*_restored(tmp_path), 10)


def test_nothing_saved_is_nothing_restored(tmp_path: Path) -> None:
    assert _restored(tmp_path)[1] is None


def test_only_the_last_few_are_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, keep=2)
    for step in (1, 2, 9, 10):
        run.save(step)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-000000009",
        "step-000000010",
    ]


def _files(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.is_file()]


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
@pytest.mark.parametrize(
    "file", ["state.json", "arrays.npz", "variables.index", "variables.data-00000-of-00001"]
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, file: str, damage: str) -> None:
    run = Run(tmp_path)
    for step in (5, 10):
        run.save(step)
    newest = tmp_path / "checkpoints" / "step-000000010"
    assert sorted(_files(newest)) == [
        "arrays.npz",
        "state.json",
        "variables.data-00000-of-00001",
        "variables.index",
    ]
    path = newest / file
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    match damage:
        case "cut":
            path.write_bytes(content[:middle])
        case "flipped":
            content[middle] ^= 0xFF
            path.write_bytes(content)
        case "gone":
            path.unlink()
    run, snapshot = _restored(tmp_path)
    _assert_is_at(run, snapshot, 5)
    assert not newest.exists()
    run.save(10)
    _assert_is_at(*_restored(tmp_path), 10)


def test_where_all_are_damaged_the_variables_stay(tmp_path: Path) -> None:
    Run(tmp_path).save(5)
    os.truncate(tmp_path / "checkpoints" / "step-000000005" / "arrays.npz", 10)
    run, snapshot = _restored(tmp_path)
    assert snapshot is None
    assert (run.weight.numpy() == 0).all()


def test_the_only_checkpoint_stays_until_the_next_of_its_step_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where an epoch's last step is saved, and once more when the epoch is over."""

    def killed(*args: object, **arrays: object) -> None:
        raise KeyboardInterrupt

    run = Run(tmp_path, keep=1)
    run.save(5)
    for place, name, replacement in ((np, "savez", killed), (Path, "rename", _once_published(killed))):
        monkeypatch.setattr(place, name, replacement)
        with pytest.raises(KeyboardInterrupt):
            run.save(5)
        monkeypatch.undo()
        _assert_is_at(*_restored(tmp_path), 5)
    run.save(5)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000000005"]


def _once_published(killed: Callable[..., None]) -> Callable[[Path, Path], Path]:
    """A rename that does not come to put what is published in the place of the old one."""
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        if not path.name.startswith("."):
            killed()
        return rename(path, target)

    return renamed


def test_what_was_half_written_is_removed(tmp_path: Path) -> None:
    Run(tmp_path).save(5)
    half = tmp_path / "checkpoints" / ".step-000000010.x1"
    half.mkdir()
    (half / "state.json").write_text("{")
    _assert_is_at(*_restored(tmp_path), 5)
    assert not half.exists()


def test_saving_is_due_after_steps_or_seconds(tmp_path: Path) -> None:
    by_steps = Run(tmp_path, every_steps=3, every_seconds=None).checkpoints
    assert [by_steps.is_due(step) for step in (1, 2, 3)] == [False, False, True]
    by_steps.save(3, Snapshot({}, {}))
    assert [by_steps.is_due(step) for step in (4, 5, 6)] == [False, False, True]
    assert Run(tmp_path, every_seconds=1e-6).checkpoints.is_due(1)
    assert not Run(tmp_path, every_seconds=3600).checkpoints.is_due(10**6)
    assert not Run(tmp_path, every_seconds=None).checkpoints.is_due(10**6)


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, kept=False, every_seconds=1e-6, every_steps=1)
    assert not run.checkpoints.are_kept
    assert not run.checkpoints.is_due(10)
    run.save(1)
    assert run.checkpoints.restore() is None
    assert [path.name for path in tmp_path.iterdir()] == [run.logs.name]
