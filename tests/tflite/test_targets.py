from dataclasses import replace

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite import toy
from tflite.errors import MetadataError, RefusedModelError
from tflite.metadata import attach_metadata
from tflite.model_file import describe, pack, unpack
from tflite.quantizer import quantize
from tflite.targets import TARGETS, Target, check_target


@pytest.mark.parametrize("target", TARGETS[:-1])
def test_float32_runs_everywhere(target: Target) -> None:
    check_target(toy.complete_file("float32"), target)


def test_int8_runs_everywhere_but_in_bertnl() -> None:
    for target in ("mediapipe", "mediapipe-0.10", "litert"):
        check_target(toy.complete_file("int8"), target)
    with pytest.raises(
        RefusedModelError, match=r"bertnl .* FULLY_CONNECTED version 12 is needed, it links versions up to 10"
    ):
        check_target(toy.complete_file("int8"), "bertnl")


def test_scales_by_channel_need_their_kernel_whatever_the_file_states() -> None:
    """What ai-edge-quantizer writes: the old kernel takes the first scale for all and answers nonsense."""
    model = unpack(toy.complete_file("int8"))
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.FULLY_CONNECTED:
            code.version = 3
    content = attach_metadata(pack(model, 1 << 17), toy.metadata())
    assert describe(content).operator_versions["FULLY_CONNECTED"] == 12
    with pytest.raises(RefusedModelError, match="FULLY_CONNECTED version 12"):
        check_target(content, "bertnl")


def test_an_operator_that_a_target_lacks_is_named() -> None:
    model = unpack(toy.complete_file("float32"))
    code = next(one for one in model.operatorCodes if one.builtinCode == schema.BuiltinOperator.GELU)
    code.builtinCode = schema.BuiltinOperator.STABLEHLO_CASE
    content = attach_metadata(pack(model, 1 << 17), toy.metadata())
    check_target(content, "mediapipe")
    for target in ("mediapipe-0.10", "bertnl"):
        with pytest.raises(RefusedModelError, match=r"STABLEHLO_CASE version \d is needed, it has no such"):
            check_target(content, target)


def test_a_tokenizer_that_the_target_has_not_is_refused() -> None:
    rules = replace(toy.spec().rules, lowercase=False)
    cased = replace(toy.metadata(), tokenizer=replace(toy.spec(), rules=rules))
    pairs = replace(toy.metadata(), tokenizer=replace(toy.spec(), segments=2))
    for metadata, reason in ((cased, "this vocabulary is cased"), (pairs, "reads what was said before")):
        content = attach_metadata(toy.files()["float32"], metadata)
        check_target(content, "litert")
        with pytest.raises(RefusedModelError, match=reason):
            check_target(content, "mediapipe")


def test_a_file_without_metadata_is_an_error() -> None:
    with pytest.raises(MetadataError, match="has no metadata"):
        check_target(toy.files()["float32"], "mediapipe")


def test_the_table_says_what_this_runtime_links() -> None:
    """One version more than the table says is refused by LiteRT, as one such operator code shows."""
    from ai_edge_litert.interpreter import Interpreter

    from tflite.targets import _linked_versions

    numbers = vars(schema.BuiltinOperator)
    for name in ("FULLY_CONNECTED", "EMBEDDING_LOOKUP", "GATHER", "SOFTMAX", "GELU"):
        highest = _linked_versions("litert")[name]
        for version, loads in ((highest, True), (highest + 1, False)):
            model = unpack(toy.files()["float32"])
            extra = schema.OperatorCodeT()
            extra.builtinCode, extra.version = numbers[name], version
            model.operatorCodes.append(extra)
            content = pack(model, 1 << 17)
            if loads:
                Interpreter(model_content=content)
            else:
                with pytest.raises(ValueError, match=f"'{name}' version '{version}'"):
                    Interpreter(model_content=content)


def test_int4_weights_need_a_runtime_that_knows_them() -> None:
    content = attach_metadata(quantize(toy.files()["float32"], matrices=4, embeddings=4), toy.metadata())
    check_target(content, "mediapipe")
    check_target(content, "litert")
    for target in ("mediapipe-0.10", "bertnl"):
        with pytest.raises(RefusedModelError, match="it has no int4 weights"):
            check_target(content, target)
