import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.tflite import toy
from tflite.converter import convert
from tflite.errors import ConversionError
from tflite.model_file import describe
from tflite.session import Session


def keras_scores(network: keras.Model, ids: list[int]) -> np.ndarray:
    return toy.keras_scores(network, ids)[0]


def random_ids(length: int, seed: int = 0) -> list[int]:
    inner = np.random.default_rng(seed).integers(4, len(toy.spec().vocabulary), length - 2)
    return [toy.spec().start_id, *inner.tolist(), toy.spec().end_id]


@pytest.mark.parametrize("length", [2, 3, 9, toy.MAX_TOKENS - 1, toy.MAX_TOKENS])
def test_float32_scores_are_those_of_keras_at_every_length(length: int) -> None:
    ids = random_ids(length)
    expected = keras_scores(toy.shared_network(), ids)
    np.testing.assert_allclose(Session(toy.files()["float32"]).run(ids), expected, atol=1e-5)
    assert np.ptp(expected) > 0.1


def test_int8_scores_are_close_to_those_of_keras() -> None:
    session = Session(toy.files()["int8"])
    for seed in range(20):
        ids = random_ids(12, seed)
        np.testing.assert_allclose(session.run(ids), keras_scores(toy.shared_network(), ids), atol=0.05)


@pytest.mark.parametrize("excess", [1, 2, 17, 600])
def test_a_longer_text_is_cut_with_the_separator_last(excess: int) -> None:
    ids = random_ids(toy.MAX_TOKENS + excess)
    cut = [*ids[: toy.MAX_TOKENS - 1], toy.spec().end_id]
    expected = keras_scores(toy.shared_network(), cut)
    np.testing.assert_allclose(Session(toy.files()["float32"]).run(ids), expected, atol=1e-5)


def test_the_mask_hides_padding() -> None:
    from ai_edge_litert.interpreter import Interpreter

    ids = random_ids(7)
    padded = {"ids": [*ids, 5, 5, 5], "mask": [1] * 7 + [0] * 3, "segment_ids": [0] * 10}
    runner = Interpreter(model_content=toy.files()["float32"]).get_signature_runner()
    scores = runner(**{name: np.asarray([row], np.int32) for name, row in padded.items()})["scores"]
    np.testing.assert_allclose(scores[0], keras_scores(toy.shared_network(), ids), atol=1e-5)


def test_a_network_that_computes_in_bfloat16_is_refused() -> None:
    with pytest.raises(ConversionError, match=r"computes in bfloat16; build it with the float32 policy"):
        convert(toy.network(dtype="mixed_bfloat16"), max_tokens=toy.MAX_TOKENS, separator_id=3)


def test_the_network_is_left_as_it_was() -> None:
    network = toy.network()
    before = keras_scores(network, random_ids(9))
    convert(network, max_tokens=toy.MAX_TOKENS, separator_id=3, variants=("float32",))
    assert not [layer for layer in network._flatten_layers() if "call" in vars(layer)]
    np.testing.assert_array_equal(keras_scores(network, random_ids(9)), before)


def test_attention_adds_its_mask_and_selects_nothing() -> None:
    network, plain = toy.shared_network(), toy.network(dropout=0.0)
    selecting = convert(plain, max_tokens=toy.MAX_TOKENS, separator_id=3, variants=("float32",))["float32"]
    layers = sum(isinstance(layer, keras.layers.MultiHeadAttention) for layer in network._flatten_layers())
    selects = (
        describe(selecting).operators["SELECT_V2"] - describe(toy.files()["float32"]).operators["SELECT_V2"]
    )
    assert selects >= layers == 2


def test_attention_without_dropout_converts_too() -> None:
    network = toy.network(dropout=0.0)
    content = convert(network, max_tokens=toy.MAX_TOKENS, separator_id=3, variants=("float32",))["float32"]
    np.testing.assert_allclose(
        Session(content).run(random_ids(9)), keras_scores(network, random_ids(9)), atol=1e-5
    )


def test_conversion_is_silent_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    convert(toy.shared_network(), max_tokens=toy.MAX_TOKENS, separator_id=3, variants=("int8",))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert tempfile.tempdir == str(tmp_path)


def test_conversion_repeats_to_the_byte() -> None:
    for _ in range(3):
        again = convert(toy.shared_network(), max_tokens=toy.MAX_TOKENS, separator_id=toy.spec().end_id)
        assert again == toy.files()


def test_what_the_converter_says_reaches_the_error() -> None:
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    embedded = keras.layers.Embedding(9, 4)(inputs["token_ids"])
    logits = keras.layers.Dense(2)(keras.ops.erfinv(keras.ops.mean(embedded, axis=1)))
    with pytest.raises(ConversionError, match=r"cannot convert the network to .tflite: [^$]*Erfinv"):
        convert(keras.Model(inputs, logits), max_tokens=16, separator_id=3)


@pytest.mark.parametrize(
    ("options", "message"), [({"max_tokens": 1}, "at least 2"), ({"variants": ("int3",)}, "int3")]
)
def test_arguments_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    arguments = {"max_tokens": 16, "separator_id": 3, **options}
    with pytest.raises(ConversionError, match=message):
        convert(toy.shared_network(), **arguments)


def test_an_encoder_without_segments_keeps_the_three_inputs_that_mediapipe_asks_for() -> None:
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    embedded = keras.layers.Embedding(99, 8)(inputs["token_ids"])
    mask = keras.ops.expand_dims(keras.ops.cast(inputs["padding_mask"], "float32"), -1)
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.ops.sum(embedded * mask, axis=1)))
    content = convert(network, max_tokens=16, separator_id=3, variants=("float32",))["float32"]
    assert {tensor.name for tensor in describe(content).inputs} == {"ids", "mask", "segment_ids"}
    np.testing.assert_allclose(Session(content).run([2, 9, 3]), keras_scores(network, [2, 9, 3]), atol=1e-5)
