"""Keras network to .tflite files that take a text of any length.

The graph holds what a phone's host code would otherwise have to do: truncation to the maximum length (MediaPipe neither
pads nor truncates a model of dynamic length) and, as part of the network, what makes probabilities of logits.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import keras
import tensorflow as tf

from tflite.canonical import canonical_form
from tflite.errors import ConversionError
from tflite.quantizer import BLOCK, quantize
from tflite.quiet import quiet_stderr
from tflite.tables import drop_positions

__all__ = ["BYTES_PER_PARAMETER", "Variant", "convert"]

Variant: TypeAlias = Literal[
    "float32", "float16", "int8", "int8_per_tensor", "int8_weights", "int8_int4", "int4"
]
"""How weights are stored. The int8 and int4 ones have dynamic range: activations are quantized as they come.

`float16` is computed in float32. `int8` has a scale for each output of a matrix, `int8_per_tensor` one for the whole of
it, which older runtimes can read. `int8_weights` is stored so, too, but computed in float32. `int8_int4` has int8
matrices and int4 embeddings, `int4` both in int4.
"""

_INT4_BYTES = 0.5 + 2 / BLOCK
BYTES_PER_PARAMETER: Mapping[str, float] = {
    "float32": 4,
    "float16": 2,
    "int8": 1,
    "int8_per_tensor": 1,
    "int8_weights": 1,
    "int8_int4": _INT4_BYTES,  # at least; it depends on the size of the vocabulary
    "int4": _INT4_BYTES,
}

_INPUT_NAMES = ("ids", "mask", "segment_ids")
_MASKED = -1e9
_MAX_MESSAGE = 1000
"""Characters."""


def convert(
    network: keras.Model,
    *,
    max_tokens: int,
    separator_id: int,
    variants: Sequence[Variant] = ("float32", "int8"),
    fixed_length: bool = False,
) -> dict[Variant, bytes]:
    """Converts a network that scores texts.

    The files take int32 [1, tokens] `ids`, `mask` (1 = token) and `segment_ids`, of any length, of which the first
    `max_tokens` count with [SEP] put last, and give `scores`, float32 [1, outputs].

    Args:
        network: functional model {"token_ids", "segment_ids", "padding_mask"} int32 [batch, seq_len] -> scores float32
            [batch, outputs], built with the float32 policy whatever it was trained with. Must not be in use by
            another thread meanwhile.
        max_tokens: tokens that the network reads at most, [CLS] and [SEP] among them; at least 2.
        separator_id: id of [SEP].
        variants: which files to make.
        fixed_length: whether the files take `max_tokens` and no other length: for a runtime that cannot resize its
            inputs. Every text then takes the time of the longest one.

    Raises:
        ConversionError: TensorFlow cannot export or convert the network, it does not compute in float32, or an
            argument is out of range.
    """
    if max_tokens < 2:
        raise ConversionError(f"max_tokens must be at least 2, for [CLS] and [SEP]; got {max_tokens}")
    if unknown := sorted(set(variants) - set(get_args(Variant))):
        raise ConversionError(f"unknown variants {unknown}; expected some of {list(get_args(Variant))}")
    if other := sorted(
        {layer.compute_dtype for layer in network._flatten_layers()} - {"float32", "int32", None}
    ):
        raise ConversionError(f"the network computes in {', '.join(other)}; build it with the float32 policy")
    with tempfile.TemporaryDirectory() as directory, quiet_stderr(), _own_temporary_files(directory):
        saved_model = Path(directory) / "saved_model"
        try:
            with _additive_attention_mask(network):
                tokens = max_tokens if fixed_length else None
                _export(_on_device(network, max_tokens, separator_id), saved_model, tokens)
            return _convert_all(saved_model, variants, max_tokens)
        except Exception as err:  # the converter's errors have no public common base
            raise ConversionError(
                f"TensorFlow cannot convert the network to .tflite: {_cut(str(err))}"
            ) from err


def _cut(message: str) -> str:
    """The converter adds the whole graph to its message."""
    return message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + " …"


@keras.saving.register_keras_serializable("emotion_pipeline")
class _FirstTokens(keras.layers.Layer):
    """Keeps the first `max_tokens` columns; the last of them becomes `last`, if given.

    In a row that is cut, the column `max_tokens - 1` must become [SEP]; in one that fits exactly it is [SEP] already,
    and in a padded one it is masked. So it may always be [SEP], and the graph needs no condition.
    """

    def __init__(self, max_tokens: int, last: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.max_tokens, self.last = max_tokens, last

    def call(self, tokens: Any) -> Any:
        if self.last is None:
            return tokens[:, : self.max_tokens]
        tail = tokens[:, self.max_tokens - 1 : self.max_tokens]
        return keras.ops.concatenate(
            [tokens[:, : self.max_tokens - 1], keras.ops.full_like(tail, self.last)], axis=1
        )


def _on_device(network: keras.Model, max_tokens: int, separator_id: int) -> keras.Model:
    """The network with the phone's inputs and truncation before it."""
    ids, mask, segment_ids = (
        keras.Input((None,), batch_size=1, dtype="int32", name=name) for name in _INPUT_NAMES
    )
    scores = network(
        {
            "token_ids": _FirstTokens(max_tokens, separator_id, dtype="int32")(ids),
            "padding_mask": _FirstTokens(max_tokens, dtype="int32")(mask),
            "segment_ids": _FirstTokens(max_tokens, dtype="int32")(segment_ids),
        },
        training=False,
    )
    return keras.Model([ids, mask, segment_ids], scores)


