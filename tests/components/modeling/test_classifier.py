import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from components.core.artifacts import Model
from components.core.errors import StageError
from components.modeling.calibration import HeadCalibration
from components.modeling.classifier import (
    BackboneConfig,
    LoadedModel,
    ModelConfig,
    build_network,
    load_model,
    save_model,
)
from components.modeling.encoder import embedding_rows, load_backbone, resolve_encoder
from components.modeling.heads import Head
from components.modeling.tiny_encoder import TINY_VOCABULARY
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules

LABELS = ("joy", "sadness", "neutral")
TEXTS = ["I am happy", "", "so so sad and lost today my friend!", "日本", "lone \ud800 surrogate", "happy"]


def _config(backbone: Any, **changes: Any) -> ModelConfig:
    settings: dict[str, Any] = {
        "heads": (Head(outputs=LABELS),),
        "thresholds": (0.2, 0.5, 0.7),
        "max_tokens": 12,
        "encoder": "tiny-random",
        "for_tests_only": True,
        "backbone": BackboneConfig.of(backbone),
    }
    return ModelConfig(**{**settings, **changes})


def _tokenizer() -> TokenizerSpec:
    rules = CleaningRules(lowercase=True, strip_accents=True)
    return TokenizerSpec(vocabulary=TINY_VOCABULARY, rules=rules, max_tokens=12)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, keras.Model]:
    keras.utils.set_random_seed(1)
    backbone = load_backbone(resolve_encoder("tiny-random"), dtype="mixed_bfloat16")
    config = _config(backbone)
    network = build_network(config, backbone=backbone)
    model = Model(tmp_path_factory.mktemp("model"))
    save_model(model, network=network, config=config, tokenizer=_tokenizer())
    return model, network


@pytest.fixture(scope="module")
def loaded(saved: tuple[Model, keras.Model]) -> LoadedModel:
    return load_model(saved[0])


def test_a_saved_model_is_loaded_in_float32_with_all_that_was_said_of_it(
    saved: Any, loaded: LoadedModel
) -> None:
    _, network = saved
    assert loaded.config.labels == LABELS
    assert loaded.config.thresholds == (0.2, 0.5, 0.7)
    assert loaded.config.for_tests_only
    assert loaded.tokenizer == _tokenizer()
    for weight, original in zip(loaded.network.weights, network.weights, strict=True):
        assert weight.dtype == "float32"
        np.testing.assert_array_equal(weight.numpy(), original.numpy())
    policies = {layer.compute_dtype for layer in loaded.network._flatten_layers(include_self=False)}
    assert policies - {"int32"} == {"float32"}


def test_scores_are_probabilities_in_the_order_of_the_texts(loaded: LoadedModel) -> None:
    scores = loaded.scores(TEXTS)
    assert scores.shape == (len(TEXTS), len(LABELS))
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1)).all()
    one_by_one = np.concatenate([loaded.scores([text]) for text in TEXTS])
    np.testing.assert_allclose(scores, one_by_one, atol=1e-6)
    np.testing.assert_allclose(loaded.scores(TEXTS, batch_size=2), scores, atol=1e-6)


