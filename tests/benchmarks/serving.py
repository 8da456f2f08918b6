"""The embedded server under load: texts a second against what the model can do at all, and latency.

The model is MiniLM with 28 untrained outputs, since weights do not matter for speed; the texts are those of GoEmotions'
test split, in random order. Clients run in a process of their own, in as many threads as there are clients, each with
one request at a time. In this process alone:

- the limit: the model called on batches of 32 texts, sorted by length, without a server;
- one text: the bare call of the model.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.serving [--clients 16] [--rounds 3] [--peer PYTHON]

`--peer` is a Python that has torch, transformers, fastapi and uvicorn: a FastAPI application around a Transformers
pipeline answers the same texts with the same encoder.
"""

import argparse
import contextlib
import http.client
import json
import os
import queue
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TypeAlias

import numpy as np

from tests.ports import free_port

MIN_SHARE_OF_LIMIT = 0.85
MAX_LATENCY_RATIO = 1.3
MIN_PEER_RATIO = 3.0

_LIMIT_BATCH = 32
_WARM_PASSES = 2
"""In the first, every length is new to the kernels, which takes a quarter more."""
_ALONE = 100
_LABELS = 28
_ENCODER = "minilm"
PEER = "FastAPI + Transformers"

Round: TypeAlias = Mapping[tuple[str, int], Mapping[str, float]]
"""Figures by name of the server and texts a request: 0 for one client alone; `""` is the bare model."""

