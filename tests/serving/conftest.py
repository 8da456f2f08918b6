"""A small real model, exported once, and servers that are always stopped."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import pytest

LABELS = ("joy", "anger", "fear", "sadness", "neutral")
THRESHOLDS = (0.3, 0.5, 0.6, 0.5, 0.2)
TEXTS = (
    "I am so happy today!",
    "",
    "so sad",
    "[NAME] is angry, angry, angry",
    "Café 😀 \u202e日本",
    " \t\n ",
)
MAX_TOKENS = 16
WORDS = "[PAD] [UNK] [CLS] [SEP] i am so happy sad angry today is cafe xxname ! , ."


@dataclass(frozen=True)
class ToyModel:
    """What was exported: the network, its tokenizer and the directory."""

    network: Any
    tokenizer: Any
    directory: Path


def toy_vocabulary() -> list[str]:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    return list(dict.fromkeys([*WORDS.split(), *letters, *(f"##{letter}" for letter in letters)]))


def toy_network(vocabulary_size: int) -> Any:
    import keras
    import keras_hub

    keras.utils.set_random_seed(3)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=vocabulary_size,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=MAX_TOKENS,
    )
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    pooled = keras.layers.GlobalAveragePooling1D()(
        backbone(inputs)["sequence_output"], mask=keras.ops.cast(inputs["padding_mask"], "bool")
    )
    network = keras.Model(inputs, keras.layers.Dense(len(LABELS), activation="sigmoid")(pooled))
    # Large enough weights that texts differ clearly in their scores.
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.3, seed=5))
    return network


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> ToyModel:
    from serving.saved_model import export_saved_model
    from serving.tokenizer import InGraphTokenizer

    vocabulary = toy_vocabulary()
    network = toy_network(len(vocabulary))
    tokenizer = InGraphTokenizer(
        vocabulary,
        lowercase=True,
        strip_accents=True,
        special_tokens={"[NAME]": "xxname"},
        max_tokens=MAX_TOKENS,
    )
    directory = tmp_path_factory.mktemp("toy") / "emotion" / "7"
    export_saved_model(directory, network=network, tokenizer=tokenizer, labels=LABELS, thresholds=THRESHOLDS)
    return ToyModel(network, tokenizer, directory)


@pytest.fixture(scope="session")
def predictor(toy_model: ToyModel) -> Iterator[Any]:
    from serving.predictor import Predictor

    predictor = Predictor(toy_model.directory)
    yield predictor
    predictor.close()


@pytest.fixture(scope="session")
def server(toy_model: ToyModel) -> Iterator[Any]:
    """A running server with both transports, model `emotion` version 7."""
    from serving.server import ModelServer, ServerConfig

    config = ServerConfig(
        model_base_path=toy_model.directory.parent,
        model_name="emotion",
        host="127.0.0.1",
        port=0,
        rest_api_port=0,
        grace_seconds=5,
    )
    with ModelServer(config) as server:
        yield server
