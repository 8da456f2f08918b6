"""Puts the tokenizer before the graph of a .tflite file: one string in, scores out.

Cleaning and WordPiece are operators of TensorFlow Text, each with a model of its own as a constant, and the special
tokens a few comparisons of bytes. They are converted once, as a graph of their own, and joined to a finished file of
any variant, whose arithmetic stays as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from ai_edge_litert import schema_py_generated as schema

from tflite.errors import ConversionError
from tflite.host_tokenizer import TokenizerSpec
from tflite.model_file import pack, unpack
from tflite.normalizer_table import normalizer_table
from tflite.quiet import quiet_stderr
from tflite.special_tokens import special_tokens_in_graph
from tflite.text_operators import TEXT_INPUT

__all__ = ["take_text", "tokenizer_graph"]

_IDS, _MASK, _SEGMENTS = "ids", "mask", "segment_ids"


def take_text(content: bytes, tokenizer: bytes) -> bytes:
    """Returns the file with one input `text`, string [1], in place of token ids; it has no metadata then.

    Args:
        content: a .tflite file of dynamic length that takes `ids`, `mask` and `segment_ids`.
        tokenizer: the graph that `tokenizer_graph` made of its tokenizer.

    Raises:
        ModelFileError: `content` is no .tflite file.
    """
    head, model = unpack(tokenizer), unpack(content)
    _join(head, model)
    return pack(model, len(tokenizer) + len(content))


def tokenizer_graph(spec: TokenizerSpec) -> bytes:
    """A .tflite file without weights: `text`, string [1], to what a model takes, int32 [1, tokens] each.

    Raises:
        ConversionError: the tokenizer cannot be put into a graph.
    """
    if spec.segments != 1:
        raise ConversionError("a model that reads what was said before cannot take one text alone")
    try:
        return _convert(spec)
    except Exception as err:  # the converter's errors have no public common base
        raise ConversionError(f"TensorFlow cannot convert the tokenizer to .tflite: {err}") from err


def _convert(spec: TokenizerSpec) -> bytes:
    normalizer = tf_text.FastBertNormalizer(
        model_buffer=tf.constant(np.frombuffer(normalizer_table(spec.rules), np.uint8))
    )
    wordpiece = tf_text.FastWordpieceTokenizer(list(spec.vocabulary), token_out_type=tf.int32)

    def tokenize(text: tf.Tensor) -> dict[str, tf.Tensor]:
        normalized, origins = normalizer.normalize_with_offsets(text)
        pieces, starts, _ = wordpiece.tokenize_with_offsets(normalized)
        ids = pieces.flat_values
        if special_tokens_in_graph(spec):
            ids = _with_special_tokens(text, ids, tf.gather(origins.flat_values, starts.flat_values), spec)
        row = tf.concat([[spec.start_id], ids[: spec.max_tokens - 2], [spec.end_id]], axis=0)[tf.newaxis]
        return {_IDS: row, _MASK: tf.ones_like(row), _SEGMENTS: tf.zeros_like(row)}

    function = tf.function(
        tokenize, input_signature=[tf.TensorSpec([1], tf.string, name=TEXT_INPUT)], autograph=False
    ).get_concrete_function()
    with quiet_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], wordpiece)
        converter.exclude_conversion_metadata = True
        converter.allow_custom_ops = True
        return bytes(converter.convert())


def _with_special_tokens(
    text: tf.Tensor, ids: tf.Tensor, origins: tf.Tensor, spec: TokenizerSpec
) -> tf.Tensor:
    """Puts one id in the place of the pieces that a special token has become.

    Args:
        text: string [1], as it came.
        ids: int32 [pieces].
        origins: int64 [pieces], the byte of the text at which each piece begins.
        spec: of the tokenizer.
    """
    characters = tf.cast(tf_text.ByteSplitter().split(text).flat_values, tf.int32)
    replaced, covered = ids, tf.zeros_like(ids)
    for token, (count, word_id) in special_tokens_in_graph(spec).items():
        begins = tf.gather(_occurrences(characters, token.encode()), origins)
        replaced = tf.where(begins > 0, word_id, replaced)
        before = tf.pad(begins, [[count, 0]])
        for place in range(1, count):
            covered += before[count - place : -place]
    return tf.gather(replaced, tf.where(tf.equal(covered, 0))[:, 0])


def _occurrences(characters: tf.Tensor, token: bytes) -> tf.Tensor:
    """int32 [bytes]: 1 where the token begins among them."""
    size = tf.size(characters)
    following = tf.pad(characters, [[0, len(token)]])
    same = [tf.equal(following[place : size + place], byte) for place, byte in enumerate(token)]
    return tf.cast(tf.reduce_all(same, axis=0), tf.int32)


def _join(head: Any, model: Any) -> None:
    """Puts one `schema.ModelT` before another: its outputs are the inputs that have their names."""
    source, graph = head.subgraphs[0], model.subgraphs[0]
    codes, buffers, tensors = len(model.operatorCodes), len(model.buffers), len(graph.tensors)
    inputs, signature = _tensors_by_name(head.signatureDefs[0].inputs), model.signatureDefs[0]
    wanted = _tensors_by_name(signature.inputs)
    replaced = {
        index: wanted[name] for name, index in _tensors_by_name(head.signatureDefs[0].outputs).items()
    }

    def moved(indices: Sequence[int]) -> list[int]:
        return [replaced.get(index, index + tensors) if index >= 0 else -1 for index in indices]

    for tensor in source.tensors:
        tensor.buffer += buffers
        tensor.name = f"{TEXT_INPUT}/{len(graph.tensors)}"
        graph.tensors.append(tensor)
    for operator in source.operators:
        operator.opcodeIndex += codes
        operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)
    model.operatorCodes += head.operatorCodes
    model.buffers += head.buffers
    graph.operators = [*source.operators, *graph.operators]
    graph.inputs = moved([inputs[TEXT_INPUT]])
    signature.inputs = [schema.TensorMapT(name=TEXT_INPUT, tensorIndex=graph.inputs[0])]


def _tensors_by_name(entries: Sequence[Any]) -> dict[str, int]:
    return {entry.name.decode(): entry.tensorIndex for entry in entries}
