"""The server from start to drained stop."""

import contextlib
import gc
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.config import CPUS
from serving.errors import ServerStartError
from serving.metrics import Metrics
from serving.predictor import Predictor
from serving.server import ModelServer, ServerConfig, serve_until_signal
from serving.setup import load_options
from tests.ports import free_port
from tests.serving.conftest import TEXTS, ToyModel
from tests.waiting import until

START_TIMEOUT_S = 120


def config(base_path: Path, **changes: object) -> ServerConfig:
    settings = {"model_base_path": base_path, "model_name": "emotion", "host": "127.0.0.1", "port": 0}
    return ServerConfig(**{**settings, "grace_seconds": 5, **changes})


def request(texts: int = 1) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "emotion"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(["I am so happy"] * texts))
    return request


def test_no_model_no_server(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"Failed to start server\. Error: .*holds no version"):
        ModelServer(config(tmp_path))


@pytest.fixture
def taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports were free when the server looked, before it loaded its models."""
    monkeypatch.setattr("serving.server.check_ports", lambda _: None)


@pytest.mark.usefixtures("taken_meanwhile")
def test_a_taken_rest_port_is_named(toy_model: ToyModel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"127.0.0.1:{port} for REST"):
            ModelServer(config(toy_model.directory.parent, rest_api_port=port))


@pytest.mark.usefixtures("taken_meanwhile")
def test_a_taken_grpc_port_leaves_no_rest_server_behind(toy_model: ToyModel) -> None:
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"127.0.0.1:{port} for gRPC"):
            ModelServer(config(toy_model.directory.parent, rest_api_port=0, port=port))
    assert set(threading.enumerate()) <= before


def test_mixed_precision_changes_scores_a_little(toy_model: ToyModel) -> None:
    def scores(mixed_precision: str) -> np.ndarray:
        settings = config(toy_model.directory.parent, mixed_precision=mixed_precision)
        predictor = Predictor(toy_model.directory, load_options(settings, Metrics()))
        answers = predictor.predict(TEXTS)
        predictor.close()
        return np.array([answer.scores for answer in answers])

    exact, mixed = scores(""), scores("bfloat16")
    np.testing.assert_allclose(mixed, exact, atol=0.05)
    # Without AVX-512, TensorFlow leaves the graph as it is.
    assert (mixed != exact).any() == ("avx512f" in Path("/proc/cpuinfo").read_text().split())


class Process:
    """`python -m serving` as a user starts it."""

    def __init__(self, base_path: Path, *flags: str, command: Sequence[str] | None = None) -> None:
        command = command or ["-m", "serving", f"--model_base_path={base_path}"]
        self.process = subprocess.Popen(
            [sys.executable, *command, *flags],
            stderr=subprocess.PIPE,
            text=True,
            # Each import leaves a line in the log.
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPROFILEIMPORTTIME": "1"},
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if found := re.search(pattern, "".join(self.log)):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{pattern} did not appear in:\n{''.join(self.log)}")

    @property
    def imported(self) -> set[str]:
        """Names of the packages that were imported."""
        lines = [line.rpartition("|")[2].strip() for line in self.log if line.startswith("import time:")]
        return {name.partition(".")[0] for name in lines}

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._reader.join(30)
        assert self.process.stderr is not None
        self.process.stderr.close()


def test_sigterm_loses_no_request_of_a_burst(toy_model: ToyModel) -> None:
    port, rest_port = free_port(), free_port()
    flags = (
        "--model_name=emotion",
        f"--port={port}",
        f"--rest_api_port={rest_port}",
        "--lame_duck_seconds=2",
    )
    started = Process(toy_model.directory.parent, *flags)
    try:
        started.wait_for(rf"Running gRPC ModelServer at 0\.0\.0\.0:{port} \.\.\.")
        rest = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=60)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            predict(request(), 60)
            rest.request("POST", "/v1/models/emotion:predict", json.dumps({"instances": ["so sad"] * 4_000}))
            burst = [predict.future(request(300), 60) for _ in range(64)]
            burst[0].result()
            started.process.send_signal(signal.SIGTERM)
            assert [call.code() for call in burst] == [grpc.StatusCode.OK] * 64
        with rest.getresponse() as response:
            assert len(json.load(response)["predictions"]) == 4_000
        rest.close()
        assert started.process.wait(60) == 0
        assert "Traceback" not in "".join(started.log)
        assert "tensorflow" in started.imported
        assert started.imported.isdisjoint({"keras", "tf_keras", "tensorboard", "apache_beam"})
    finally:
        started.kill()


def export_endless(directory: Path) -> None:
    """Saves a model that counts up to x, which floats never do beyond 2^24."""

    class Counting(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def count(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            counted = tf.while_loop(lambda i: i < tf.reduce_max(x), lambda i: [i + 1.0], [tf.constant(0.0)])
            return {"y": x + counted[0]}

    module = Counting()
    tf.saved_model.save(module, str(directory), signatures={"serving_default": module.count})


@pytest.mark.parametrize("of_pipeline", [False, True])
def test_a_computation_that_nobody_waits_for_does_not_hold_up_the_end(
    tmp_path: Path, of_pipeline: bool
) -> None:
    export_endless(tmp_path / "1")
    port = free_port()
    flags = ("--lame_duck_seconds=0", "--rest_api_timeout_in_ms=2000", "--model_name=emotion")
    serve = "from pipeline.cli import main; main()", "serve", "--model", str(tmp_path), "--port=0"
    started = (
        Process(tmp_path, *flags, command=["-c", *serve, f"--rest-port={port}", "--"])
        if of_pipeline
        else Process(tmp_path, *flags, f"--port={free_port()}", f"--rest_api_port={port}")
    )

    def ask(method: str, path: str, body: str | None = None) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_S)
        try:
            connection.request(method, path, body)
            return connection.getresponse().status
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    try:
        until(lambda: started.process.poll() is not None or ask("GET", "/readyz") == 200)
        assert ask("POST", "/v1/models/emotion:predict", '{"instances": [1e9]}') == 504
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(60) == 0
    finally:
        started.kill()


def test_neither_garbage_collections_nor_busy_threads_hold_up_the_others(toy_model: ToyModel) -> None:
    frozen: list[int] = []
    intervals = [sys.getswitchinterval()]

    def look(_: ModelServer) -> None:
        frozen.append(gc.get_freeze_count())
        intervals.append(sys.getswitchinterval())
        signal.raise_signal(signal.SIGINT)

    try:
        serve_until_signal(config(toy_model.directory.parent), on_start=look)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(intervals[0])
    assert intervals[1] <= 0.001
    assert frozen[0] > 100_000, "TensorFlow alone leaves 270,000 objects"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_threads_that_compute_give_way_to_those_that_answer(toy_model: ToyModel) -> None:
    port, threads = free_port(), 5
    flags = (f"--port={port}", f"--tensorflow_intra_op_parallelism={threads}", "--lame_duck_seconds=0")
    started = Process(toy_model.directory.parent, *flags)
    try:
        started.wait_for(rf"Running gRPC ModelServer at 0\.0\.0\.0:{port} \.\.\.")
        ids = [int(thread.name) for thread in Path(f"/proc/{started.process.pid}/task").iterdir()]
        nices: Counter[int] = Counter()
        for thread in ids:
            with contextlib.suppress(ProcessLookupError):  # It has ended meanwhile.
                nices[os.getpriority(os.PRIO_PROCESS, thread)] += 1
    finally:
        started.kill()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nices.keys() == {own, min(own + 10, 19)}
    # Beside those within operations, TensorFlow starts those between them, which nobody computes in by default.
    assert threads <= nices[min(own + 10, 19)] <= threads + 2 * CPUS


def test_a_start_that_fails_says_why_and_exits_with_1(tmp_path: Path) -> None:
    process = Process(tmp_path, f"--port={free_port()}")
    try:
        assert process.process.wait(START_TIMEOUT_S) == 1
        process.wait_for(rf"Failed to start server. Error: .*{tmp_path}: holds no version")
    finally:
        process.kill()