_PEER = """
import sys
import torch, uvicorn
from fastapi import FastAPI
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

directory, port = sys.argv[1], int(sys.argv[2])
config = AutoConfig.from_pretrained(directory, num_labels=28, problem_type="multi_label_classification")
model = AutoModelForSequenceClassification.from_pretrained(directory, config=config)
score = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(directory), top_k=None)
app = FastAPI()


@app.post("/")
def predict(body: dict) -> list:
    with torch.inference_mode():
        return score(body["texts"], truncation=True, max_length=128, batch_size=len(body["texts"]))


uvicorn.run(app, port=port, log_level="error")
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--texts", type=int, default=1000, help="answered in each measurement")
    parser.add_argument("--texts-a-request", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--batch-threads", type=int, nargs="*", default=[2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--model", type=Path, help="base path of a model to serve; MiniLM is exported without"
    )
    parser.add_argument("--peer", type=Path, metavar="PYTHON")
    parser.add_argument("--client", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    texts = read_texts(arguments.shared_data, arguments.texts)
    if arguments.client:
        kind, port = arguments.client
        size = arguments.texts_a_request[0]
        print(json.dumps(load(CALLERS[kind], int(port), texts, clients=arguments.clients, size=size)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        model = arguments.model or export(Path(scratch) / "model")
        measure(arguments, model, texts, Path(scratch))


def measure(arguments: argparse.Namespace, model: Path, texts: Sequence[str], scratch: Path) -> None:
    """Prints all figures; exits with 1 if a bar is missed.

    All servers run all the time, and are asked in turns, as minutes of a shared machine differ by a half.
    """
    print(f"load average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} CPUs at the start")
    with ExitStack() as started:
        bare = started.enter_context(contextlib.closing(BareModel(model, texts)))
        ours = {
            f"batching, {threads} at a time" if threads else "no batching": started.enter_context(
                our_server(model, threads, scratch)
            )
            for threads in (0, *arguments.batch_threads)
        }
        servers = [("grpc", name, port) for name, port in ours.items()]
        if arguments.peer:
            servers.append(("peer", PEER, started.enter_context(peer(arguments.peer, scratch))))
        rounds = []
        for _ in range(arguments.rounds):
            rounds.append(one_round(arguments, bare, servers))
            servers = [*servers[1:], servers[0]]
    missed = print_single_requests(rounds, ours) + print_throughput(arguments, rounds, ours)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def one_round(
    arguments: argparse.Namespace, bare: "BareModel", servers: Sequence[tuple[str, str, int]]
) -> Round:
    found: dict[tuple[str, int], Mapping[str, float]] = {}
    for size in arguments.texts_a_request:
        found["", size] = {"texts_per_second": bare.texts_per_second()}
        for kind, name, port in servers:
            found[name, size] = in_other_process(arguments, kind, port, size)
    for kind, name, port in servers:
        if kind == "grpc":
            found[name, 0] = one_client(bare, port)
    return found


def one_client(bare: "BareModel", port: int) -> Mapping[str, float]:
    """A client alone, in turns with the bare call of the same text."""
    ask = grpc_caller(port)
    ask(["warm"])
    calls: dict[str, Callable[[str], None]] = {"bare_ms": bare.score, "p50_ms": lambda text: ask([text])}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for text in bare.texts[:_ALONE]:
        for name, call in calls.items():
            started = time.perf_counter()
            call(text)
            taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: median(values) for name, values in taken.items()}


def print_single_requests(rounds: Sequence[Round], ours: Iterable[str]) -> list[str]:
    """One client alone; returns the bars that are missed."""
    missed = []
    for name in ours:
        p50 = [found[name, 0]["p50_ms"] for found in rounds]
        ratios = [found[name, 0]["p50_ms"] / found[name, 0]["bare_ms"] for found in rounds]
        print(f"{name + ', one client':<42}p50 {median(p50):.2f} ms, {_spread(ratios)} x the bare call")
        if median(ratios) > MAX_LATENCY_RATIO:
            missed.append(f"single request, {name}: {median(ratios):.2f} x the bare call")
    return missed


def print_throughput(
    arguments: argparse.Namespace,
    rounds: Sequence[Round],
    ours: Iterable[str],
) -> list[str]:
    """Medians over the rounds, of ratios too; returns the bars that are missed."""
    meeting = []
    for size in arguments.texts_a_request:

        def ratios(name: str, other: str, size: int = size) -> list[float]:
            key = "texts_per_second"
            return [found[name, size][key] / found[other, size][key] for found in rounds]

        print(f"{size} a request: limit {_middle(rounds, '', size, 'texts_per_second'):.1f} texts/s")
        for name in [*ours, *([PEER] if arguments.peer else ())]:
            share, times = ratios(name, ""), [] if name == PEER or not arguments.peer else ratios(name, PEER)
            rate, p50, p99 = (
                _middle(rounds, name, size, key) for key in ("texts_per_second", "p50_ms", "p99_ms")
            )
            print(
                f"  {name:<24}{rate:7.1f} texts/s   p50 {p50:.1f} ms   p99 {p99:.1f} ms   "
                f"{_spread(share)} of the limit{f'   {_spread(times)} x the peer' if times else ''}"
            )
            is_fast = median(share) >= MIN_SHARE_OF_LIMIT and (not times or median(times) >= MIN_PEER_RATIO)
            if name != PEER and is_fast:
                meeting.append(f"{name} at {size} a request")
    bars = f"{MIN_SHARE_OF_LIMIT} of the limit" + (
        f" and {MIN_PEER_RATIO} x the peer" if arguments.peer else ""
    )
    print(f"{bars}: {', '.join(meeting) or 'none'}")
    return [] if meeting else [f"no server has {bars} at any number of texts a request"]


def _middle(rounds: Sequence[Round], name: str, size: int, key: str) -> float:
    return median(found[name, size][key] for found in rounds)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def read_texts(shared_data: Path, count: int) -> list[str]:
    lines = (shared_data / "goemotions" / "test.tsv").read_text(encoding="utf-8").split("\n")
    texts = [line.split("\t")[0] for line in lines if line]
    random.Random(0).shuffle(texts)
    return texts[:count]


def export(base: Path) -> Path:
    """Writes version 1 of an untrained model; returns `base`."""
    import keras

    from components.modeling.encoder import load_backbone, resolve_encoder
    from components.modeling.unpadded import without_padding
    from serving.description import HeadDescription
    from serving.saved_model import export_saved_model
    from serving.tokenizer import InGraphTokenizer

    keras.utils.set_random_seed(0)
    encoder = resolve_encoder(_ENCODER)
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    vectors = load_backbone(encoder)(inputs)["sequence_output"]
    pooled = keras.layers.GlobalAveragePooling1D()(
        vectors, mask=keras.ops.cast(inputs["padding_mask"], "bool")
    )
    network = keras.Model(inputs, keras.layers.Dense(_LABELS, activation="sigmoid")(pooled))
    vocabulary = (Path(encoder.source) / "vocab.txt").read_text(encoding="utf-8").splitlines()
    export_saved_model(
        base / "1",
        network=without_padding(network),
        decide=lambda scores: scores >= 0.5,
        tokenizer=InGraphTokenizer(
            vocabulary, lowercase=True, strip_accents=True, special_tokens={}, max_tokens=128
        ),
        heads=[HeadDescription("emotion", "multi_label", tuple(f"label {n}" for n in range(_LABELS)))],
        thresholds=[0.5] * _LABELS,
        skips_padding=True,
    )
    return base


class BareModel:
    """The model called in this process: in ideal batches, which is the limit, and with one text."""

    def __init__(self, model: Path, texts: Sequence[str]) -> None:
        from serving.predictor import encode_texts, load_latest

        _, self._predictor = load_latest(model)
        starts = range(0, len(texts), 256)
        masks = [
            self._predictor.run("tokenize", {"text": encode_texts(texts[start : start + 256])})[
                "padding_mask"
            ]
            for start in starts
        ]
        order = np.argsort(np.concatenate([mask.sum(axis=1) for mask in masks]), kind="stable")
        ordered = [texts[index] for index in order]
        self.texts = texts
        self._batches = [
            {"text": encode_texts(ordered[start : start + _LIMIT_BATCH])}
            for start in range(0, len(texts), _LIMIT_BATCH)
        ]
        for _ in range(_WARM_PASSES):
            self.texts_per_second()

    def texts_per_second(self) -> float:
        started = time.perf_counter()
        for batch in self._batches:
            self._predictor.run("", batch)
        return len(self.texts) / (time.perf_counter() - started)

    def score(self, text: str) -> None:
        from serving.predictor import encode_texts

        self._predictor.run("", {"text": encode_texts([text])})

    def close(self) -> None:
        self._predictor.close()


@contextmanager
def our_server(model: Path, batch_threads: int, scratch: Path) -> Iterator[int]:
    """The gRPC port of a server in a process of its own; without batching if `batch_threads` is 0."""
    port = free_port()
    command = [sys.executable, "-m", "serving", f"--model_base_path={model}", f"--port={port}"]
    command += ["--host=127.0.0.1", "--lame_duck_seconds=0"]
    if batch_threads:
        parameters = scratch / f"batching-{batch_threads}.txt"
        parameters.write_text(f"num_batch_threads {{ value: {batch_threads} }}")
        command += ["--enable_batching", f"--batching_parameters_file={parameters}"]
    with running(command, port):
        yield port


@contextmanager
def peer(python: Path, scratch: Path) -> Iterator[int]:
    """The port of the FastAPI application."""
    from components.modeling.encoder import resolve_encoder

    script, port = scratch / "peer.py", free_port()
    script.write_text(_PEER)
    with running([str(python), str(script), resolve_encoder(_ENCODER).source, str(port)], port):
        yield port


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} does not listen") from None
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def in_other_process(arguments: argparse.Namespace, kind: str, port: int, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.serving", "--shared-data", str(arguments.shared_data)]
    command += ["--texts", str(arguments.texts), "--clients", str(arguments.clients)]
    command += ["--texts-a-request", str(size), "--client", kind, str(port)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def load(
    caller: Callable[[int], Callable[[list[str]], None]],
    port: int,
    texts: Sequence[str],
    *,
    clients: int,
    size: int,
) -> dict[str, float]:
    """Has each client send the next texts as soon as it has an answer."""
    todo: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    for start in range(0, len(texts), size):
        todo.put(list(texts[start : start + size]))
    latencies: list[float] = []
    failures: list[BaseException] = []
    ready = threading.Barrier(clients + 1)

    def client() -> None:
        call = caller(port)
        call(["warm"])
        ready.wait()
        try:
            while True:
                batch = todo.get_nowait()
                started = time.perf_counter()
                call(batch)
                latencies.append(time.perf_counter() - started)
        except queue.Empty:
            pass
        except BaseException as err:
            failures.append(err)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if failures:
        raise failures[0]
    p50, p99 = np.quantile(latencies, [0.5, 0.99]) * 1e3
    return {"texts_per_second": len(texts) / seconds, "p50_ms": p50, "p99_ms": p99}


def grpc_caller(port: int) -> Callable[[list[str]], None]:
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    channel = grpc.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    )  # as of clients on several machines
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def call(texts: list[str]) -> None:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "default"
        tensor = request.inputs["text"]
        tensor.dtype = 7  # DT_STRING
        tensor.tensor_shape.dim.add(size=len(texts))
        tensor.string_val.extend(text.encode() for text in texts)
        response = stub.Predict(request, 300, wait_for_ready=True)
        assert len(response.outputs["scores"].float_val) == _LABELS * len(texts)

    return call


def peer_caller(port: int) -> Callable[[list[str]], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def call(texts: list[str]) -> None:
        connection.request("POST", "/", json.dumps({"texts": texts}), {"Content-Type": "application/json"})
        assert len(json.loads(connection.getresponse().read())) == len(texts)

    return call


CALLERS = {"grpc": grpc_caller, "peer": peer_caller}

if __name__ == "__main__":
    main()
