"""What a SavedModel says of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from serving.description import DESCRIPTION_FILE, TensorDescription, describe
from serving.errors import SavedModelError
from tests.serving.conftest import HEADS, LABELS, MAX_TOKENS, SEVERAL_HEADS, THRESHOLDS, ToyModel


def test_labels_thresholds_and_signatures(toy_model: ToyModel) -> None:
    description = describe(toy_model.directory)
    assert description.labels == LABELS
    assert description.thresholds == THRESHOLDS
    assert description.heads == HEADS
    assert (description.max_tokens, description.segments) == (MAX_TOKENS, 1)
    assert set(description.signatures) == {"serving_default", "tokens", "classify", "tokenize"}
    classify = description.signatures["classify"]
    assert classify.method == "tensorflow/serving/classify"
    assert classify.inputs == {"inputs": TensorDescription("string", (None,))}
    default = description.signatures["serving_default"]
    assert default.method == "tensorflow/serving/predict"
    assert default.outputs["scores"] == TensorDescription("float32", (None, len(LABELS)))
    assert default.outputs["predicted"].dtype == "bool"


def test_heads_segments_and_a_signature_for_each_target(large_model: ToyModel) -> None:
    description = describe(large_model.directory)
    assert description.heads == SEVERAL_HEADS
    assert description.labels == tuple(name for head in SEVERAL_HEADS for name in head.outputs)
    assert description.segments == 2
    assert {name: found.method for name, found in description.signatures.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "tokens": "tensorflow/serving/predict",
        "tokenize": "tensorflow/serving/predict",
        "classify": "tensorflow/serving/classify",
        "classify_emotion": "tensorflow/serving/classify",
        "classify_sentiment": "tensorflow/serving/classify",
        "regress_valence": "tensorflow/serving/regress",
        "regress_arousal": "tensorflow/serving/regress",
    }
    assert set(description.signatures["serving_default"].inputs) == {"text", "context"}
    assert set(description.signatures["tokens"].inputs) == {"token_ids", "padding_mask", "segment_ids"}
    regress = description.signatures["regress_valence"]
    assert regress.inputs == {"inputs": TensorDescription("string", (None,))}
    assert regress.outputs == {"outputs": TensorDescription("float32", (None,))}


def test_it_is_read_without_tensorflow(toy_model: ToyModel) -> None:
    program = (
        "import sys; from serving.description import describe; "
        "describe(sys.argv[1]); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(toy_model.directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_a_foreign_directory_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="export the model again"):
        describe(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"labels": 3}'])
def test_a_broken_description_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / DESCRIPTION_FILE
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SavedModelError, match=r"emotion\.json: cannot be read"):
        describe(tmp_path)
