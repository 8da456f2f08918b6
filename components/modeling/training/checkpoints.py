"""The whole state of a training on disk, so that it goes on after `kill -9` as if nothing had happened.

```
<directory>/step-<number>/state.json          where the training is, what was measured
<directory>/step-<number>/arrays.npz          best weights so far and the like
<directory>/step-<number>/variables.*         tf.train.Checkpoint: weights, moments, random states
<directory>/step-<number>/logs/               the event files up to here
```

A checkpoint is written beside its place, flushed to the disk, then renamed: it is there whole or not at all. Where one
of the same step is there already, the new one stands beside it as `step-<number>.new` until that is gone. What is
damaged later fails a checksum (of TensorFlow's tensors, of the zip), and the checkpoint before it is taken.
"""

import io
import json
import logging
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core.atomic_files import publishing
from components.modeling.training.checkpoints_config import CheckpointsConfig
from components.modeling.training.distribution import Distribution

__all__ = ["Checkpoints", "Snapshot"]

_log = logging.getLogger(__name__)

_NEW = ".new"

_DAMAGE = (OSError, ValueError, LookupError, EOFError, RuntimeError, zipfile.BadZipFile, tf.errors.OpError)


@dataclass(frozen=True)
class Snapshot:
    """The part of a training's state that stands in no variable.

    Attributes:
        document: any JSON.
        arrays: by name.
    """

    document: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        directory: where they are; None keeps none.
        config: when they are written.
        variables: everything that changes in training, by group.
        distribution: of several machines only the chief writes, and the others get the state from it.
        logs_dir: event files that belong to the state.
    """

    def __init__(
        self,
        directory: Path | None,
        config: CheckpointsConfig,
        *,
        variables: Mapping[str, Sequence[tf.Variable]],
        distribution: Distribution,
        logs_dir: Path,
    ) -> None:
        self.are_kept = directory is not None
        self._directory = directory if distribution.is_chief else None
        self._config = config
        self._variables = [variable for group in variables.values() for variable in group]
        self._checkpoint = tf.train.Checkpoint(**variables)
        self._distribution = distribution
        self._logs_dir = logs_dir
        self._saved_at = time.monotonic()
        self._saved_step = 0
        if self._directory is not None:
            for half in self._directory.glob(".step-*"):
                shutil.rmtree(half)
            for whole in self._directory.glob(f"*{_NEW}"):
                _take_its_place(whole)

    def is_due(self, step: int) -> bool:
        """Whether it is time to save again after `step` steps; never where nothing is kept."""
        config = self._config
        if self._directory is None:
            return False
        return (config.every_steps is not None and step - self._saved_step >= config.every_steps) or (
            config.every_seconds is not None and time.monotonic() - self._saved_at >= config.every_seconds
        )

    def save(self, step: int, snapshot: Snapshot) -> None:
        """Writes the state after `step` steps, and removes what is older than the last `keep`."""
        if self._directory is None:
            return
        new = self._directory / f"step-{step:09d}{_NEW}"
        with publishing(new) as partial:
            (partial / "state.json").write_text(json.dumps(dict(snapshot.document)), encoding="utf-8")
            np.savez(partial / "arrays.npz", **snapshot.arrays)  # type: ignore[arg-type]
            self._checkpoint.write(str(partial / "variables"))
            shutil.copytree(self._logs_dir, partial / "logs")
        _take_its_place(new)
        for old in self._newest_first()[self._config.keep :]:
            shutil.rmtree(old)
        self._saved_at, self._saved_step = time.monotonic(), step

    def restore(self) -> Snapshot | None:
        """Puts variables and event files back as the newest whole checkpoint has them; None if there is none."""
        snapshot = self._restore_own()
        if not self.are_kept or self._distribution.is_alone:
            return snapshot
        return self._share(snapshot)

    def _share(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Gives the chief's state to the other machines, which have no checkpoints."""
        from_chief = self._distribution.from_chief
        told = _encode(snapshot)
        (size,) = from_chief(np.array([len(told)]))
        if not size:
            return None
        found = from_chief(told if len(told) == size else np.zeros(size, np.uint8))
        for variable in self._variables:
            variable.assign(from_chief(variable.numpy()))
        return _decode(found)

    def _restore_own(self) -> Snapshot | None:
        for directory in self._newest_first():
            try:
                snapshot = _read(directory)
            except _DAMAGE as err:
                _log.warning("%s is damaged (%s); trying the one before it", directory, err)
                shutil.rmtree(directory)
                continue
            status = self._checkpoint.read(str(directory / "variables"))
            status.assert_existing_objects_matched().assert_consumed()
            shutil.copytree(directory / "logs", self._logs_dir, dirs_exist_ok=True)
            self._saved_step = int(directory.name.removeprefix("step-"))
            return snapshot
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._directory.glob("step-*"), reverse=True) if self._directory is not None else []


def _take_its_place(new: Path) -> None:
    """Puts a whole checkpoint where one of the same step may be: an epoch's last step is saved once more at its end."""
    target = new.with_name(new.name.removesuffix(_NEW))
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def _read(directory: Path) -> Snapshot:
    """Reads a checkpoint to its last byte before anything is restored from it."""
    document = json.loads((directory / "state.json").read_text(encoding="utf-8"))
    with (directory / "arrays.npz").open("rb") as stream, np.load(stream) as stored:
        arrays = {name: stored[name] for name in stored.files}
    reader = tf.train.load_checkpoint(str(directory / "variables"))
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)
    return Snapshot(document, arrays)


def _encode(snapshot: Snapshot | None) -> NDArray[np.uint8]:
    """A snapshot as uint8 [bytes]; no bytes for None."""
    if snapshot is None:
        return np.zeros(0, np.uint8)
    stream = io.BytesIO()
    document = np.array(json.dumps(dict(snapshot.document)))
    np.savez(stream, document=document, **snapshot.arrays)  # type: ignore[arg-type]
    return np.frombuffer(stream.getvalue(), np.uint8)


def _decode(content: NDArray[np.uint8]) -> Snapshot:
    arrays = dict(np.load(io.BytesIO(content.tobytes())))
    return Snapshot(json.loads(str(arrays.pop("document"))), arrays)
