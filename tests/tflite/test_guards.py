from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite import toy
from tflite import model_file
from tflite.converter import BYTES_PER_PARAMETER, Variant, convert
from tflite.errors import ModelFileError, RefusedModelError
from tflite.guards import Expected, check_model
from tflite.heads import Head
from tflite.model_file import ModelDescription


def check(content: bytes, **changes: Any) -> ModelDescription:
    expected = {
        "parameters": toy.shared_network().count_params(),
        "bytes_per_parameter": 4,
        "heads": toy.HEADS,
        "max_tokens": toy.MAX_TOKENS,
        "vocabulary_size": len(toy.spec().vocabulary),
        "separator_id": toy.spec().end_id,
        **changes,
    }
    return check_model(content, Expected(**expected))


def altered(change: Callable[[Any], None], variant: Variant = "float32") -> bytes:
    """The good file after a change to its unpacked flatbuffer."""
    model = model_file.unpack(toy.files()[variant])
    change(model)
    return model_file.pack(model, len(toy.files()[variant]))


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_good_file_passes_and_is_described(variant: Variant) -> None:
    description = check(toy.complete_file(variant), bytes_per_parameter=BYTES_PER_PARAMETER[variant])
    assert description.custom_operators == ()
    assert description.operators["FULLY_CONNECTED"] > 10
    assert description.outputs[0].name == "scores"
    assert description.min_runtime[0].isdigit()


def test_a_file_without_its_weights_is_refused() -> None:
    with pytest.raises(
        RefusedModelError, match=r"weights are missing: [\d,]+ bytes of constants, expected about 40,000,000"
    ):
        check(toy.files()["float32"], parameters=10_000_000)


def test_weights_that_were_dropped_are_missed() -> None:
    """What converting a function without freezing its variables gives: a graph, and no word about it."""

    def drop(model: Any) -> None:
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) > 400:
                buffer.data = None

    with pytest.raises(RefusedModelError, match=r"weights are missing: [\d,]+ bytes of constants"):
        check(altered(drop))


def test_constants_outside_the_flatbuffer_are_refused() -> None:
    """What ai-edge-quantizer writes: metadata behind the flatbuffer would land between it and its weights."""
    from ai_edge_litert.schema_py_generated import BufferAddOffset, BufferAddSize, BufferEnd, BufferStart

    class Outside:
        def Pack(self, builder: Any) -> int:  # noqa: N802 - the name that ModelT.Pack calls
            BufferStart(builder)
            BufferAddOffset(builder, 100_000)
            BufferAddSize(builder, 64)
            return int(BufferEnd(builder))

    content = toy.files()["float32"]
    model = model_file.unpack(content)
    model.buffers = [model_file._AlignedBuffer(buffer.data) for buffer in model.buffers]
    model.buffers[-1] = Outside()
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(RefusedModelError, match="1 constants lie outside the flatbuffer"):
        check(bytes(builder.Output()))


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_an_embedding_table_that_is_cut_off_is_refused(variant: Variant) -> None:
    def cut(model: Any) -> None:
        graph = model.subgraphs[0]
        rows = len(toy.spec().vocabulary)
        (table,) = [t for t in graph.tensors if t.shape is not None and list(t.shape) == [rows, 32]]
        table.shape = np.array([rows - 1, 32], np.int32)
        data = model.buffers[table.buffer].data
        model.buffers[table.buffer].data = data[: len(data) * (rows - 1) // rows]

    with pytest.raises(
        RefusedModelError, match=r"the last of 95 words has no row in the embedding table: .*out of bounds"
    ):
        check(altered(cut, variant), bytes_per_parameter=BYTES_PER_PARAMETER[variant])


def test_a_vocabulary_longer_than_the_table_is_refused() -> None:
    with pytest.raises(RefusedModelError, match="or the vocabulary is another model's"):
        check(toy.files()["int8"], bytes_per_parameter=1, vocabulary_size=len(toy.spec().vocabulary) + 1)


def test_weights_of_zero_are_refused() -> None:
    def zero(model: Any) -> None:
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) > 400:
                buffer.data = np.zeros_like(buffer.data)

    with pytest.raises(RefusedModelError, match="every text gets the same scores"):
        check(altered(zero))