@contextmanager
def _additive_attention_mask(network: keras.Model) -> Iterator[None]:
    """Makes attention add its mask to the scores instead of selecting by it.

    Added, the mask is computed once for all layers and splits no XNNPACK partition: 10-20 % less latency.
    """
    attentions = [
        layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.MultiHeadAttention)
    ]
    softmaxes = [
        attention._softmax for attention in attentions if attention._softmax.axis in (-1, (-1,), (3,))
    ]
    try:
        for softmax in softmaxes:
            softmax.call = _additively_masked_softmax
        yield
    finally:
        for softmax in softmaxes:
            del softmax.call


def _additively_masked_softmax(inputs: Any, mask: Any = None) -> Any:
    if mask is not None:
        inputs = inputs + (1.0 - keras.ops.cast(mask, inputs.dtype)) * _MASKED
    return keras.ops.softmax(inputs, axis=-1)


def _export(model: keras.Model, directory: Path, tokens: int | None) -> None:
    """What `TFLiteConverter.from_keras_model` does first; done here once for all variants, and without its printing.

    Of the model only the variables are exported: what Keras adds to them, a function of every layer, takes as long to
    write and to read as all else, and is not converted.
    """

    def serve(ids: Any, mask: Any, segment_ids: Any) -> dict[str, Any]:
        return {"scores": model([ids, mask, segment_ids], training=False)}

    signature = [tf.TensorSpec((1, tokens), tf.int32, name=name) for name in _INPUT_NAMES]
    module = tf.Module()
    module.kept = [variable.value for variable in model.variables]
    module.serve = tf.function(serve, input_signature=signature, autograph=False)
    tf.saved_model.save(module, str(directory), signatures=module.serve.get_concrete_function())


def _convert_all(saved_model: Path, variants: Sequence[Variant], max_tokens: int) -> dict[Variant, bytes]:
    """TensorFlow knows no int4 in blocks: those variants are made of the float32 one."""

    @cache
    def converted(variant: Variant) -> bytes:
        return drop_positions(canonical_form(_convert(saved_model, variant)), max_tokens)

    files: dict[Variant, bytes] = {}
    for variant in dict.fromkeys(variants):
        match variant:
            case "int4":
                files[variant] = quantize(converted("float32"), matrices=4, embeddings=4)
            case "int8_weights":
                files[variant] = quantize(converted("float32"), matrices=8, embeddings=8, weights_alone=True)
            case "int8_int4":
                files[variant] = quantize(converted("float32"), matrices=8, embeddings=4)
            case _:
                files[variant] = converted(variant)
    return files


def _convert(saved_model: Path, variant: Variant) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    converter.exclude_conversion_metadata = True  # holds a hash of the names, another one each time
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant == "int8_per_tensor":
        converter._experimental_disable_per_channel = True
    return bytes(converter.convert())


@contextmanager
def _own_temporary_files(directory: str) -> Iterator[None]:
    """TensorFlow leaves temporary directories behind; they go where they are removed."""
    before = tempfile.tempdir
    tempfile.tempdir = directory
    try:
        yield
    finally:
        tempfile.tempdir = before
