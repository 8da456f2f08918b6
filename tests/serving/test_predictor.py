"""Running a SavedModel's signatures."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.errors import FailedPreconditionError, InvalidArgumentError, SavedModelError
from serving.predictor import Predictor, encode_texts, load_latest
from tests.serving.conftest import LABELS, TEXTS, THRESHOLDS, ToyModel


def test_predict_answers_in_the_order_of_the_texts(predictor: Predictor) -> None:
    together = predictor.predict(TEXTS, batch_size=2)
    alone = [predictor.predict([text])[0] for text in TEXTS]
    assert [answer.labels for answer in together] == [LABELS] * len(TEXTS)
    np.testing.assert_allclose([a.scores for a in together], [a.scores for a in alone], atol=1e-5)
    for answer in together:
        assert answer.decided == tuple(np.float32(answer.scores) >= np.float32(THRESHOLDS))


def test_decided_labels_are_sorted_by_score(predictor: Predictor) -> None:
    answer = predictor.predict(["I am so happy today!"])[0]
    scores = dict(zip(answer.labels, answer.scores, strict=True))
    assert set(answer.decided_labels) == {
        label for label, yes in zip(answer.labels, answer.decided, strict=True) if yes
    }
    assert list(answer.decided_labels) == sorted(answer.decided_labels, key=lambda label: -scores[label])


def test_no_texts_no_answers(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_any_python_string_is_answered(predictor: Predictor) -> None:
    assert len(predictor.predict(["\ud800", "\x00", "\ufffd", "a" * 100_000])) == 4
    assert predictor.predict(["so \ud800sad"])[0].scores == predictor.predict(["so sad"])[0].scores


def test_output_filter(predictor: Predictor) -> None:
    outputs = predictor.run("", {"text": encode_texts(["so sad"])}, ["scores"])
    assert set(outputs) == {"scores"}
    assert outputs["scores"].dtype == np.float32


TEXT = encode_texts(["so sad"])


@pytest.mark.parametrize(
    ("inputs", "output_filter", "message"),
    [
        (
            {},
            (),
            (
                "input size does not match signature: 0!=1 len({}) != len({text}). Sent extra: {}. "
                "Missing but required: {text}."
            ),
        ),
        (
            {"text": TEXT, "b": TEXT, "a": TEXT},
            (),
            (
                "input size does not match signature: 3!=1 len({a,b,text}) != len({text}). Sent extra: {a,b}. "
                "Missing but required: {}."
            ),
        ),
        (
            {"words": TEXT},
            (),
            (
                "Signature input alias: text(feed name: serving_default_text:0) not found in request and no default "
                "value provided. Inputs expected to be in the request {text}, or default input alias set: "
            ),
        ),
        ({"text": np.zeros(2, np.float32)}, (), "Expects arg[0] to be string but float is provided"),
        ({"text": np.zeros(2, np.float64)}, (), "Expects arg[0] to be string but double is provided"),
        (
            {"text": TEXT},
            ("logits",),
            (
                "output tensor alias not found in signature: logits Outputs expected to be in the set "
                "{labels,predicted,scores}."
            ),
        ),
        ({"text": TEXT}, ("scores", "scores"), "duplicate output tensor alias: scores"),
    ],
)
def test_what_does_not_fit_is_said_in_tf_servings_words(
    predictor: Predictor, inputs, output_filter, message: str
) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        predictor.run("", inputs, output_filter)
    assert str(error.value) == message


def test_the_graph_itself_minds_the_shape(half_plus_two: Path) -> None:
    product = Predictor(half_plus_two)
    with pytest.raises(
        InvalidArgumentError, match=r"^Matrix size-incompatible: In\[0\]: \[1,3\], In\[1\]: \[2,1\]"
    ):
        product.run("product", {"x": np.zeros((1, 3), np.float32)})
    # In the words of the kernel: oneDNN's, where TensorFlow takes it on this CPU, or TensorFlow's own.
    refusal = r"^In\[0\] (ndims must be >= 2|is not a matrix|and In\[1\] has different ndims)"
    with pytest.raises(InvalidArgumentError, match=refusal):
        product.run("product", {"x": np.zeros(3, np.float32)})
    product.close()


def test_unknown_signature(predictor: Predictor) -> None:
    with pytest.raises(FailedPreconditionError, match='Serving signature key "explain" not found'):
        predictor.run("explain", {"text": TEXT})


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (b"abc", "Could not parse example input, value: 'abc'"),
        (b"\xff\xfe", r"Could not parse example input, value: '\xff\xfe'"),
        (b"", "Name: <unknown>, Feature: text (data type: string) is required but could not be found."),
        (
            tf.train.Example(
                features=tf.train.Features(
                    feature={"text": tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))}
                )
            ).SerializeToString(),
            (
                "Name: <unknown>, Key: text, Index: 0.  Data types don't match. Data type: int64 but expected type: "
                "string"
            ),
        ),
    ],
)
def test_malformed_examples_are_invalid_arguments(predictor: Predictor, example: bytes, message: str) -> None:
    inputs = np.empty(1, object)
    inputs[0] = example
    with pytest.raises(InvalidArgumentError) as error:
        predictor.run("classify", {"inputs": inputs})
    assert str(error.value).startswith(message)


def test_token_ids_outside_the_vocabulary_are_invalid_arguments(predictor: Predictor) -> None:
    ids = np.full((1, 3), 10**6, np.int32)
    with pytest.raises(InvalidArgumentError, match=r"^indices\[0,0\] = 1000000 is not in"):
        predictor.run("tokens", {"token_ids": ids, "padding_mask": np.ones((1, 3), np.int32)})


def test_many_threads_get_their_own_answers(predictor: Predictor) -> None:
    expected = {text: predictor.predict([text])[0].scores for text in TEXTS}
    wrong: list[str] = []

    def ask(text: str) -> None:
        answers = [predictor.predict([text])[0].scores for _ in range(20)]
        if not np.allclose(answers, expected[text], atol=1e-5):
            wrong.append(text)

    threads = [threading.Thread(target=ask, args=(text,)) for text in TEXTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_load_latest_takes_the_largest_number(toy_model: ToyModel, tmp_path: Path) -> None:
    for name in ("9", "0010"):
        shutil.copytree(toy_model.directory, tmp_path / name)
    version, latest = load_latest(tmp_path)
    latest.close()
    assert version == 10


def test_load_latest_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="holds no version"):
        load_latest(tmp_path / "absent")


def test_a_damaged_model_is_named(toy_model: ToyModel, tmp_path: Path) -> None:
    shutil.copytree(toy_model.directory, tmp_path / "1")
    (tmp_path / "1" / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(SavedModelError, match=str(tmp_path / "1")):
        Predictor(tmp_path / "1")
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no proto")
    with pytest.raises(SavedModelError, match="cannot be loaded"):
        Predictor(tmp_path / "1")
