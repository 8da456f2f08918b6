"""A model of two segments and several heads: every signature says what the network says."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import tensorflow as tf

from serving.errors import InvalidArgumentError
from serving.example_methods import classify, regress
from serving.predictor import Predictor, encode_texts
from tests.serving.conftest import SEVERAL_HEADS, ToyModel

PAIRS = {
    "text": ["so sad", "I am so happy today!", "", "Café", "so sad"],
    "context": ["", "is today angry?", "I am happy", "so " * 40, "I am so happy"],
}


def examples(texts: Mapping[str, Sequence[str]]) -> list[bytes]:
    """One tf.Example a text, without the features that are empty."""
    found = []
    for values in zip(*texts.values(), strict=True):
        example = tf.train.Example()
        for name, value in zip(texts, values, strict=True):
            if value or name == "text":
                example.features.feature[name].bytes_list.value.append(value.encode())
        found.append(example.SerializeToString())
    return found


@pytest.fixture(scope="module")
def expected(large_model: ToyModel) -> np.ndarray:
    tokens = large_model.tokenizer(tf.constant(PAIRS["text"]), tf.constant(PAIRS["context"]))
    return large_model.network(tokens).numpy()


def test_pairs_are_scored_as_by_the_network(large_predictor: Predictor, expected: np.ndarray) -> None:
    answers = large_predictor.predict(PAIRS["text"], contexts=PAIRS["context"], batch_size=2)
    np.testing.assert_allclose([answer.scores for answer in answers], expected, atol=1e-5)
    assert np.abs(expected[0] - expected[4]).max() > 0.01, "the context must matter"


def test_decisions_are_those_of_the_function(large_predictor: Predictor, expected: np.ndarray) -> None:
    answers = large_predictor.predict(PAIRS["text"], contexts=PAIRS["context"])
    decided = np.array([answer.decided for answer in answers])
    np.testing.assert_array_equal(decided[:, :3], expected[:, :3] >= 0.5)
    np.testing.assert_array_equal(decided[:, 3], expected[:, 3] > expected[:, 4])
    np.testing.assert_array_equal(decided[:, 3:5].sum(axis=1), 1)
    assert not decided[:, 5:].any()


def test_without_contexts_nothing_was_said_before(large_predictor: Predictor) -> None:
    alone = large_predictor.predict(PAIRS["text"])
    empty = large_predictor.predict(PAIRS["text"], contexts=[""] * len(PAIRS["text"]))
    assert alone == empty


def test_a_model_of_texts_alone_takes_no_context(predictor: Predictor) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Sent extra: \{context\}"):
        predictor.predict(["so sad"], contexts=["I am happy"])


def test_tokens_are_those_of_the_pair(large_model: ToyModel, large_predictor: Predictor) -> None:
    inputs = {name: encode_texts(texts) for name, texts in PAIRS.items()}
    tokens = large_predictor.run("tokenize", inputs)
    by_tokenizer = large_model.tokenizer(tf.constant(PAIRS["text"]), tf.constant(PAIRS["context"]))
    assert set(tokens) == set(by_tokenizer)
    for name, array in tokens.items():
        np.testing.assert_array_equal(array, by_tokenizer[name])
    by_text = large_predictor.run("serving_default", inputs)
    by_tokens = large_predictor.run("tokens", tokens)
    np.testing.assert_allclose(by_tokens["scores"], by_text["scores"], atol=1e-6)


def test_classes_and_numbers_of_tf_examples(large_predictor: Predictor, expected: np.ndarray) -> None:
    names = [name.encode() for head in SEVERAL_HEADS for name in head.outputs]
    classifications = {
        "classify": [0, 1, 2, 3, 4],
        "classify_emotion": [0, 1, 2],
        "classify_sentiment": [3, 4],
    }
    for signature, columns in classifications.items():
        answer = classify(large_predictor, signature, examples(PAIRS))
        np.testing.assert_allclose(answer.scores, expected[:, columns], atol=1e-5)
        assert answer.classes.tolist() == [[names[column] for column in columns]] * len(expected)
    for signature, column in {"regress_valence": 5, "regress_arousal": 6}.items():
        values = regress(large_predictor, signature, examples(PAIRS)).values
        np.testing.assert_allclose(values, expected[:, column], atol=1e-5)
        assert np.ptp(values) > 0.05, "the toy network must tell texts apart"