def test_an_operator_outside_the_builtin_ones_is_refused() -> None:
    def make_flex(model: Any) -> None:
        code = next(code for code in model.operatorCodes if code.builtinCode == schema.BuiltinOperator.GELU)
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = "FlexGelu"

    with pytest.raises(RefusedModelError, match="outside the builtin ones: FlexGelu"):
        check(altered(make_flex))


def test_inputs_of_another_name_dtype_or_shape_are_refused() -> None:
    def spoil(model: Any) -> None:
        graph = model.subgraphs[0]
        first, second, third = (graph.tensors[index] for index in graph.inputs)
        first.type = schema.TensorType.INT64
        second.shape, second.shapeSignature = np.array([1, 16], np.int32), None
        signature = next(
            entry for entry in model.signatureDefs[0].inputs if entry.tensorIndex == graph.inputs[2]
        )
        signature.name = third.name = "input_3"

    with pytest.raises(RefusedModelError, match="input_3") as caught:
        check(altered(spoil))
    assert "is int64 [1, -1], expected int32 [1, -1]" in str(caught.value)
    assert "is int32 [1, 16], expected int32 [1, -1]" in str(caught.value)


def test_a_second_subgraph_is_refused() -> None:
    def double(model: Any) -> None:
        model.subgraphs.append(model.subgraphs[0])

    with pytest.raises(RefusedModelError, match="2 subgraphs, expected 1"):
        check(altered(double))


def test_half_precision_is_refused() -> None:
    def halve(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.operators[-1].inputs[0]].type = schema.TensorType.BFLOAT16

    with pytest.raises(RefusedModelError, match="bfloat16 tensors, expected float32 arithmetic"):
        check(altered(halve))


def test_another_number_of_labels_is_refused() -> None:
    with pytest.raises(RefusedModelError, match=r"outputs .* expected one, float32 \[1, 28\]"):
        check(toy.files()["float32"], heads=(Head("emotion", "multi_label", tuple(map(str, range(28)))),))


def test_a_file_of_several_heads_passes() -> None:
    parameters = toy.network_of_several_heads().count_params()
    for variant, content in toy.files_of_several_heads().items():
        check(
            content,
            heads=toy.SEVERAL_HEADS,
            parameters=parameters,
            bytes_per_parameter=BYTES_PER_PARAMETER[variant],
        )


def test_scores_that_are_not_what_the_head_means_are_refused() -> None:
    labels = toy.LABELS
    with pytest.raises(
        RefusedModelError, match=r"head mood: the probabilities of its labels sum to .*, expected 1"
    ):
        check(toy.files()["float32"], heads=(Head("mood", "single_label", labels),))
    with pytest.raises(RefusedModelError, match="head mood: scores are not probabilities"):
        check(
            toy.files_of_several_heads()["float32"],
            heads=(Head("mood", "multi_label", tuple(map(str, range(10)))),),
            parameters=toy.network_of_several_heads().count_params(),
        )


def test_a_file_without_truncation_is_refused() -> None:
    # A limit over the position table's end cuts nothing that would have to be cut.
    uncut = convert(toy.shared_network(), max_tokens=10_000, separator_id=3, variants=("float32",))["float32"]
    with pytest.raises(RefusedModelError, match=r"33 tokens: nothing in the graph cuts them to 16"):
        check(uncut)
    with pytest.raises(
        RefusedModelError, match="it fails at 48 tokens: nothing in the graph cuts them to 31"
    ):
        check(uncut, max_tokens=31)


def test_a_maximum_over_the_position_table_is_refused() -> None:
    content = convert(toy.shared_network(), max_tokens=64, separator_id=3, variants=("float32",))["float32"]
    with pytest.raises(RefusedModelError, match="does not run at 64 tokens"):
        check(content, max_tokens=64)


def test_bytes_that_are_no_model_are_an_error_of_the_file() -> None:
    with pytest.raises(ModelFileError, match=r"not a .tflite file"):
        check(b"<html>not found</html>")
