from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite import toy
from tflite.converter import BYTES_PER_PARAMETER, Variant, convert
from tflite.errors import ModelFileError
from tflite.guards import Expected, check_model
from tflite.metadata import attach_metadata
from tflite.model_file import describe, pack, unpack
from tflite.quantizer import BLOCK, quantize
from tflite.session import Session
from tflite.targets import check_target


def random_ids(length: int, seed: int) -> list[int]:
    inner = np.random.default_rng(seed).integers(4, len(toy.spec().vocabulary), length - 2)
    return [toy.spec().start_id, *inner.tolist(), toy.spec().end_id]


def largest_difference(content: bytes) -> float:
    session = Session(content)
    rows = [random_ids(length, length) for length in range(2, toy.MAX_TOKENS + 1)]
    return max(
        np.abs(session.run(row) - toy.keras_scores(toy.shared_network(), row)[0]).max() for row in rows
    )


@pytest.mark.parametrize(
    ("matrices", "embeddings", "tolerance"), [(8, 8, 0.01), (8, 4, 0.06), (4, 8, 0.06), (4, 4, 0.08)]
)
def test_fewer_bits_give_nearly_the_same_scores(matrices: Any, embeddings: Any, tolerance: float) -> None:
    content = quantize(toy.files()["float32"], matrices=matrices, embeddings=embeddings)
    assert 1e-7 < largest_difference(content) < tolerance


def test_the_guards_let_every_variant_pass() -> None:
    variants: tuple[Variant, ...] = ("float16", "int8_per_tensor", "int8_weights", "int8_int4", "int4")
    made = convert(toy.shared_network(), max_tokens=toy.MAX_TOKENS, separator_id=3, variants=variants)
    for variant, content in made.items():
        check_model(
            content,
            Expected(
                parameters=toy.shared_network().count_params(),
                bytes_per_parameter=BYTES_PER_PARAMETER[variant],
                heads=toy.HEADS,
                max_tokens=toy.MAX_TOKENS,
                vocabulary_size=len(toy.spec().vocabulary),
                separator_id=3,
            ),
        )
    assert largest_difference(made["float16"]) < 1e-3
    assert largest_difference(made["int8_per_tensor"]) < 0.02


def test_a_weight_is_what_its_block_and_nibble_say() -> None:
    before, after = (
        unpack(content)
        for content in (
            toy.files()["float32"],
            quantize(toy.files()["float32"], matrices=4, embeddings=4),
        )
    )
    index = next(
        number for number, tensor in enumerate(after.subgraphs[0].tensors) if tensor.quantization.details
    )
    tensor = after.subgraphs[0].tensors[index]
    weights = np.frombuffer(
        bytes(before.buffers[before.subgraphs[0].tensors[index].buffer].data), np.float32
    ).reshape(tensor.shape)
    scales_tensor = after.subgraphs[0].tensors[tensor.quantization.details.scales]
    scales = np.frombuffer(bytes(after.buffers[scales_tensor.buffer].data), np.float16).astype(np.float32)
    packed = np.frombuffer(bytes(after.buffers[tensor.buffer].data), np.uint8)
    nibbles = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1, BLOCK).astype(np.int64)
    values = ((nibbles ^ 8) - 8) * scales.reshape(-1, 1)
    error = np.abs(values.reshape(weights.shape) - weights)
    assert np.all(error.reshape(-1, BLOCK) <= scales.reshape(-1, 1) * 0.501)


def test_weights_alone_are_rounded_and_nothing_else() -> None:
    """The float32 file with the rounded weights in it gives the same scores: no activation was quantized."""
    stored = quantize(toy.files()["float32"], matrices=8, embeddings=8, weights_alone=True)
    small, rounded = unpack(stored), unpack(toy.files()["float32"])
    changed = 0
    for tensor, own in zip(rounded.subgraphs[0].tensors, small.subgraphs[0].tensors, strict=False):
        if own.type == schema.TensorType.INT8:
            values = np.frombuffer(bytes(small.buffers[own.buffer].data), np.int8).reshape(own.shape)
            wide = (values * own.quantization.scale[:, np.newaxis]).astype(np.float32)
            rounded.buffers[tensor.buffer].data = np.frombuffer(wide.tobytes(), np.uint8)
            changed += 1
    assert changed > 10
    assert len(stored) < 0.6 * len(toy.files()["float32"])
    one, other = Session(stored), Session(pack(rounded, 1 << 17))
    for length in range(2, toy.MAX_TOKENS + 1):
        row = random_ids(length, length)
        np.testing.assert_allclose(one.run(row), other.run(row), atol=1e-6)
    assert 1e-6 < largest_difference(stored) < 0.01
    for target in ("mediapipe", "mediapipe-0.10", "litert"):
        check_target(attach_metadata(stored, toy.metadata()), target)


def test_an_older_runtime_is_told_that_it_cannot_read_blocks() -> None:
    content = quantize(toy.files()["float32"], matrices=4, embeddings=4)
    assert describe(content).min_runtime == "2.18.0"
    versions = {code.builtinCode: code.version for code in unpack(content).operatorCodes}
    assert (versions[9], versions[7]) == (13, 4)  # FULLY_CONNECTED, EMBEDDING_LOOKUP


def test_what_is_no_tflite_file_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"not a .tflite file"):
        quantize(b"what is this?", matrices=8, embeddings=8)


def test_a_fixed_length_pads_what_is_shorter() -> None:
    content = convert(
        toy.shared_network(),
        max_tokens=toy.MAX_TOKENS,
        separator_id=3,
        variants=("float32",),
        fixed_length=True,
    )["float32"]
    session = Session(content)
    assert session.fixed_length == toy.MAX_TOKENS
    assert {tensor.shape for tensor in describe(content).inputs} == {(1, toy.MAX_TOKENS)}
    assert largest_difference(content) < 1e-5
    with pytest.raises(ValueError, match="17 tokens, expected at most the 16"):
        session.run(random_ids(toy.MAX_TOKENS + 1, 0))
