"""The SavedModel exporter writes what the trained model says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.core.artifacts import Model, ModelEvaluation, SavedModelExport
from components.core.component import Summary
from components.core.errors import StageError
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.predictions import write_predictions
from components.modeling.classifier import load_model
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from serving.description import describe
from serving.predictor import Predictor, encode_texts
from serving.watch.counts import read_reference
from tests.components.exported_model import LABELS, THRESHOLDS, small_model
from tests.components.toy_corpus import write_examples

FEED_FORWARD_UNITS = 64
"""Of `small_model`."""
SCORES = np.float32([[0.9, 0.1, 0.5, 0.2, 0.25], [0.1, 0.2, 0.9, 0.1, 0.0]])
TEXTS = ["I am so happy", "", "[NAME] is ANGRY, café", "sad " * 100, "今天 😀"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def exported(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[SavedModelExport, Summary]:
    directory = tmp_path_factory.mktemp("data")
    rows = [{"id": str(row), "text": text, "labels": ["joy"]} for row, text in enumerate(TEXTS)]
    examples = write_examples(directory / "examples", {"train": rows})
    evaluation = ModelEvaluation(directory)
    evaluation.metrics_path.write_text('{"split": "test"}')
    write_predictions(
        evaluation.predictions_path("test"),
        LabelledTexts(
            ids=["a", "b"], texts=["", ""], targets=np.zeros((2, len(LABELS)), np.float32), slices={}
        ),
        SCORES,
        load_model(model).config.heads,
        THRESHOLDS,
    )
    export = SavedModelExport(tmp_path_factory.mktemp("export"))
    summary = saved_model_exporter(
        config=SavedModelExporterConfig(),
        model=model,
        examples=examples,
        evaluation=evaluation,
        export=export,
    )
    return export, summary


def test_the_graph_multiplies_tokens_alone(exported: tuple[SavedModelExport, Summary]) -> None:
    directory = exported[0].saved_model_dir
    assert describe(directory).skips_padding
    mask = np.arange(12) < np.array([3, 12, 5, 7])[:, None]
    trace = tf.compat.v1.RunMetadata()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(directory))
        signature = meta_graph.signature_def["tokens"]
        inputs = {"token_ids": mask * 7, "padding_mask": mask}
        session.run(
            signature.outputs["scores"].name,
            {signature.inputs[name].name: values.astype(np.int32) for name, values in inputs.items()},
            options=tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE),
            run_metadata=trace,
        )
    outputs = [
        output
        for device in trace.step_stats.dev_stats
        for node in device.node_stats
        for output in node.output
    ]
    shapes = [[dim.size for dim in output.tensor_description.shape.dim] for output in outputs]
    rows = {math.prod(shape[:-1]) for shape in shapes if shape[-1:] == [FEED_FORWARD_UNITS]}
    assert mask.sum() in rows
    assert mask.size not in rows


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
    assert facts["precision"] == "float32"
    assert summary == {
        "precision": "float32",
        "size_mb": round(facts["size_bytes"] / 1e6, 2),
        "signatures": "classify, serving_default, tokenize, tokens",
    }
    assert describe(export.saved_model_dir).labels == LABELS
    assert sorted(entry.name for entry in export.path.iterdir()) == ["export.json", "saved_model"]


def test_what_is_usual_travels_along(exported: tuple[SavedModelExport, Summary]) -> None:
    reference = read_reference(exported[0].saved_model_dir)
    assert reference is not None
    counts = reference.counts
    assert reference.unknown_token_id == TINY_VOCABULARY.index("[UNK]")
    assert (counts.texts, counts.total_words) == (len(TEXTS), 4 + 0 + 4 + 100 + 2)
    assert counts.scripts == {"Latin": 3, "Common": 1, "Han": 1}
    # The longest text is cut off, as it is when the server counts.
    predictor = Predictor(exported[0].saved_model_dir)
    tokens = predictor.run("tokenize", {"text": encode_texts(TEXTS)})
    predictor.close()
    assert counts.tokens == tokens["padding_mask"].sum() - 2 * len(TEXTS)
    assert counts.unknown_tokens == (tokens["token_ids"] == reference.unknown_token_id).sum() > 0
    assert counts.answers.tolist() == [2] * len(LABELS)
    assert counts.decided.tolist() == (np.float32(THRESHOLDS) <= SCORES).sum(axis=0).tolist()


def test_every_weight_is_in_the_file(model: Model, exported: tuple[SavedModelExport, Summary]) -> None:
    parameters = load_model(model).network.count_params()
    data = exported[0].saved_model_dir / "variables" / "variables.data-00000-of-00001"
    assert data.stat().st_size >= 4 * parameters, "float32 weights"


def test_an_export_that_does_not_say_its_precision_is_float32(tmp_path: Path) -> None:
    export = SavedModelExport(tmp_path)
    assert export.precision() == "float32"
    export.export_path.write_text("{}")
    assert export.precision() == "float32"


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    with pytest.raises(StageError, match=str(tmp_path / "model")):
        saved_model_exporter(
            config=SavedModelExporterConfig(),
            model=Model(tmp_path / "model"),
            export=SavedModelExport(tmp_path / "export"),
        )