def test_scores_are_the_sigmoid_of_the_networks_logits(loaded: LoadedModel) -> None:
    ids = np.array([HostTokenizer(loaded.tokenizer).encode(TEXTS[0])], np.int32)
    logits = loaded.network(
        {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    )
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    np.testing.assert_allclose(1 / (1 + np.exp(-logits.numpy())), loaded.scores(TEXTS[:1]), atol=1e-6)


def test_calibration_is_a_part_of_the_model(loaded: LoadedModel, tmp_path: Path) -> None:
    platt = HeadCalibration(method="platt", slopes=(0.5, 1.0, 2.0), offsets=(-1.0, 0.0, 0.5))
    config = loaded.config.model_copy(update={"calibration": {"emotion": platt}})
    save_model(Model(tmp_path), network=loaded.network, config=config, tokenizer=loaded.tokenizer)
    calibrated = load_model(Model(tmp_path))
    assert calibrated.config == config
    plain = loaded.scores(TEXTS).astype(np.float64)
    logits = np.log(plain / (1 - plain)) * [0.5, 1.0, 2.0] + [-1.0, 0.0, 0.5]
    np.testing.assert_allclose(calibrated.scores(TEXTS), 1 / (1 + np.exp(-logits)), atol=1e-6)
    ids = np.array([HostTokenizer(loaded.tokenizer).encode(TEXTS[0])], np.int32)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    np.testing.assert_allclose(
        calibrated.scoring_network(inputs), calibrated.scores(TEXTS[:1]), rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(calibrated.network(inputs), loaded.network(inputs))


def test_no_texts_give_no_scores(loaded: LoadedModel) -> None:
    assert loaded.scores([]).shape == (0, len(LABELS))


def test_padding_does_not_change_the_logits(loaded: LoadedModel) -> None:
    ids = np.array([[10, 30, 40, 11]], np.int32)
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    padded = {name: np.pad(value, ((0, 0), (0, 5))) for name, value in inputs.items()}
    np.testing.assert_allclose(loaded.network(inputs), loaded.network(padded), atol=1e-6)


def test_the_head_starts_at_the_initial_bias() -> None:
    backbone = load_backbone(resolve_encoder("tiny-random"))
    bias = np.float32([-3, -1, 2])
    network = build_network(_config(backbone), backbone=backbone, initial_logits=bias)
    np.testing.assert_array_equal(network.get_layer("logits").bias.numpy(), bias)


SIZES = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 8, "max_sequence_length": 16}


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("DistilBertBackbone", {"vocabulary_size": len(TINY_VOCABULARY)}),
        ("ElectraBackbone", {"vocab_size": len(TINY_VOCABULARY), "embedding_dim": 8}),
    ],
)
def test_other_bert_families_fit(family: str, sizes: dict[str, int], tmp_path: Path) -> None:
    import keras_hub

    backbone = getattr(keras_hub.models, family)(**sizes, **SIZES)
    assert embedding_rows(backbone) == len(TINY_VOCABULARY)
    config = _config(backbone, pooling="cls")
    network = build_network(config, backbone=backbone)
    model = Model(tmp_path)
    save_model(model, network=network, config=config, tokenizer=_tokenizer())
    loaded = load_model(model)
    assert family in {type(layer).__name__ for layer in loaded.network.layers}
    inputs = {name: np.ones((1, 4), np.int32) for name in ("token_ids", "segment_ids", "padding_mask")}
    np.testing.assert_allclose(loaded.network(inputs), network(inputs), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thresholds": (0.5,)}, "1 thresholds for 3 labels"),
        ({"thresholds": (0.5, 0.5, 1.5)}, "probability from 0 to 1"),
        ({"surprise": 1}, "surprise"),
        ({"calibration": {"mood": HeadCalibration.of_temperature(2, 3)}}, "'mood', which is no head"),
        ({"calibration": {"emotion": HeadCalibration.of_temperature(2, 2)}}, "2 offsets for 3 logits"),
        ({"calibration": {"emotion": {"method": "platt", "slopes": [-1], "offsets": [0]}}}, "greater than 0"),
        (
            {
                "heads": (Head(task="single_label", outputs=LABELS),),
                "calibration": {"emotion": {"method": "platt", "slopes": [1] * 3, "offsets": [0] * 3}},
            },
            "must be a temperature",
        ),
    ],
)
def test_an_inconsistent_config_is_refused(changes: dict[str, Any], message: str) -> None:
    backbone = load_backbone(resolve_encoder("tiny-random"))
    with pytest.raises(ValidationError, match=message):
        _config(backbone, **changes)


def test_a_damaged_model_is_one_clear_error(saved: Any, tmp_path: Path) -> None:
    source, _ = saved
    with pytest.raises(StageError, match="cannot be loaded as a model"):
        load_model(Model(tmp_path / "missing"))
    document = json.loads(source.config_path.read_text())
    damaged = Model(tmp_path)
    damaged.config_path.write_text(json.dumps({**document, "format_version": 99}))
    with pytest.raises(StageError, match="format_version"):
        load_model(damaged)


def test_a_model_of_the_third_format_pools_the_text_behind_its_context(loaded: LoadedModel) -> None:
    document = loaded.config.model_dump(mode="json", exclude={"pooled_segment"})
    for pools, pooled in ((True, "second"), (False, None)):
        read = ModelConfig.model_validate({**document, "format_version": 3, "pools_second_segment": pools})
        assert read.pooled_segment == pooled


def test_a_model_of_the_second_format_is_read(saved: Any, loaded: LoadedModel, tmp_path: Path) -> None:
    source, _ = saved
    document = json.loads(source.config_path.read_text())
    del document["calibration"]
    old = Model(tmp_path / "old")
    shutil.copytree(source.path, old.path)
    old.config_path.write_text(json.dumps({**document, "format_version": 2}))
    assert load_model(old).config == loaded.config


def test_a_model_of_the_first_format_is_read(saved: Any, loaded: LoadedModel, tmp_path: Path) -> None:
    source, _ = saved
    document = json.loads(source.config_path.read_text())
    del document["heads"], document["calibration"]
    training = {"epochs": 2, "best_epoch": 1, "validation_macro_f1": 0.5, "precision": "float32"}
    document |= {"format_version": 1, "task": "multi_label", "labels": LABELS, "training": training}
    old = Model(tmp_path / "old")
    shutil.copytree(source.path, old.path)
    old.config_path.write_text(json.dumps(document))
    read = load_model(old)
    assert read.config.labels == LABELS
    assert read.config.training is not None
    assert (read.config.training.metric, read.config.training.validation_metric) == ("macro-F1", 0.5)
    np.testing.assert_array_equal(read.scores(TEXTS), loaded.scores(TEXTS))
