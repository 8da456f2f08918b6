"""Clients in a process of their own, and what became of their requests."""

import argparse
import gc
import json
import math
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from tests.benchmarks.serving_reliability.server import Server

__all__ = ["CLIENTS", "ask", "clients", "quantiles_ms"]

CLIENTS = 16

_SWITCH_SECONDS = 0.0005


@dataclass
class Outcome:
    """What became of the requests of some clients."""

    counts: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    answered: list[tuple[float, float]] = field(default_factory=list)
    refused: list[tuple[float, float]] = field(default_factory=list)
    """When each was sent and how long it took, in seconds of `time.monotonic`."""
    late: list[float] = field(default_factory=list)
    """How long after its scheduled arrival each was sent, in seconds; empty without a rate.

    Clients that all wait for an answer send late, and times count from sending; in MLPerf's scenario, from the arrival.
    """

    def document(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "details": dict(self.details.most_common(10)),
            "answered_ms": quantiles_ms([seconds for _, seconds in self.answered]),
            "refused_ms": quantiles_ms([seconds for _, seconds in self.refused]),
            "refused": self.refused,
            "late_ms": quantiles_ms(self.late),
        }


def quantiles_ms(seconds: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Median, 99th percentile, 99.9th and maximum, in milliseconds; empty of nothing."""
    if not len(seconds):
        return []
    return [round(1000 * float(np.quantile(seconds, share)), 2) for share in (0.5, 0.99, 0.999, 1.0)]


def _arrivals(rate: float) -> Iterator[float]:
    """Moments of a Poisson process, as independent users send requests (MLPerf Inference's server scenario)."""
    gaps = random.Random(0)
    moment = time.monotonic()
    while True:
        moment += gaps.expovariate(rate)
        yield moment


def ask(arguments: argparse.Namespace) -> None:
    """A process of clients: sends texts at a rate, or as fast as it is answered, and prints what came of it."""
    import grpc

    with np.load(arguments.expected) as stored:
        texts, expected = stored["texts"], stored["scores"]
    outcome, lock = Outcome(), threading.Lock()
    messages, answers = [_request(str(text)) for text in texts], list[tuple[int, bytes]]()
    # What is timed must not wait for the other clients' Python: for its own at most this long, and answers are parsed
    # and compared at the end.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Nor for a garbage collection that looks through all that was imported, TensorFlow's modules among it: 0.1 s each.
    gc.collect()
    gc.freeze()
    told = threading.Event()
    if math.isinf(arguments.seconds):
        threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    end = time.monotonic() + arguments.seconds
    arrivals = _arrivals(arguments.rate) if arguments.rate else None

    def client(number: int) -> None:
        channel = grpc.insecure_channel(
            f"127.0.0.1:{arguments.port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        row = number
        while time.monotonic() < end and not told.is_set():
            due = None
            if arrivals:
                with lock:
                    due = next(arrivals)
                time.sleep(max(0.0, due - time.monotonic()))
            row = (row + 7919) % len(texts)
            started = time.monotonic()
            try:
                answer = call(messages[row], timeout=30)
                kind, detail = "", ""
            except grpc.RpcError as err:
                kind, detail = err.code().name, err.details()[:150]
            took = time.monotonic() - started
            with lock:
                if due is not None:
                    outcome.late.append(started - due)
                if not kind:
                    answers.append((row, answer))
                    outcome.answered.append((started, took))
                    continue
                outcome.counts[kind] += 1
                outcome.details[detail] += 1
                if kind == "RESOURCE_EXHAUSTED":
                    outcome.refused.append((started, took))
            if kind == "UNAVAILABLE":
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row, answer in answers:
        outcome.counts["right" if _is_right(answer, expected[row]) else "WRONG"] += 1
    print(json.dumps(outcome.document()))


def _request(text: str) -> bytes:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name = "emotion"
    tensor = request.inputs["text"]
    tensor.dtype, tensor.string_val[:] = 7, [text.encode()]
    tensor.tensor_shape.dim.add(size=1)
    message: bytes = request.SerializeToString()
    return message


def _is_right(answer: bytes, expected: NDArray[np.float32]) -> bool:
    from tensorflow_serving.apis.predict_pb2 import PredictResponse

    try:
        scores = np.array(PredictResponse.FromString(answer).outputs["scores"].float_val)
    except DecodeError:
        return False
    return scores.shape == expected.shape and np.allclose(scores, expected, atol=1e-4)


@contextmanager
def clients(
    server: Server, expected: Path, seconds: float = math.inf, *, rate: float = 0.0, count: int = CLIENTS
) -> Iterator[dict[str, Any]]:
    """Clients in a process of their own; the dictionary is filled when they are done, at the end of the block.

    They ask for so many seconds, or as long as the block runs.
    """
    command = [
        *(sys.executable, "-m", "tests.benchmarks.serving_reliability", "--ask"),
        *("--port", str(server.port), "--seconds", str(seconds), "--rate", str(rate)),
        *("--clients", str(count), "--expected", str(expected)),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found: dict[str, Any] = {}
    try:
        yield found
        # This closes their standard input, which tells those without an end to stop.
        printed, _ = process.communicate(timeout=120 if math.isinf(seconds) else seconds + 120)
        found.update(json.loads(printed))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
