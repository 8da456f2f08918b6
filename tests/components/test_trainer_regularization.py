"""Regularization as the Trainer wires it: what is trained, validated and saved."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Model, TransformedExamples, TransformGraph
from components.evaluation.metrics import Counts
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.tiny_encoder import tiny_backbone
from components.trainer import TrainerConfig, trainer
from tests.components.toy_corpus import LABELS, run_transform, toy_examples, toy_rows

Prepared = tuple[TransformGraph, TransformedExamples]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    return run_transform(directory, toy_examples(directory))


def _train(directory: Path, prepared: Prepared, **settings: Any) -> tuple[LoadedModel, dict[str, Any]]:
    graph, transformed = prepared
    model = Model(directory)
    quick = {"epochs": 2, "batch_size": 16, "learning_rate": 5e-3, "precision": "float32"}
    config = TrainerConfig.model_validate({**quick, **settings})
    trainer(config=config, transformed=transformed, transform_graph=graph, model=model)
    return load_model(model), json.loads(model.history_path.read_text())


def _validation_metric(loaded: LoadedModel) -> float:
    rows = toy_rows(120, seed=2)
    targets = np.array([[label in row["labels"] for label in LABELS] for row in rows])
    return Counts.of(loaded.decide(loaded.scores([row["text"] for row in rows])), targets).macro_f1


def _token_table(loaded: LoadedModel) -> Any:
    (backbone,) = (layer for layer in loaded.network.layers if hasattr(layer, "token_embedding"))
    return backbone.token_embedding.embeddings.numpy()


def test_everything_at_once_learns_in_mixed_precision(prepared: Prepared, tmp_path: Path) -> None:
    loaded, history = _train(
        tmp_path,
        prepared,
        epochs=5,
        precision="mixed_bfloat16",
        pooling="label_attention",
        hidden_units=16,
        regularization={
            "dropout_samples": 3,
            "r_drop": {},
            "adversarial": {},
            "ema": {"decay": 0.95},
            "augmentation": {"drop": 0.05, "delete": 0.05, "swap": 0.05},
        },
    )
    assert loaded.config.pooling == "label_attention"
    best = history["epochs"][history["best_epoch"] - 1]["validation_metric"]
    assert best > 0.9
    assert _validation_metric(loaded) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_moving_average_is_what_is_validated_and_saved(
    prepared: Prepared, tmp_path: Path, precision: str
) -> None:
    # An average that never forgets is the encoder as it was, whatever the training does.
    ema = {"decay": 0.9999999, "warmup": False}
    loaded, history = _train(tmp_path, prepared, precision=precision, regularization={"ema": ema})
    np.testing.assert_allclose(
        _token_table(loaded), tiny_backbone("float32").token_embedding.embeddings.numpy(), atol=1e-4
    )
    first, second = history["epochs"]
    assert second["loss"] < 0.97 * first["loss"]
    assert second["validation_loss"] == pytest.approx(first["validation_loss"], rel=1e-3)


def test_low_rank_additions_are_averaged_before_they_are_merged(prepared: Prepared, tmp_path: Path) -> None:
    # B of A x B starts at 0, and so do kernels that an average without end keeps.
    ema = {"decay": 0.9999999, "warmup": False}
    settings = {"trainable": {"lora": {"rank": 2}}, "regularization": {"ema": ema}, "learning_rate": 0.05}
    loaded, history = _train(tmp_path, prepared, **settings)
    first, second = history["epochs"]
    assert second["loss"] < first["loss"]
    (backbone,) = (layer for layer in loaded.network.layers if hasattr(layer, "token_embedding"))
    for weight, start in zip(backbone.weights, tiny_backbone("float32").weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), start.numpy(), atol=1e-4)


@pytest.mark.parametrize("of", ["last", "best"])
def test_the_mean_of_epochs_is_what_is_validated_and_saved(
    prepared: Prepared, tmp_path: Path, of: str
) -> None:
    plain, _ = _train(tmp_path / "one", prepared, epochs=1, warmup=0)
    settings = {"epochs": 3, "warmup": 0, "regularization": {"checkpoint_mean": {"of": of, "count": 2}}}
    loaded, history = _train(tmp_path / "mean", prepared, **settings)
    best = history["epochs"][history["best_epoch"] - 1]["validation_metric"]
    assert _validation_metric(loaded) == pytest.approx(best, abs=1e-3)
    assert not np.allclose(_token_table(loaded), _token_table(plain), atol=1e-3)


def test_the_best_epoch_is_that_of_the_metric_that_is_watched(prepared: Prepared, tmp_path: Path) -> None:
    # Trained far too long, the loss rises while decisions stay as good.
    settings = {"epochs": 6, "learning_rate": 0.02, "dropout": 0, "encoder_dropout": 0}
    _, history = _train(
        tmp_path, prepared, **settings, early_stopping={"metric": "loss", "patience": 6, "min_delta": 0.01}
    )
    losses = [epoch["validation_loss"] for epoch in history["epochs"]]
    assert history["best_epoch"] == 1 + int(np.argmin(losses))
