"""Refuses a .tflite file that would load but not do its work: what the converter gets wrong without a word."""

from collections.abc import Iterator

import numpy as np

from tflite.errors import ModelFileError, RefusedModelError
from tflite.model_file import ModelDescription, describe
from tflite.session import Session

__all__ = ["check_model"]

_INPUT_NAMES = frozenset({"ids", "mask", "segment_ids"})
_LEAST_SHARE_OF_WEIGHTS = 0.9
"""Layers that the scores do not depend on (BERT's pooler) are rightly left out: 0.7 % of MiniLM, 3 % of a toy model."""
_EXCESS_TOKENS = 17
_SAME = 1e-5
"""Largest difference of probabilities between two runs that compute the same."""


def check_model(
    content: bytes,
    *,
    parameters: int,
    bytes_per_parameter: int,
    labels: int,
    max_tokens: int,
    vocabulary_size: int,
    separator_id: int,
) -> ModelDescription:
    """Checks structure first, then behaviour with valid random ids.

    Args:
        content: the .tflite file.
        parameters: parameters of the Keras network.
        bytes_per_parameter: 4 for float32, 1 for int8 weights.
        labels: number of scores.
        max_tokens: number of tokens after which the graph must cut.
        vocabulary_size: number of embedding rows.
        separator_id: id of [SEP].

    Returns:
        What the file holds.

    Raises:
        ModelFileError: `content` is no .tflite file.
        RefusedModelError: it is one, but not one that a phone can use; all reasons found are listed.
    """
    description = describe(content)
    reasons = list(_structural_faults(description, parameters * bytes_per_parameter, labels))
    if not reasons:
        reasons = list(
            _behavioural_faults(
                content, max_tokens=max_tokens, vocabulary_size=vocabulary_size, separator_id=separator_id
            )
        )
    if reasons:
        raise RefusedModelError("the .tflite file is refused: " + "; ".join(reasons))
    return description


def _structural_faults(model: ModelDescription, weight_bytes: int, labels: int) -> Iterator[str]:
    if model.constant_bytes < _LEAST_SHARE_OF_WEIGHTS * weight_bytes:
        yield (
            f"weights are missing: {model.constant_bytes:,} bytes of constants, "
            f"expected about {weight_bytes:,} for the network's parameters"
        )
    if model.custom_operators:
        yield f"operators outside the builtin ones: {', '.join(model.custom_operators)}"
    if model.subgraphs != 1:
        yield f"{model.subgraphs} subgraphs, expected 1 (control flow in the network?)"
    if low := sorted(model.tensor_dtypes & {"float16", "bfloat16"}):
        yield f"{' and '.join(low)} tensors, expected float32 arithmetic"
    if len(model.inputs) != len(_INPUT_NAMES) or {tensor.name for tensor in model.inputs} != _INPUT_NAMES:
        yield f"inputs {[tensor.name for tensor in model.inputs]}, expected {sorted(_INPUT_NAMES)}"
    for tensor in model.inputs:
        if (tensor.dtype, tensor.shape) != ("int32", (1, -1)):
            yield f"input {tensor.name} is {tensor.dtype} {list(tensor.shape)}, expected int32 [1, -1]"
    if [(tensor.dtype, tensor.shape) for tensor in model.outputs] != [("float32", (1, labels))]:
        outputs = [(tensor.dtype, list(tensor.shape)) for tensor in model.outputs]
        yield f"outputs {outputs}, expected one, float32 [1, {labels}]"


def _behavioural_faults(
    content: bytes, *, max_tokens: int, vocabulary_size: int, separator_id: int
) -> Iterator[str]:
    random = np.random.default_rng(0)
    length = max_tokens + _EXCESS_TOKENS
    long, other = (random.integers(0, vocabulary_size, length, dtype=np.int32) for _ in range(2))
    cut = np.append(long[: max_tokens - 1], np.int32(separator_id))
    try:
        session = Session(content)
        expected, unlike = session.run(cut), session.run(other[:max_tokens])
    except (ModelFileError, RuntimeError, ValueError) as err:
        yield f"it does not run at {max_tokens} tokens: {err}"
        return
    if not np.all((expected >= 0.0) & (expected <= 1.0)):
        yield f"scores are not probabilities: {expected[:5]}"
    if np.array_equal(expected, unlike):
        yield "every text gets the same scores: the weights are not in effect"
    try:
        actual = session.run(long)
    except (RuntimeError, ValueError) as err:
        yield f"it fails at {length} tokens: nothing in the graph cuts them to {max_tokens} ({err})"
        return
    if not np.abs(actual - expected).max() <= _SAME:
        yield (
            f"{length} tokens are not cut to {max_tokens}: "
            f"scores differ by {np.abs(actual - expected).max():.2g}"
        )
