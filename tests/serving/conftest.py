"""A small real model, exported once, and servers that are always stopped."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

from serving.description import HeadDescription

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
HEADS = (HeadDescription("emotion", "multi_label", LABELS),)
SEVERAL_HEADS = (
    HeadDescription("emotion", "multi_label", ("joy", "anger", "fear")),
    HeadDescription("sentiment", "single_label", ("sentiment/negative", "sentiment/positive")),
    HeadDescription("affect", "regression", ("valence", "arousal"), (3.0, 2.5), (0.5, 0.25)),
)
MAX_TOKENS = 16
WORDS = "[PAD] [UNK] [CLS] [SEP] i am so happy sad angry today is cafe xxname ! , ."


@dataclass(frozen=True)
class ToyModel:
    """What was exported: the network (token ids to scores), its tokenizer and the directory."""

    network: Any
    tokenizer: Any
    directory: Path


def toy_vocabulary() -> list[str]:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    return list(dict.fromkeys([*WORDS.split(), *letters, *(f"##{letter}" for letter in letters)]))


def toy_network(vocabulary_size: int, heads: tuple[HeadDescription, ...]) -> Any:
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
    scores = [activated(head, keras.layers.Dense(len(head.outputs))(pooled)) for head in heads]
    network = keras.Model(inputs, keras.ops.concatenate(scores, axis=1) if len(scores) > 1 else scores[0])
    # Large enough weights that texts differ clearly in their scores.
    for variable in network.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.3, seed=5))
    return network


def activated(head: HeadDescription, logits: Any) -> Any:
    import keras

    if head.task == "regression":
        return logits * np.float32(head.std) + np.float32(head.mean)
    return keras.ops.softmax(logits) if head.task == "single_label" else keras.ops.sigmoid(logits)


def decided_by_thresholds(scores: Any) -> Any:
    return scores >= np.float32(THRESHOLDS)


def one_of_each_head(scores: Any) -> Any:
    """The decisions of `SEVERAL_HEADS`."""
    import tensorflow as tf

    emotion, sentiment, affect = scores[:, :3], scores[:, 3:5], scores[:, 5:]
    likeliest = tf.equal(sentiment, tf.reduce_max(sentiment, axis=1, keepdims=True))
    return tf.concat([emotion >= 0.5, likeliest, tf.zeros_like(affect, tf.bool)], axis=1)


def export_toy(directory: Path, heads: tuple[HeadDescription, ...], **options: Any) -> ToyModel:
    from serving.saved_model import export_saved_model
    from serving.tokenizer import InGraphTokenizer

    vocabulary = toy_vocabulary()
    network = toy_network(len(vocabulary), heads)
    tokenizer = InGraphTokenizer(
        vocabulary,
        lowercase=True,
        strip_accents=True,
        special_tokens={"[NAME]": "xxname"},
        max_tokens=MAX_TOKENS,
    )
    export_saved_model(directory, network=network, tokenizer=tokenizer, heads=heads, **options)
    return ToyModel(network, tokenizer, directory)


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> ToyModel:
    """Five labels that apply or not, each by its threshold."""
    directory = tmp_path_factory.mktemp("toy") / "emotion" / "7"
    return export_toy(directory, HEADS, decide=decided_by_thresholds, thresholds=THRESHOLDS)


@pytest.fixture(scope="session")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> ToyModel:
    """All that a model can have: two segments, and heads of several tasks."""
    directory = tmp_path_factory.mktemp("large") / "emotion" / "7"
    thresholds = (0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0)
    return export_toy(directory, SEVERAL_HEADS, decide=one_of_each_head, thresholds=thresholds, segments=2)


def export_half_plus(directory: Path, offset: float) -> Path:
    """Saves y = x / 2 + offset, which loads at once: floats to floats, and tf.Examples to numbers."""
    import tensorflow as tf

    class HalfPlus(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offset = tf.Variable(offset)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x: Any) -> dict[str, Any]:
            return {"y": x / 2 + self.offset}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def regress(self, inputs: Any) -> dict[str, Any]:
            features = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})
            return {"outputs": features["x"] / 2 + self.offset}

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
        def product(self, x: Any) -> dict[str, Any]:
            return {"y": tf.linalg.matmul(x, tf.ones([2, 1]))}

    module = HalfPlus()
    partial = directory.parent / f".{directory.name}"
    tf.saved_model.save(
        module,
        str(partial),
        signatures={"serving_default": module.predict, "regress": module.regress, "product": module.product},
    )
    # A version directory only ever appears complete.
    partial.rename(directory)
    return directory


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version directory of y = x / 2 + 2."""
    return export_half_plus(tmp_path_factory.mktemp("half") / "1", 2.0)


@pytest.fixture(scope="session")
def half_plus_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version directory of y = x / 2 + 3."""
    return export_half_plus(tmp_path_factory.mktemp("half") / "1", 3.0)


def publish(version: Path, directory: Path) -> Path:
    """Copies a version; it appears complete."""
    directory.parent.mkdir(exist_ok=True)
    partial = directory.parent / f".{directory.name}"
    shutil.copytree(version, partial)
    return partial.rename(directory)


def publish_broken(directory: Path) -> None:
    """A version that cannot be loaded."""
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"broken")


@pytest.fixture(scope="session")
def predictor(toy_model: ToyModel) -> Iterator[Any]:
    from serving.predictor import Predictor

    predictor = Predictor(toy_model.directory)
    yield predictor
    predictor.close()


@pytest.fixture(scope="session")
def large_predictor(large_model: ToyModel) -> Iterator[Any]:
    from serving.predictor import Predictor

    predictor = Predictor(large_model.directory)
    yield predictor
    predictor.close()


@pytest.fixture(scope="session")
def server(toy_model: ToyModel) -> Iterator[Any]:
    """A running server with both transports, model `emotion` version 7."""
    with running_server(toy_model) as server:
        yield server


@pytest.fixture(scope="session")
def large_server(large_model: ToyModel) -> Iterator[Any]:
    """The same with `large_model`."""
    with running_server(large_model) as server:
        yield server


def running_server(model: ToyModel, **changes: Any) -> Any:
    from serving.server import ModelServer, ServerConfig

    config = ServerConfig(
        model_base_path=model.directory.parent,
        model_name="emotion",
        host="127.0.0.1",
        port=0,
        rest_api_port=0,
        grace_seconds=5,
        **changes,
    )
    return ModelServer(config)
