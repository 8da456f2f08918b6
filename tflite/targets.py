"""The runtimes that open a .tflite file in an app, and what each of them can run."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from tflite.errors import RefusedModelError
from tflite.metadata import ModelMetadata, read_metadata
from tflite.model_file import ModelDescription, describe
from tflite.text_operators import TEXT_INPUT, TEXT_OPERATORS

__all__ = ["TARGETS", "Target", "check_target", "target_faults"]

Target: TypeAlias = Literal["mediapipe", "mediapipe-0.10", "bertnl", "litert", "litert-with-tokenizer"]
"""`mediapipe`: MediaPipe Tasks TextClassifier from 1.0 on; `mediapipe-0.10`: its older releases, from 0.10.21 on;
`bertnl`: BertNLClassifier of the TensorFlow Lite Task Library; `litert`: a LiteRT interpreter, with a tokenizer of the
app's own; `litert-with-tokenizer`: one that is linked with TensorFlow Text's operators, which takes the text itself."""

_TAKES_TEXT: Target = "litert-with-tokenizer"

TARGETS: tuple[Target, ...] = get_args(Target)

_WITHOUT_INT4: tuple[Target, ...] = ("mediapipe-0.10", "bertnl")
"""Runtimes that refuse a file because they take an int4 weight for a byte, whatever operators they link."""

_VERSIONS = Path(__file__).with_name("operator_versions.json")
"""Highest version of each operator that the oldest release of each target links, 0 for none; measured by
`tests/benchmarks/operator_versions.py`."""


def check_target(content: bytes, target: Target) -> None:
    """Refuses a file, metadata included, that the target would not run, or would answer wrongly with.

    Raises:
        ModelFileError, MetadataError: `content` is no .tflite file, or lacks its metadata.
        RefusedModelError: the target cannot use it; all reasons found are listed.
    """
    reasons = list(target_faults(describe(content), read_metadata(content), target))
    if reasons:
        raise RefusedModelError(f"{target} cannot use the .tflite file: " + "; ".join(reasons))


def target_faults(model: ModelDescription, metadata: ModelMetadata, target: Target) -> Iterator[str]:
    """Why a target cannot use a file; nothing if it can."""
    linked = _linked_versions(target)
    for name, version in model.operator_versions.items():
        if (highest := linked.get(name, 0)) < version:
            has = f"it links versions up to {highest}" if highest else "it has no such operator"
            yield f"{name} version {version} is needed, {has}"
    if "int4" in model.constant_dtypes and target in _WITHOUT_INT4:
        yield "it has no int4 weights"
    known = TEXT_OPERATORS if target == _TAKES_TEXT else ()
    if foreign := [name for name in model.custom_operators if name not in known]:
        yield f"it has no {', '.join(foreign)}"
    if target == _TAKES_TEXT and [tensor.name for tensor in model.inputs] != [TEXT_INPUT]:
        yield "the file takes token ids; a variant with _text behind its name has the tokenizer inside"
    if target in ("litert", _TAKES_TEXT):
        return
    if not metadata.tokenizer.rules.lowercase:
        yield "its tokenizer lower-cases every text, and this vocabulary is cased"
    if metadata.tokenizer.segments == 2:
        yield "it gives the model texts alone, and this one reads what was said before, too"


@cache
def _linked_versions(target: Target) -> Mapping[str, int]:
    table = json.loads(_VERSIONS.read_text(encoding="utf-8"))
    column = table["targets"].index("litert" if target == _TAKES_TEXT else target)
    return {name: versions[column] for name, versions in table["operators"].items()}
