"""Live traffic of a running server, as Prometheus sees it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_service_pb2_grpc

from pipeline.live_traffic import read_live_shifts
from serving.description import Description
from serving.predictor import Predictor
from serving.server import ModelServer
from serving.watch.collector import TrafficCollector
from serving.watch.counts import TrafficCounts
from serving.watch.engine import WatchedEngine, _Seen
from tests.serving.conftest import LABELS, ToyModel
from tests.serving.watch.conftest import MIN_TEXTS, USUAL

FOREIGN = ["Привет, как дела, мой дорогой друг?"] * 80


def gauges(server: ModelServer) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by metric, then by the labels beside model and version."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(server.metrics.page().decode()):
        for sample in family.samples:
            if sample.name.startswith("emotion_serving_") and "version" in sample.labels:
                labels = tuple(
                    value for name, value in sample.labels.items() if name not in ("model_name", "version")
                )
                found.setdefault(sample.name, {})[labels] = sample.value
    return found


def settled(server: ModelServer, texts: int) -> dict[str, dict[tuple[str, ...], float]]:
    """The gauges once that many texts were looked at."""
    deadline = time.monotonic() + 60
    while (found := gauges(server))["emotion_serving_traffic_texts"][()] < texts:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


@contextmanager
def stub_of(server: ModelServer) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def stub(watched: ModelServer) -> Iterator[Any]:
    with stub_of(watched) as stub:
        yield stub


@pytest.fixture
def unasked_stub(unasked: ModelServer) -> Iterator[Any]:
    with stub_of(unasked) as stub:
        yield stub


def ask(stub: Any, texts: list[str], *outputs: str) -> None:
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = "emotion"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts))
    stub.Predict(request, 60.0)


def test_gauges_speak_when_there_is_something_to_say(unasked: ModelServer, unasked_stub: Any) -> None:
    """In order: nothing, usual traffic, unusual traffic."""
    silent = gauges(unasked)
    assert silent["emotion_serving_traffic_texts"] == {(): 0}, "warm-up requests are no traffic"
    assert set(silent["emotion_serving_reference_label_share"]) == {(label,) for label in LABELS}
    ask(unasked_stub, USUAL[: MIN_TEXTS - 1])
    few = settled(unasked, MIN_TEXTS - 1)
    assert "emotion_serving_drift" not in few
    assert "emotion_serving_label_share" not in few

    ask(unasked_stub, USUAL[MIN_TEXTS - 1 : 60])
    usual = settled(unasked, 60)
    drift = usual["emotion_serving_drift"]
    assert set(drift) == {
        (feature, measure)
        for feature in ("labels", "scripts", "words")
        for measure in ("jensen_shannon", "l_infinity")
    }
    assert max(drift.values()) == pytest.approx(0, abs=1e-6)
    assert max(usual["emotion_serving_score_drift"].values()) == pytest.approx(0, abs=1e-6)
    for name in ("words_per_text", "unknown_token_share", "label_share", "score_mean"):
        live, reference = usual[f"emotion_serving_{name}"], usual[f"emotion_serving_reference_{name}"]
        assert live == pytest.approx(reference, abs=1e-6), name
    assert usual["emotion_serving_script_share"] == {("Latin",): 1}

    ask(unasked_stub, FOREIGN[:60])
    foreign = settled(unasked, 120)
    assert foreign["emotion_serving_script_share"] == {("Latin",): 0.5, ("Cyrillic",): 0.5}
    assert foreign["emotion_serving_drift"]["scripts", "l_infinity"] == pytest.approx(0.5)
    # 1.5 bits of entropy of the mixture against 0.5 * 1 bit, of (1, 0) and (1/2, 1/2).
    assert foreign["emotion_serving_drift"]["scripts", "jensen_shannon"] == pytest.approx(0.3113, abs=1e-4)
    assert (
        foreign["emotion_serving_unknown_token_share"][()]
        > foreign["emotion_serving_reference_unknown_token_share"][()] + 0.3
    )
    assert max(foreign["emotion_serving_score_drift"].values()) > 0.1


def test_an_empty_window_says_nothing_however_few_texts_are_asked_for(
    watched: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchedEngine, "counts", lambda _: TrafficCounts(len(LABELS)))
    families = {family.name: family for family in TrafficCollector(watched.models, min_texts=0).collect()}
    assert [sample.value for sample in families["emotion_serving_traffic_texts"].samples] == [0]
    for name in ("unknown_token_share", "words_per_text", "drift", "score_mean"):
        assert not families[f"emotion_serving_{name}"].samples


def test_a_pipeline_can_ask_whether_its_model_is_asked_about_other_texts(
    watched: ModelServer, stub: Any
) -> None:
    before = int(gauges(watched)["emotion_serving_traffic_texts"][()])
    ask(stub, FOREIGN[:60])
    settled(watched, before + 60)
    shifts = read_live_shifts(f"http://127.0.0.1:{watched.rest_port}", max_shift=0.05, false_alarms=0.01)
    by_feature = {shift.feature: shift for shift in shifts}
    assert by_feature.keys() == {"labels", "scripts", "words"}
    assert {shift.model for shift in shifts} == {"emotion 7"}
    scripts = by_feature["scripts"]
    assert scripts.exceeded
    assert scripts.value == pytest.approx(gauges(watched)["emotion_serving_drift"]["scripts", "l_infinity"])


def test_every_way_to_send_texts_counts(watched: ModelServer, stub: Any) -> None:
    before = gauges(watched)["emotion_serving_traffic_texts"][()]
    ask(stub, ["so happy"], "labels")
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "emotion"
    request.model_spec.signature_name = "classify"
    request.input.example_list.examples.add().features.feature["text"].bytes_list.value.append(b"so sad")
    stub.Classify(request, 60.0)
    settled(watched, int(before) + 2)


def test_of_a_large_batch_only_a_sample_is_looked_at(watched: ModelServer, stub: Any) -> None:
    before = gauges(watched)
    ask(stub, FOREIGN)
    after = settled(watched, int(before["emotion_serving_traffic_texts"][()]) + 64)
    skipped = "emotion_serving_traffic_skipped_texts_total"
    assert after[skipped][()] - before[skipped][()] == len(FOREIGN) - 64


class BrokenTokenizer:
    """An engine that answers, but whose tokenizer fails."""

    def __init__(self) -> None:
        self.signature_defs = {"serving_default": None, "tokenize": None}
        self.closed = False

    def compute(self, signature_name: str, inputs: Any, outputs: tuple[str, ...]) -> dict[str, Any]:
        if signature_name == "tokenize":
            raise RuntimeError("broken")
        return {"scores": np.zeros((len(inputs["text"]), len(LABELS)), np.float32)}

    def close(self) -> None:
        self.closed = True


def test_a_watch_that_fails_or_is_flooded_does_not_harm_the_model(
    watched: ModelServer, toy_model: ToyModel, caplog: pytest.LogCaptureFixture
) -> None:
    engine = watched.models.repository("emotion", None).engine(7)
    assert isinstance(engine, WatchedEngine)
    description: Description = engine.description
    inside = BrokenTokenizer()
    flooded = WatchedEngine(inside, description, engine.reference, window_seconds=60)
    text = np.array([b"so happy"], dtype=object)
    for _ in range(1000):
        assert flooded.compute("serving_default", {"text": text}, ("scores",))["scores"].shape == (1, 5)
    assert flooded.skipped > 0, "the queue is bounded"
    deadline = time.monotonic() + 60
    while "live traffic could not be counted" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    flooded.close()
    assert inside.closed


def test_requests_that_wait_together_are_all_counted(watched: ModelServer) -> None:
    engine = watched.models.repository("emotion", None).engine(7)
    assert isinstance(engine, WatchedEngine)
    watch = WatchedEngine(BrokenTokenizer(), engine.description, None, window_seconds=60)
    seen = [
        _Seen(name, {}, np.full((count, len(LABELS)), value, np.float32))
        for name, count, value in (
            ("serving_default", 3, 0.25),
            ("classify", 2, 0.75),
            ("serving_default", 1, 0.75),
        )
    ]
    try:
        watch._look_at(seen)
        counts = watch.counts()
    finally:
        watch.close()
    assert counts.answers.tolist() == [6] * len(LABELS)
    np.testing.assert_allclose(counts.total_scores, 3 * 0.25 + 3 * 0.75)
    assert (counts.scores.sum(axis=1) == 6).all()


def test_models_of_others_are_left_alone(half_plus_two: Any, watched: ModelServer) -> None:
    from serving.watch.setup import watch

    predictor = Predictor(half_plus_two)
    engine = predictor.engine
    watch(predictor, watched.config)
    assert predictor.engine is engine
    predictor.close()
