"""`emotion predict` on models that read a context."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Model
from components.core.errors import UserError
from components.modeling.classifier import load_model
from components.modeling.heads import Head
from pipeline.commands.predict import predict_command
from tests.components.exported_model import Exported, export_both

HEADS = (
    Head(name="mood", task="single_label", outputs=("joy", "anger", "fear")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,)),
)
TEXTS = ("i am so happy", "so sad")
CONTEXTS = ("do you like it", "i am angry")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    directory = tmp_path_factory.mktemp("exported")
    return export_both(directory, heads=HEADS, thresholds=(0.0,) * 4, segments=2)


def predict(model: Path, texts: Sequence[str] = TEXTS, **options: Any) -> None:
    settings: dict[str, Any] = {
        "contexts": [],
        "file": None,
        "tflite": False,
        "top": 5,
        "as_json": True,
        **options,
    }
    predict_command(texts, model=model, **settings)


def scores(model: Model, contexts: Sequence[str]) -> list[list[float]]:
    return load_model(model).scores(TEXTS, contexts=contexts).tolist()


@pytest.mark.parametrize("tflite", [False, True])
@pytest.mark.parametrize("contexts", [CONTEXTS, CONTEXTS[:1], ()], ids=["each", "one for all", "none"])
def test_contexts_reach_the_model(
    exported: Exported, capsys: pytest.CaptureFixture[str], tflite: bool, contexts: tuple[str, ...]
) -> None:
    model = exported.tflite.model_path("float32") if tflite else exported.saved_model.path
    predict(model, contexts=contexts, tflite=tflite)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    given = contexts * 2 if len(contexts) == 1 else contexts or ("", "")
    for row, text, context, expected in zip(rows, TEXTS, given, scores(exported.model, given), strict=True):
        assert row["text"] == text
        assert row.get("context", "") == context
        assert row["scores"] == pytest.approx(
            dict(zip(HEADS[0].outputs, expected[:3], strict=True)), abs=1e-4
        )
        assert row["values"] == pytest.approx({"valence": expected[3]}, abs=1e-4)
        assert row["labels"] == [max(row["scores"], key=row["scores"].__getitem__)]


def test_a_person_sees_a_table_for_each_head(exported: Exported, capsys: pytest.CaptureFixture[str]) -> None:
    predict(exported.saved_model.path, TEXTS[:1], contexts=CONTEXTS[:1], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[1], lines[2], lines[6]] == ["do you like it", "i am so happy", " mood", " affect"]
    assert "usually 2 to 4" in lines[7]


def test_contexts_must_fit_the_texts(exported: Exported) -> None:
    with pytest.raises(UserError, match="2 contexts for 3 texts; give --context once for all of them"):
        predict(exported.saved_model.path, ("a", "b", "c"), contexts=CONTEXTS)


def test_a_model_of_texts_alone_says_so(tmp_path: Path) -> None:
    alone = export_both(tmp_path, heads=HEADS, thresholds=(0.0,) * 4)
    with pytest.raises(UserError, match="this model reads texts alone; leave --context out"):
        predict(alone.saved_model.path, contexts=CONTEXTS)
    with pytest.raises(UserError, match=r"emotion_float32\.tflite: this model reads texts alone"):
        predict(alone.tflite.model_path("float32"), contexts=CONTEXTS)
