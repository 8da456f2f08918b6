"""Moving the word embeddings of a network's input, position by position, without touching the table."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

__all__ = ["shifted"]


@contextmanager
def shifted(embedding: keras.layers.Layer, shift: tf.Tensor) -> Iterator[None]:
    """Within it, `embedding` gives its output plus `shift`, float32 [rows, seq_len, width], in the output's dtype.

    In a tf.function the context is left when the tracing has passed it: the graph holds the addition in this place
    alone.
    """
    # Keras calls a quantized layer by another method.
    method = "call" if embedding.quantization_mode is None else "quantized_call"
    look_up = getattr(embedding, method)

    def look_up_and_shift(token_ids: tf.Tensor) -> tf.Tensor:
        words = look_up(token_ids)
        return tf.cast(tf.cast(words, tf.float32) + shift, words.dtype)

    setattr(embedding, method, look_up_and_shift)
    try:
        yield
    finally:
        delattr(embedding, method)
