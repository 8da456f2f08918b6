"""The exported SavedModel answers as the network does, and needs nothing of the project."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from serving.saved_model import export_saved_model
from tests.serving.conftest import (
    HEADS,
    LABELS,
    MAX_TOKENS,
    TEXTS,
    THRESHOLDS,
    ToyModel,
    decided_by_thresholds,
)
from tests.serving.stock_server import TEXT_OPERATIONS, operations, unknown_to_stock_server


@pytest.fixture(scope="module")
def signatures(toy_model: ToyModel):
    return tf.saved_model.load(str(toy_model.directory)).signatures


def keras_scores(toy_model: ToyModel, texts) -> np.ndarray:
    return toy_model.network(toy_model.tokenizer(tf.constant(texts))).numpy()


def test_text_is_scored_as_by_the_network(toy_model: ToyModel, signatures) -> None:
    answers = signatures["serving_default"](text=tf.constant(TEXTS))
    expected = keras_scores(toy_model, TEXTS)
    np.testing.assert_allclose(answers["scores"], expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.1, "the toy network must tell texts apart"


def test_decisions_follow_the_thresholds(signatures) -> None:
    answers = signatures["serving_default"](text=tf.constant(TEXTS))
    np.testing.assert_array_equal(answers["predicted"], answers["scores"].numpy() >= np.float32(THRESHOLDS))
    assert answers["predicted"].dtype == tf.bool
    assert 0 < answers["predicted"].numpy().mean() < 1


def test_labels_are_named_in_every_row(signatures) -> None:
    answers = signatures["serving_default"](text=tf.constant(TEXTS))
    assert [[name.decode() for name in row] for row in answers["labels"].numpy()] == [list(LABELS)] * len(
        TEXTS
    )


def test_tokens_and_tf_examples_are_answered_alike(toy_model: ToyModel, signatures) -> None:
    by_text = signatures["serving_default"](text=tf.constant(TEXTS))
    tokens = signatures["tokenize"](text=tf.constant(TEXTS))
    by_tokens = signatures["tokens"](**tokens)
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))}
            )
        ).SerializeToString()
        for text in TEXTS
    ]
    by_example = signatures["classify"](inputs=tf.constant(examples))
    np.testing.assert_array_equal(tokens["token_ids"], toy_model.tokenizer(tf.constant(TEXTS))["token_ids"])
    np.testing.assert_allclose(by_tokens["scores"], by_text["scores"], atol=1e-6)
    np.testing.assert_array_equal(by_tokens["predicted"], by_text["predicted"])
    np.testing.assert_allclose(by_example["scores"], by_text["scores"], atol=1e-6)
    np.testing.assert_array_equal(by_example["classes"], by_text["labels"])


def test_a_batch_is_padded_to_its_longest_text_and_no_further(signatures) -> None:
    tokens = signatures["tokenize"](text=tf.constant(["so sad", "I am happy today"]))
    assert tokens["token_ids"].shape == (2, 6)
    np.testing.assert_array_equal(tokens["padding_mask"], [[1, 1, 1, 1, 0, 0], [1] * 6])


def test_padding_changes_no_score(signatures) -> None:
    alone = signatures["serving_default"](text=tf.constant(["so sad"]))["scores"][0]
    padded = signatures["serving_default"](text=tf.constant(["so sad", "happy " * 12]))["scores"][0]
    np.testing.assert_allclose(alone, padded, atol=1e-5)


def test_long_text_is_truncated(signatures) -> None:
    answers = signatures["serving_default"](text=tf.constant(["happy " * 5000]))
    assert np.isfinite(answers["scores"]).all()


def test_an_empty_batch_has_an_empty_answer(signatures) -> None:
    answers = signatures["serving_default"](text=tf.constant([], tf.string))
    assert (
        answers["scores"].shape == answers["labels"].shape == answers["predicted"].shape == (0, len(LABELS))
    )


def test_too_many_tokens_are_refused_with_the_limit(signatures) -> None:
    ids = tf.ones([1, MAX_TOKENS + 1], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"at most {MAX_TOKENS}"):
        signatures["tokens"](token_ids=ids, padding_mask=ids)


def test_thresholds_must_match_the_labels(toy_model: ToyModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="5 outputs but 1 thresholds"):
        export_saved_model(
            tmp_path / "m",
            network=toy_model.network,
            decide=decided_by_thresholds,
            tokenizer=toy_model.tokenizer,
            heads=HEADS,
            thresholds=(0.5,),
        )


ALONE = """
import importlib.util, json, pathlib, sys

class Without:
    # Finds what another finder finds, except some packages: as if they were not installed.
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        absent = {"keras", "keras_hub", "tf_keras", "serving", "components", "tflite", "pipeline"}
        return None if name.split(".")[0] in absent else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import tensorflow as tf

# The operations alone: TF Text's Python package would ask for Keras.
text = importlib.util.find_spec("tensorflow_text").submodule_search_locations[0]
for library in pathlib.Path(text).glob("python/ops/_*.so"):
    tf.load_op_library(str(library))
loaded = tf.saved_model.load(sys.argv[1])
scores = loaded.signatures["serving_default"](text=tf.constant(json.loads(sys.argv[2])))["scores"]
print(json.dumps(scores.numpy().tolist()))
"""


def test_it_loads_without_the_project_and_without_keras(toy_model: ToyModel, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(toy_model.directory), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(json.loads(done.stdout), keras_scores(toy_model, TEXTS), atol=1e-5)


@pytest.mark.parametrize("model", ["toy_model", "large_model"])
def test_the_stock_server_has_every_operation(model: str, request: pytest.FixtureRequest) -> None:
    directory = request.getfixturevalue(model).directory
    assert operations(directory) >= TEXT_OPERATIONS | {"ParseExampleV2"}
    assert not unknown_to_stock_server(directory)


def test_an_operation_that_the_stock_server_has_not_is_found(tmp_path: Path) -> None:
    class OfPython(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def run(self, x: Any) -> Any:
            return tf.numpy_function(lambda value: value, [x], tf.float32)

    tf.saved_model.save(OfPython(), str(tmp_path))
    assert unknown_to_stock_server(tmp_path) == {"PyFunc"}
