"""Refuses a .tflite file that would load but not do its work: what the converter gets wrong without a word."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tflite.errors import ModelFileError, RefusedModelError
from tflite.heads import Head, columns, units
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.isolation import IsolatedSession
from tflite.model_file import ModelDescription, describe
from tflite.session import Session
from tflite.special_tokens import special_tokens_in_graph
from tflite.text_operators import TEXT_INPUT, TEXT_OPERATORS

__all__ = ["Expected", "check_behaviour", "check_model", "check_structure", "check_text_model"]

_REFUSED = "the .tflite file is refused: "
_INPUT_NAMES = frozenset({"ids", "mask", "segment_ids"})
_LEAST_SHARE_OF_WEIGHTS = 0.85
"""What the scores do not depend on is rightly left out: BERT's pooler and the positions after `max_tokens`, 1.5 % of
MiniLM, 10 % of a toy model."""
_EXCESS_TOKENS = 17
_TEXTS = (
    "",
    "I am so HAPPY, thank you!",
    "Café — naïve über 你好, don’t\u200b stop\u00a0😀",
    "Ἀθηνᾶ İstanbul e\u0301 ½ ﬁ \ufffd한국",
    "words and words, and words " * 400,
)
_SAME = 1e-5
"""Largest difference between two runs that compute the same, of probabilities or in a target's deviations."""
_SUM_TOLERANCE = 1e-4
"""How far the probabilities of a head may be from 1 in sum: float32 rounding of a few hundred of them."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a file must be.

    Attributes:
        parameters: parameters of the Keras network.
        bytes_per_parameter: at least so many, as `tflite.converter.BYTES_PER_PARAMETER` says.
        heads: what the scores are.
        max_tokens: number of tokens after which the graph must cut.
        vocabulary_size: number of embedding rows.
        separator_id: id of [SEP].
        fixed_length: whether the file takes `max_tokens` and no other length.
        takes_text: whether the tokenizer is inside.
    """

    parameters: int
    bytes_per_parameter: float
    heads: Sequence[Head]
    max_tokens: int
    vocabulary_size: int
    separator_id: int
    fixed_length: bool = False
    takes_text: bool = False


def check_model(content: bytes, expected: Expected) -> ModelDescription:
    """Checks structure first, then behaviour with valid random ids; returns what the file holds.

    Raises:
        ModelFileError: `content` is no .tflite file.
        RefusedModelError: it is one, but not one that a phone can use; all reasons found are listed.
    """
    description = describe(content)
    check_structure(description, expected)
    try:
        session = IsolatedSession(content)
    except ModelFileError as err:
        raise RefusedModelError(f"{_REFUSED}{err}") from err
    with session:
        check_behaviour(session, expected)
    return description


def check_structure(model: ModelDescription, expected: Expected) -> None:
    """What can be told without running the file.

    Raises:
        RefusedModelError: a phone cannot use it; all reasons found are listed.
    """
    _refuse(_structural_faults(model, expected))


def check_behaviour(session: Session | IsolatedSession, expected: Expected) -> None:
    """What only running it tells. The session of a file that is refused may have ended with it.

    Raises:
        RefusedModelError: it does not do its work; all reasons found are listed.
    """
    faults = _text_faults if expected.takes_text else _behavioural_faults
    _refuse(faults(session, expected))


def check_text_model(content: bytes, ids_content: bytes, spec: TokenizerSpec) -> None:
    """Whether a file with the tokenizer inside answers as the one it was made of does behind the host's tokenizer.

    Raises:
        ModelFileError: one of them cannot be run.
        RefusedModelError: it gives other scores.
    """
    texts = [*_TEXTS, *(f"so{token}{token} you" for token in special_tokens_in_graph(spec))]
    tokenizer = HostTokenizer(spec)
    with IsolatedSession(content) as session, IsolatedSession(ids_content) as reference:
        for text in texts:
            difference = np.abs(session.run_text(text.encode()) - reference.run(tokenizer.encode(text))).max()
            if not difference <= _SAME:
                raise RefusedModelError(
                    f"{_REFUSED}its tokenizer gives other tokens than training for {text[:60]!r}: scores differ by "
                    f"{difference:.2g}"
                )


def _refuse(faults: Iterable[str]) -> None:
    if reasons := list(faults):
        raise RefusedModelError(_REFUSED + "; ".join(reasons))


