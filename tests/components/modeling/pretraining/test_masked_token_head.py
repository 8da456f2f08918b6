from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from components.modeling.encoder import Encoder
from components.modeling.pretraining.masked_token_head import MaskedTokenHead, pretrained_head

BERT = {
    "kernel": "cls.predictions.transform.dense.weight",
    "bias": "cls.predictions.transform.dense.bias",
    "gamma": "cls.predictions.transform.LayerNorm.weight",
    "beta": "cls.predictions.transform.LayerNorm.bias",
    "output": "cls.predictions.bias",
}
DISTILBERT = {
    "kernel": "vocab_transform.weight",
    "bias": "vocab_transform.bias",
    "gamma": "vocab_layer_norm.weight",
    "beta": "vocab_layer_norm.bias",
    "output": "vocab_projector.bias",
}


def _weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = {"kernel": (4, 4), "bias": (4,), "gamma": (4,), "beta": (4,), "output": (9,)}
    return {key: random.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


def _encoder(directory: Path, names: dict[str, str]) -> Encoder:
    tensors = {names[key]: value for key, value in _weights().items() if key in names}
    save_file({**tensors, "embeddings.weight": np.zeros((9, 4), np.float32)}, directory / "model.safetensors")
    return Encoder(name="x", source=str(directory), directory=directory)


@pytest.mark.parametrize("names", [BERT, DISTILBERT])
def test_a_published_head_is_taken_over(tmp_path: Path, names: dict[str, str]):
    """Held against the formula in NumPy, with the kernel as PyTorch keeps it: [out, in]."""
    found = pretrained_head(_encoder(tmp_path, names), width=4, rows=9)
    assert found is not None
    head = MaskedTokenHead(4, np.zeros(9, np.float32))
    head.load(found)
    random = np.random.default_rng(1)
    vectors, embeddings = (random.normal(size=shape).astype(np.float32) for shape in ((5, 4), (9, 4)))

    own = _weights()
    dense = vectors @ own["kernel"].T + own["bias"]
    from scipy.special import erf

    active = dense * 0.5 * (1 + erf(dense / np.sqrt(2)))
    centred = active - active.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12) * own["gamma"] + own["beta"]
    expected = normed @ embeddings.T + own["output"]
    np.testing.assert_allclose(np.asarray(head(vectors, embeddings)), expected, rtol=1e-4, atol=1e-4)


def test_an_encoder_without_a_head_has_none(tmp_path: Path):
    assert pretrained_head(_encoder(tmp_path, {}), width=4, rows=9) is None
    assert pretrained_head(Encoder(name="tiny-random", source=""), width=4, rows=9) is None


def test_a_head_of_other_shapes_is_left(tmp_path: Path):
    assert pretrained_head(_encoder(tmp_path, BERT), width=4, rows=10) is None
