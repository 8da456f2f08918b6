"""A model that knows what is usual for it, and a server that watches."""

import shutil
from collections.abc import Iterator

import pytest

from serving.predictor import Predictor, encode_texts
from serving.server import ModelServer, ServerConfig
from serving.watch.counts import Reference, TrafficCounts, write_reference
from tests.serving.conftest import HEADS, THRESHOLDS, ToyModel

USUAL = ["I am so happy today!", "so sad, so angry", "is anger sad today?", "happy happy"] * 25
MIN_TEXTS = 20


@pytest.fixture(scope="session")
def watched_config(toy_model: ToyModel, tmp_path_factory: pytest.TempPathFactory) -> ServerConfig:
    """A server of the toy model, whose usual traffic is `USUAL`."""
    directory = tmp_path_factory.mktemp("watched") / "emotion" / "7"
    shutil.copytree(toy_model.directory, directory)
    predictor = Predictor(directory)
    texts = {"text": encode_texts(USUAL)}
    counts = TrafficCounts(len(THRESHOLDS))
    counts.add_texts(USUAL)
    tokens = predictor.run("tokenize", texts)
    counts.add_tokens(tokens["token_ids"], tokens["padding_mask"], 1)
    scores = predictor.run("serving_default", texts)["scores"]
    counts.add_answers(scores, range(len(THRESHOLDS)), HEADS, THRESHOLDS)
    predictor.close()
    write_reference(directory, Reference(counts, unknown_token_id=1))
    monitoring = directory.parents[1] / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    return ServerConfig(
        model_base_path=directory.parent,
        model_name="emotion",
        host="127.0.0.1",
        port=0,
        rest_api_port=0,
        monitoring_config_file=monitoring,
        traffic_min_texts=MIN_TEXTS,
        grace_seconds=5,
    )


@pytest.fixture(scope="session")
def watched(watched_config: ServerConfig) -> Iterator[ModelServer]:
    """One for all tests that do not mind what it has answered already."""
    with ModelServer(watched_config) as server:
        yield server


@pytest.fixture
def unasked(watched_config: ServerConfig) -> Iterator[ModelServer]:
    """One that has answered nothing yet."""
    with ModelServer(watched_config) as server:
        yield server
