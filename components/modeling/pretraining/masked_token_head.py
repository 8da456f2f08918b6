"""BERT's head for masked tokens: from the vector of a hidden place to logits over the vocabulary."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from components.modeling.encoder import Encoder

__all__ = ["MaskedTokenHead", "pretrained_head"]

_KERNEL_STDDEV = 0.02
_EPSILON = 1e-12

_NAMES = (
    {
        "kernel": "cls.predictions.transform.dense.weight",
        "bias": "cls.predictions.transform.dense.bias",
        "gamma": "cls.predictions.transform.LayerNorm.weight",
        "beta": "cls.predictions.transform.LayerNorm.bias",
        "output": "cls.predictions.bias",
    },
    {
        "kernel": "cls.predictions.transform.dense.weight",
        "bias": "cls.predictions.transform.dense.bias",
        "gamma": "cls.predictions.transform.LayerNorm.gamma",
        "beta": "cls.predictions.transform.LayerNorm.beta",
        "output": "cls.predictions.bias",
    },
    {
        "kernel": "vocab_transform.weight",
        "bias": "vocab_transform.bias",
        "gamma": "vocab_layer_norm.weight",
        "beta": "vocab_layer_norm.bias",
        "output": "vocab_projector.bias",
    },
)
"""As Hugging Face names them: BERT, BERT of old, DistilBERT."""


class MaskedTokenHead(keras.layers.Layer):
    """Dense, gelu, LayerNorm, and the product with the encoder's own token embeddings (tied weights).

    Args:
        width: of the encoder.
        output_bias: float32 [embeddings], logits before any training: of how often tokens occur.
    """

    def __init__(self, width: int, output_bias: NDArray[np.float32], **options: Any) -> None:
        super().__init__(**options)
        self._output_bias = output_bias
        self.dense = keras.layers.Dense(
            width,
            activation=lambda values: keras.activations.gelu(values, approximate=False),
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=_KERNEL_STDDEV),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.norm = keras.layers.LayerNormalization(epsilon=_EPSILON, dtype=self.dtype_policy, name="norm")
        self.dense.build((None, width))
        self.norm.build((None, width))
        self.output_bias = self.add_weight(
            shape=output_bias.shape,
            initializer=keras.initializers.Constant(output_bias),
            name="output_bias",
            autocast=False,
        )
        self.built = True

    def call(self, vectors: Any, embeddings: Any) -> Any:
        """Logits, float32 [hidden, rows], of vectors, float [hidden, width], and embeddings, float [rows, width]."""
        transformed = self.norm(self.dense(vectors))
        products = ops.matmul(transformed, ops.transpose(ops.cast(embeddings, transformed.dtype)))
        return ops.cast(products, "float32") + self.output_bias

    def load(self, weights: dict[str, NDArray[np.float32]]) -> None:
        """Takes over what `pretrained_head` found."""
        self.dense.kernel.assign(weights["kernel"].T)
        self.dense.bias.assign(weights["bias"])
        self.norm.gamma.assign(weights["gamma"])
        self.norm.beta.assign(weights["beta"])
        self.output_bias.assign(weights["output"])


def pretrained_head(encoder: Encoder, *, width: int, rows: int) -> dict[str, NDArray[np.float32]] | None:
    """The head's weights beside an encoder's, float32; None where they were not published, as with MiniLM.

    Args:
        encoder: a resolved one; only local Hugging Face directories are looked into.
        width: of the encoder.
        rows: of its embeddings.
    """
    path = None if encoder.directory is None else encoder.directory / "model.safetensors"
    if path is None or not path.is_file():
        return None
    from safetensors import safe_open

    shapes = {
        "kernel": (width, width),
        "bias": (width,),
        "gamma": (width,),
        "beta": (width,),
        "output": (rows,),
    }
    with safe_open(str(path), framework="numpy") as tensors:
        present = set(tensors.keys())
        for names in _NAMES:
            if present.issuperset(names.values()):
                found = {key: tensors.get_tensor(name).astype(np.float32) for key, name in names.items()}
                fits = all(found[key].shape == shape for key, shape in shapes.items())
                return found if fits else None
    return None
