"""The signature `explain` says of words what the explainer says, from inside the graph."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from components.core.artifacts import Model, SavedModelExport
from components.core.errors import UserError
from components.evaluation.explanations.explainer import Asked, Explainer
from components.modeling.classifier import load_model
from components.modeling.heads import Head
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from serving.errors import InvalidArgumentError
from serving.explanation import MAX_EXPLAINED_TEXTS
from serving.predictor import Predictor, encode_texts
from tests.components.exported_model import LABELS, small_model

TEXTS = ("I am so happy", "", "[NAME] is ANGRY,\u00a0café\tnow", "sad " * 100, "今天 😀 \u200bok", "   \n ")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def predictor(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    export = SavedModelExport(tmp_path_factory.mktemp("export"))
    saved_model_exporter(config=SavedModelExporterConfig(explain=True), model=model, export=export)
    predictor = Predictor(export.saved_model_dir)
    yield predictor
    predictor.close()


def explain(predictor: Predictor, texts: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    return dict(predictor.run("explain", {"text": encode_texts(texts), "label": encode_texts(labels)}))


def test_words_weigh_what_they_weigh_for_the_explainer(model: Model, predictor: Predictor) -> None:
    explainer = Explainer(load_model(model))
    for column, label in enumerate(LABELS):
        found = explain(predictor, TEXTS, (label,) * len(TEXTS))
        expected = explainer.explain([Asked(text, column) for text in TEXTS])
        for row, (text, explanation) in enumerate(zip(TEXTS, expected, strict=True)):
            words = text.split()
            assert [word.decode() for word in found["words"][row] if word] == words
            # A word between spaces is one or several of the explainer's.
            values = [
                sum(word.value or 0.0 for word in explanation.words if start <= word.start < end)
                for start, end in spans(text, words)
            ]
            np.testing.assert_allclose(found["values"][row][: len(words)], values, atol=2e-3)
            assert not found["values"][row][len(words) :].any()
            assert found["score"][row] == pytest.approx(explanation.score, abs=1e-5)
            assert found["baseline_score"][row] == pytest.approx(explanation.baseline_score, abs=1e-5)
            assert found["label"][row].decode() == label


def test_values_add_up_to_what_the_words_changed(predictor: Predictor) -> None:
    found = explain(predictor, TEXTS, ("anger",) * len(TEXTS))
    np.testing.assert_allclose(
        found["values"].sum(axis=1), found["score"] - found["baseline_score"], atol=1e-3
    )
    assert np.abs(found["values"]).max() > 1e-3, "words must weigh something for this to say anything"


def test_without_a_name_the_likeliest_label_is_explained(predictor: Predictor) -> None:
    found = explain(predictor, TEXTS, ("",) * len(TEXTS))
    scores = predictor.run("serving_default", {"text": encode_texts(TEXTS)})["scores"]
    assert [label.decode() for label in found["label"]] == [
        LABELS[column] for column in scores.argmax(axis=1)
    ]


def test_an_answer_does_not_depend_on_the_other_texts(predictor: Predictor) -> None:
    together = explain(predictor, TEXTS, ("joy",) * len(TEXTS))
    alone = explain(predictor, TEXTS[:1], ("joy",))
    count = alone["values"].shape[1]
    np.testing.assert_allclose(together["values"][0][:count], alone["values"][0], atol=1e-5)


def test_an_unknown_label_and_too_many_texts_are_refused(predictor: Predictor) -> None:
    with pytest.raises(InvalidArgumentError, match="must be empty or one of"):
        explain(predictor, ("a",), ("jov",))
    many = MAX_EXPLAINED_TEXTS + 1
    with pytest.raises(InvalidArgumentError, match="at most 32 texts"):
        explain(predictor, ("a",) * many, ("",) * many)


def test_a_model_that_reads_a_context_is_refused(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model", heads=(Head(outputs=LABELS),), segments=2)
    with pytest.raises(UserError, match="reads a context"):
        saved_model_exporter(
            config=SavedModelExporterConfig(explain=True),
            model=model,
            export=SavedModelExport(tmp_path / "export"),
        )


def spans(text: str, words: list[str]) -> Iterator[tuple[int, int]]:
    end = 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        yield start, end
