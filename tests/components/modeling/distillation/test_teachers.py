from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from components.core.progress import NO_PROGRESS
from components.modeling.distillation import teachers
from components.modeling.distillation.distillation_config import DistillationConfig
from components.modeling.distillation.teachers import ask_teachers, open_teacher
from components.modeling.head_settings import Task
from components.modeling.heads import Head

TEXTS = ["a", "b", "c"]


class Constant:
    """A teacher that gives every text the scores by which it is called: `0.1,0.9`."""

    outputs = ("joy", "anger")
    tasks: Mapping[str, Task] = {}

    def __init__(self, path: str) -> None:
        self._scores = [float(score) for score in Path(path).name.split(",")]

    def scores(self, texts: Sequence[str], contexts: Sequence[str] | None) -> NDArray[np.float32]:
        return np.array([self._scores] * len(texts), np.float32)


def asked(path: str, kept_in: Path, *outputs: str) -> list[float]:
    config = DistillationConfig(teachers=(path,))
    heads = [Head(outputs=outputs)]
    found = ask_teachers(config, heads, TEXTS, kept_in=kept_in, progress=NO_PROGRESS)
    assert found.shape == (len(TEXTS), len(outputs))
    return found[0].tolist()


def test_the_answers_of_one_teacher_are_not_taken_for_those_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers, "open_teacher", Constant)
    assert asked("0.1,0.9", tmp_path, "joy", "anger") == pytest.approx([0.1, 0.9])
    assert asked("0.2,0.6", tmp_path, "joy", "anger") == pytest.approx([0.2, 0.6])
    assert asked("0.1,0.9", tmp_path, "anger", "joy") == pytest.approx([0.9, 0.1])
    assert asked("0.1,0.9", tmp_path, "anger") == pytest.approx([0.9])
    monkeypatch.delattr(teachers, "open_teacher")
    assert asked("0.1,0.9", tmp_path, "joy", "anger") == pytest.approx([0.1, 0.9]), "asked once"


@pytest.mark.parametrize("inputs", [("text",), ("text", "context")])
def test_an_exported_teacher_reads_what_was_said_before_if_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...]
) -> None:
    told: list[Any] = []

    class Exported:
        def __init__(self, directory: Path) -> None:
            self.path = directory

        def signature(self, name: str) -> Any:
            return SimpleNamespace(inputs=dict.fromkeys(inputs))

        def predict(self, texts: Sequence[str], *, contexts: Sequence[str] | None = None) -> list[Any]:
            told.append(contexts)
            return [SimpleNamespace(labels=("joy",), scores=(0.5,)) for _ in texts]

    monkeypatch.setattr("serving.predictor.Predictor", Exported)
    (tmp_path / "saved_model.pb").touch()
    open_teacher(str(tmp_path)).scores(["I see."], ["My dog died."])
    assert told[-1] == (["My dog died."] if "context" in inputs else None)