def _structural_faults(model: ModelDescription, expected: Expected) -> Iterator[str]:
    weight_bytes = round(expected.parameters * expected.bytes_per_parameter)
    outputs = sum(len(head.outputs) for head in expected.heads)
    if model.outside_buffers:
        yield f"{model.outside_buffers} constants lie outside the flatbuffer; write them into it"
    elif model.constant_bytes < _LEAST_SHARE_OF_WEIGHTS * weight_bytes:
        yield (
            f"weights are missing: {model.constant_bytes:,} bytes of constants, "
            f"expected about {weight_bytes:,} for the network's parameters"
        )
    known = TEXT_OPERATORS if expected.takes_text else ()
    if foreign := sorted(set(model.custom_operators) - set(known)):
        yield f"operators outside the builtin ones: {', '.join(foreign)}"
    if model.subgraphs != 1:
        yield f"{model.subgraphs} subgraphs, expected 1 (control flow in the network?)"
    if low := sorted(model.tensor_dtypes & {"float16", "bfloat16"}):
        yield f"{' and '.join(low)} tensors, expected float32 arithmetic"
    yield from _input_faults(model, expected)
    if [(tensor.dtype, tensor.shape) for tensor in model.outputs] != [("float32", (1, outputs))]:
        found = [(tensor.dtype, list(tensor.shape)) for tensor in model.outputs]
        yield f"outputs {found}, expected one, float32 [1, {outputs}]"


def _input_faults(model: ModelDescription, expected: Expected) -> Iterator[str]:
    names, dtype, shape = _INPUT_NAMES, "int32", [1, expected.max_tokens if expected.fixed_length else -1]
    if expected.takes_text:
        names, dtype, shape = frozenset({TEXT_INPUT}), "string", [1]
    if len(model.inputs) != len(names) or {tensor.name for tensor in model.inputs} != names:
        yield f"inputs {[tensor.name for tensor in model.inputs]}, expected {sorted(names)}"
    for tensor in model.inputs:
        if (tensor.dtype, list(tensor.shape)) != (dtype, shape):
            yield f"input {tensor.name} is {tensor.dtype} {list(tensor.shape)}, expected {dtype} {shape}"


def _text_faults(session: Session | IsolatedSession, expected: Expected) -> Iterator[str]:
    """Texts that are too long are cut where the graph says: what comes behind must change nothing."""
    long = "i am so happy and thank you . " * expected.max_tokens
    try:
        scores, unlike, longer = (session.run_text(text.encode()) for text in (long, "no !", long + "no !"))
    except (ModelFileError, RuntimeError) as err:
        yield f"it does not run: {err}"
        return
    yield from _score_faults(scores, expected.heads)
    if np.array_equal(scores, unlike):
        yield "every text gets the same scores: the weights are not in effect"
    if not np.abs((longer - scores) / units(expected.heads)).max() <= _SAME:
        yield f"a text of more than {expected.max_tokens} tokens is not cut to them"


def _behavioural_faults(session: Session | IsolatedSession, expected: Expected) -> Iterator[str]:
    max_tokens, vocabulary_size, separator_id = (
        expected.max_tokens,
        expected.vocabulary_size,
        expected.separator_id,
    )
    random = np.random.default_rng(0)
    length = max_tokens + _EXCESS_TOKENS
    long, other = (random.integers(0, vocabulary_size, length, dtype=np.int32) for _ in range(2))
    cut = np.append(long[: max_tokens - 1], np.int32(separator_id))
    try:
        session.run([separator_id, vocabulary_size - 1])
    except (ModelFileError, RuntimeError) as err:
        yield (
            f"the last of {vocabulary_size:,} words has no row in the embedding table: the table is cut off, or the "
            f"vocabulary is another model's ({err})"
        )
        return
    try:
        scores, unlike = session.run(cut), session.run(other[:max_tokens])
    except (ModelFileError, RuntimeError) as err:
        yield f"it does not run at {max_tokens} tokens: {err}"
        return
    yield from _score_faults(scores, expected.heads)
    if np.array_equal(scores, unlike):
        yield "every text gets the same scores: the weights are not in effect"
    if expected.fixed_length:
        return
    try:
        actual = session.run(long)
    except (ModelFileError, RuntimeError) as err:
        yield f"it fails at {length} tokens: nothing in the graph cuts them to {max_tokens} ({err})"
        return
    difference = np.abs((actual - scores) / units(expected.heads)).max()
    if not difference <= _SAME:
        yield f"{length} tokens are not cut to {max_tokens}: scores differ by {difference:.2g}"


def _score_faults(scores: npt.NDArray[np.float32], heads: Sequence[Head]) -> Iterator[str]:
    for head, own in columns(heads):
        values = scores[own]
        if head.is_regression:
            if not np.isfinite(values).all():
                yield f"head {head.name}: scores are not numbers: {values[:5]}"
        elif not np.all((values >= -_SAME) & (values <= 1.0 + _SAME)):
            yield f"head {head.name}: scores are not probabilities: {values[:5]}"
        elif head.task != "multi_label" and not abs(values.sum() - 1.0) <= _SUM_TOLERANCE:
            yield f"head {head.name}: the probabilities of its labels sum to {values.sum():.4g}, expected 1"
