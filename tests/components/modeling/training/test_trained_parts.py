"""What is trained, as a user configures it, and that the model that comes out is like any other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Model
from components.core.errors import ConfigError
from components.modeling.attention_heads import count_heads
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.training.trainable import find_encoder
from components.trainer import TrainerConfig, trainer
from pipeline.config import parse_config
from tests.components.toy_corpus import run_transform, toy_examples

QUICK = {"epochs": 2, "learning_rate": 5e-3, "batch_size": 32, "precision": "float32"}
LORA = {"rank": 4, "alpha": 8, "targets": ["query", "value", "feedforward_output"]}

Prepared = tuple[Any, Any]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    return run_transform(directory, toy_examples(directory))


def _train(prepared: Prepared, directory: Path, **settings: Any) -> tuple[LoadedModel, dict[str, Any], Any]:
    """The model as it is loaded, its history, and the Trainer's summary."""
    graph, transformed = prepared
    config = TrainerConfig.model_validate({**QUICK, **settings})
    model = Model(directory)
    summary = trainer(config=config, transformed=transformed, transform_graph=graph, model=model)
    return load_model(model), json.loads(model.history_path.read_text()), summary


def _changed(loaded: LoadedModel) -> set[str]:
    """Variables of the encoder that are no longer as pretrained."""
    pretrained = load_backbone(resolve_encoder("tiny-random"))
    return {
        variable.path
        for variable, before in zip(find_encoder(loaded.network).weights, pretrained.weights, strict=True)
        if (variable.numpy() != before.numpy()).any()
    }


def _head_parameters(loaded: LoadedModel) -> int:
    return int(loaded.network.count_params() - find_encoder(loaded.network).count_params())


def test_a_pruned_encoder(prepared: Prepared, tmp_path: Path) -> None:
    loaded, history, _ = _train(prepared, tmp_path, pruning={"layers": [1], "feed_forward": 48, "heads": 1})
    encoder = find_encoder(loaded.network)
    assert (encoder.num_layers, encoder.intermediate_dim) == (1, 48)
    assert loaded.config.backbone.arguments["intermediate_dim"] == 48
    assert loaded.config.backbone.heads == count_heads(encoder) == 1
    assert history["all_parameters"] == loaded.network.count_params()
    assert history["epochs"][-1]["loss"] < history["epochs"][0]["loss"]


def test_the_head_alone(prepared: Prepared, tmp_path: Path) -> None:
    loaded, history, summary = _train(prepared, tmp_path, trainable="head")
    assert _changed(loaded) == set()
    assert history["trained_parameters"] == _head_parameters(loaded)
    assert history["all_parameters"] == loaded.network.count_params()
    assert summary["trained parameters"].startswith(f"{_head_parameters(loaded):,} (")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_lora_comes_out_as_kernels(prepared: Prepared, precision: str, tmp_path: Path) -> None:
    loaded, history, _ = _train(
        prepared, tmp_path, trainable={"lora": LORA, "top_layers": 1}, precision=precision
    )
    names = ("self_attention_layer/query", "self_attention_layer/value", "feedforward_output_dense")
    assert {path.split("/", 1)[1] for path in _changed(loaded)} == {f"{name}/kernel" for name in names}
    assert all(path.startswith("transformer_layer_1/") for path in _changed(loaded))
    # Of query and value A is [32, 2 heads, 4] and B [4, 16]; of the other [64, 4] and [4, 32]; the head comes on top.
    additions = 2 * (32 * 2 * 4 + 4 * 16) + (64 * 4 + 4 * 32)
    assert history["trained_parameters"] == additions + _head_parameters(loaded)
    assert history["all_parameters"] == loaded.network.count_params()
    # What was measured in training is what the loaded model does.
    scores = loaded.scores(["i am so happy today", "so sad"])
    assert np.isfinite(scores).all()


def test_lora_learns(prepared: Prepared, tmp_path: Path) -> None:
    settings = {
        "trainable": {"lora": {**LORA, "rank": 8}},
        "epochs": 6,
        "batch_size": 16,
        "learning_rate": 2e-2,
    }
    _, history, _ = _train(prepared, tmp_path, **settings)
    metrics = [epoch["validation_metric"] for epoch in history["epochs"]]
    assert max(metrics) > metrics[0] + 0.1


def test_gradual_unfreezing_reaches_the_embeddings(prepared: Prepared, tmp_path: Path) -> None:
    trainable = {"unfreeze_every_epochs": 0.25, "layer_decay": 0.8}
    loaded, _, _ = _train(prepared, tmp_path, trainable=trainable, epochs=1)
    parts = {path.split("/")[0] for path in _changed(loaded)}
    assert {"token_embedding", "transformer_layer_0", "transformer_layer_1"} <= parts


def test_more_layers_than_the_encoder_has(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="top_layers is 7; the encoder has 2 layers"):
        _train(prepared, tmp_path, trainable={"top_layers": 7})


@pytest.mark.parametrize(
    ("trainable", "message"),
    [
        ("heads", r"`trainer\.trainable`: is 'heads'; expected all, head, or keys such as top_layers: 2"),
        ({"top_layer": 2}, r"unknown key `trainer\.trainable\.top_layer`; did you mean `top_layers`"),
        ({"lora": {"rnk": 2}}, r"unknown key `trainer\.trainable\.lora\.rnk`; did you mean `rank`"),
    ],
)
def test_a_wrong_section_is_refused_with_a_remedy(trainable: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({"name": "x", "example_gen": {"source": "x.csv"}, "trainer": {"trainable": trainable}})
