"""The runtimes that open a .tflite file in an app, and what each of them can run."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from tflite.errors import RefusedModelError
from tflite.metadata import ModelMetadata, read_metadata
from tflite.model_file import ModelDescription, describe

__all__ = ["TARGETS", "Target", "check_target", "target_faults"]

Target: TypeAlias = Literal["mediapipe", "mediapipe-0.10", "bertnl", "litert"]
"""`mediapipe`: MediaPipe Tasks TextClassifier from 1.0 on; `mediapipe-0.10`: its older releases, from 0.10.21 on;
`bertnl`: BertNLClassifier of the TensorFlow Lite Task Library; `litert`: a LiteRT interpreter, with a tokenizer of the
app's own."""

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
    if model.custom_operators:
        yield f"it has no {', '.join(model.custom_operators)}"
    if target == "litert":
        return
    if not metadata.tokenizer.rules.lowercase:
        yield "its tokenizer lower-cases every text, and this vocabulary is cased"
    if metadata.tokenizer.segments == 2:
        yield "it gives the model texts alone, and this one reads what was said before, too"


@cache
def _linked_versions(target: Target) -> Mapping[str, int]:
    table = json.loads(_VERSIONS.read_text(encoding="utf-8"))
    column = table["targets"].index(target)
    return {name: versions[column] for name, versions in table["operators"].items()}
