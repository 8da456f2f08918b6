"""Exports with smaller weights answer every call, nearly as the model does."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from components.core.artifacts import Model, SavedModelExport
from components.data.records.example_proto import encode_example
from components.evaluation.explanations.explainer import word_embeddings
from components.modeling.classifier import build_network, load_model
from components.modeling.precision import WeightPrecision
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.modeling.weight_precision import with_weights_in
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from serving.engine import LoadOptions
from serving.predictor import Predictor, encode_texts
from serving.warmup import load_warm
from tests.components.exported_model import LABELS, THRESHOLDS, small_model
from tests.serving.stock_server import unknown_to_stock_server

TEXTS = ("I am so happy", "", "[NAME] is ANGRY, café", "sad " * 100, "今天 😀", "what a day")
PRECISIONS: tuple[WeightPrecision, ...] = ("bfloat16", "int8")
NEAR = 0.004
"""Of a probability."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module", params=PRECISIONS)
def export(
    request: pytest.FixtureRequest, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> SavedModelExport:
    export = SavedModelExport(tmp_path_factory.mktemp(request.param))
    config = SavedModelExporterConfig(precision=request.param, explain=True)
    saved_model_exporter(config=config, model=model, export=export)
    return export


@pytest.fixture(scope="module")
def predictor(export: SavedModelExport) -> Iterator[Predictor]:
    predictor = load_warm(export.saved_model_dir, LoadOptions(), iterations=1)
    yield predictor
    predictor.close()


def test_scores_are_near_the_model(model: Model, export: SavedModelExport, predictor: Predictor) -> None:
    answers = predictor.predict(TEXTS)
    found = np.array([answer.scores for answer in answers])
    difference = np.abs(found - load_model(model).scores(TEXTS)).max()
    assert 1e-5 < difference < NEAR, "smaller weights are other weights, but hardly"
    np.testing.assert_array_equal([answer.decided for answer in answers], found >= np.float32(THRESHOLDS))


def test_every_signature_answers_alike(export: SavedModelExport, predictor: Predictor) -> None:
    texts = encode_texts(TEXTS)
    scores = predictor.run("serving_default", {"text": texts})["scores"]
    assert scores.dtype == np.float32
    tokens = predictor.run("tokenize", {"text": texts})
    examples = [encode_example({"text": [text.encode()]}) for text in TEXTS]
    explained = predictor.run("explain", {"text": texts, "label": encode_texts(["anger"] * len(TEXTS))})
    column = LABELS.index("anger")
    np.testing.assert_allclose(predictor.run("tokens", tokens)["scores"], scores, atol=1e-6)
    by_example = predictor.run("classify", {"inputs": np.array(examples, object)})
    np.testing.assert_allclose(by_example["scores"], scores, atol=1e-6)
    np.testing.assert_allclose(explained["score"], scores[:, column], atol=1e-6)
    changes = explained["score"] - explained["baseline_score"]
    np.testing.assert_allclose(explained["values"].sum(axis=1), changes, atol=NEAR)
    assert np.abs(explained["values"]).max() > 2 * NEAR, "words must weigh something for this to say anything"
    assert not unknown_to_stock_server(export.saved_model_dir)


def test_the_encoder_alone_is_smaller(export: SavedModelExport) -> None:
    reader = tf.train.load_checkpoint(str(export.saved_model_dir / "variables" / "variables"))
    types: dict[tuple[int, ...], set[str]] = {}
    for name, dtype in reader.get_variable_to_dtype_map().items():
        types.setdefault(tuple(reader.get_variable_to_shape_map()[name]), set()).add(dtype.name)
    embeddings, inner, head = (len(TINY_VOCABULARY), 32), (32, 64), (32, len(LABELS))
    assert types[embeddings] == types[inner] == {export.precision()}
    assert types[head] == {"float32"}
    assert json.loads(export.export_path.read_text())["precision"] == export.precision()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_member_of_an_ensemble_is_smaller(model: Model, precision: WeightPrecision) -> None:
    loaded = load_model(model)
    config = loaded.config.model_copy(update={"members": 2})
    together = replace(loaded, config=config, network=build_network(config))
    before = together.network.get_weights()
    smaller = with_weights_in(precision, together)
    types = {table.embeddings.dtype for table in word_embeddings(together)}
    smaller_types = [table._embeddings.dtype for table in word_embeddings(smaller)]
    assert types == {"float32"}
    assert smaller_types == [precision] * 2
    for weights, kept in zip(together.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, kept)


def test_another_precision_is_an_error() -> None:
    with pytest.raises(ValidationError, match="'float32', 'bfloat16' or 'int8'"):
        SavedModelExporterConfig.model_validate({"precision": "float16"})
