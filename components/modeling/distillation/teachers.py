"""Trained models that score the training texts once, before the training."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from components.core.artifacts import Model
from components.core.errors import ConfigError
from components.core.progress import Progress
from components.modeling.distillation.distillation_config import NO_MODEL, DistillationConfig
from components.modeling.distillation.soft_targets import columns_in, require_shares, soften
from components.modeling.head_settings import Task
from components.modeling.heads import Head

__all__ = ["Teacher", "ask_teachers", "open_teacher"]

_TEXTS_AT_A_TIME = 1024


class Teacher(Protocol):
    """A trained model, whatever it is kept in."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names, in the order of its scores."""

    @property
    def tasks(self) -> Mapping[str, Task]:
        """By output, where they are known."""

    def scores(self, texts: Sequence[str], contexts: Sequence[str] | None) -> NDArray[np.float32]:
        """The score of every output for every text, float32 [rows, outputs]."""


class _KerasTeacher:
    """A Model artifact."""

    def __init__(self, model: Model) -> None:
        from components.modeling.classifier import load_model

        self._loaded = load_model(model)
        self.outputs = self._loaded.config.labels
        self.tasks = {name: head.task for head in self._loaded.config.heads for name in head.outputs}

    def scores(self, texts: Sequence[str], contexts: Sequence[str] | None) -> NDArray[np.float32]:
        return self._loaded.scores(texts, contexts=contexts)


class _SavedModelTeacher:
    """An exported model; it reads what was said before a text if it was trained with that."""

    def __init__(self, directory: Path) -> None:
        from serving.predictor import DEFAULT_SIGNATURE, Predictor

        self._predictor = Predictor(directory)
        self._reads_context = "context" in self._predictor.signature(DEFAULT_SIGNATURE).inputs
        self.outputs = self._predictor.predict(["a"])[0].labels
        self.tasks: Mapping[str, Task] = {}

    def scores(self, texts: Sequence[str], contexts: Sequence[str] | None) -> NDArray[np.float32]:
        answers = self._predictor.predict(texts, contexts=contexts if self._reads_context else None)
        return np.array([answer.scores for answer in answers], np.float32)


def open_teacher(path: str) -> Teacher:
    """Loads a trained model from a Model artifact, a SavedModel or a pushed directory.

    Raises:
        ConfigError: there is none.
    """
    directory = Path(path)
    if Model(directory).config_path.is_file():
        return _KerasTeacher(Model(directory))
    found = sorted((file.parent for file in directory.rglob("saved_model.pb")), key=_version)
    if not found:
        raise ConfigError(f"trainer.distillation.teachers: {path} {NO_MODEL}")
    return _SavedModelTeacher(found[-1])


def _version(directory: Path) -> int:
    return int(directory.name) if directory.name.isdigit() else 0


def ask_teachers(
    config: DistillationConfig,
    heads: Sequence[Head],
    texts: Sequence[str],
    *,
    contexts: Sequence[str] | None = None,
    kept_in: Path | None = None,
    progress: Progress,
) -> NDArray[np.float32]:
    """What the teachers say of the texts, softened and averaged: float32 [rows, outputs] in the student's order.

    Args:
        config: who teaches, at which temperature.
        heads: of the student.
        texts: of the training split.
        contexts: what was said before each text; for teachers of two segments.
        kept_in: directory in which each teacher's answers are kept, so that they are not asked again after an
            interruption; None keeps nothing.
        progress: who is told.

    Raises:
        ConfigError: a teacher cannot be found, or answers other outputs.
    """
    answers = []
    for number, path in enumerate(config.teachers, start=1):
        kept = None if kept_in is None else kept_in / f"teacher-{_digest(path, heads)}.npy"
        if kept is not None and kept.is_file():
            answers.append(np.load(kept))
            continue
        found = _ask(
            path, heads, texts, contexts, progress, f"asking teacher {number}/{len(config.teachers)}"
        )
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial.npy")
            np.save(partial, found)
            partial.replace(kept)
        answers.append(found)
    softened = [soften(heads, scores, config.temperature) for scores in answers]
    mean: NDArray[np.float32] = np.mean(softened, axis=0, dtype=np.float32)
    return mean


def _digest(path: str, heads: Sequence[Head]) -> str:
    """Tells a teacher's answers from those of another one, and from its own for other outputs."""
    asked = [path, [[head.task, head.outputs] for head in heads]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _ask(
    path: str,
    heads: Sequence[Head],
    texts: Sequence[str],
    contexts: Sequence[str] | None,
    progress: Progress,
    message: str,
) -> NDArray[np.float32]:
    progress.update(f"{message}: loading {path}")
    teacher = open_teacher(path)
    own = columns_in(path, teacher.outputs, teacher.tasks, heads)
    parts = [np.zeros((0, len(own)), np.float32)]
    for start in range(0, len(texts), _TEXTS_AT_A_TIME):
        progress.update(message, completed=start, total=len(texts))
        rows = slice(start, start + _TEXTS_AT_A_TIME)
        scores = teacher.scores(texts[rows], None if contexts is None else contexts[rows])[:, own]
        require_shares(path, heads, scores)
        parts.append(scores)
    return np.concatenate(parts)
