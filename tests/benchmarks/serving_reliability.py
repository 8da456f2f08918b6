"""The embedded server in bad days: twice the load that it can bear, stops, new versions, and hostile requests.

Everything is asked over gRPC by clients in a process of their own; every answer is compared with the one that the
SavedModel gives in this process.

- `overload`: requests come at twice the rate that the server can answer, for `--minutes`. No answer may be wrong, the
  resident memory may not grow by more than 5 % after the first fifth, and refusals must be quick.
- `stop`: SIGTERM under load. Each request is answered, or was never accepted.
- `versions`: a new version every ten seconds for half of `--minutes`: every request is answered.
- `hostile`: large, broken, packed and stalled requests: each is answered with the right error, and the server stays up.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.serving_reliability [--minutes 10] [--only overload stop …]
"""

import argparse
import gzip
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.serving import export, read_texts

MAX_GROWTH = 0.05
MAX_REFUSAL_MS = 50.0

_TEXTS = 400
_CLIENTS = 16
_MAX_IN_FLIGHT = 16


@dataclass
class Server:
    """A server process and where it listens."""

    process: "subprocess.Popen[bytes]"
    port: int
    rest_port: int
    log: Path

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def serving(base: Path, scratch: Path, *flags: str) -> Iterator[Server]:
    ports = [_free_port(), _free_port()]
    log = scratch / "server.log"
    command = [
        *(sys.executable, "-m", "serving", "--model_name=emotion", f"--model_base_path={base}"),
        *("--host=127.0.0.1", f"--port={ports[0]}", f"--rest_api_port={ports[1]}", *flags),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    server = Server(process, ports[0], ports[1], log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(90)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_ready(server: Server) -> None:
    for _ in range(1800):
        if server.process.poll() is not None:
            raise SystemExit(f"the server did not start:\n{server.log.read_text()[-3000:]}")
        try:
            if _get(server, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server was not ready within three minutes")


def _get(server: Server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@dataclass
class Outcome:
    """What became of the requests of some clients."""

    counts: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    answered_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "details": dict(self.details.most_common(10)),
            "answered_ms": _quantiles(self.answered_ms),
            "refused_ms": _quantiles(self.refused_ms),
        }


def _quantiles(values: Sequence[float]) -> list[float]:
    """Median, 99th percentile and maximum."""
    if not values:
        return []
    return [round(float(np.quantile(values, share)), 2) for share in (0.5, 0.99, 1.0)]


def ask(arguments: argparse.Namespace) -> None:
    """A process of clients: sends texts at a rate, or as fast as it is answered, and prints what came of it."""
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

    with np.load(arguments.expected) as stored:
        texts, expected = stored["texts"], stored["scores"]
    outcome, lock = Outcome(), threading.Lock()
    end = time.monotonic() + arguments.seconds

    def client(number: int) -> None:
        channel = grpc.insecure_channel(
            f"127.0.0.1:{arguments.port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        call = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=PredictRequest.SerializeToString,
            response_deserializer=PredictResponse.FromString,
        )
        wait = arguments.clients / arguments.rate if arguments.rate else 0.0
        due = time.monotonic() + wait * number / arguments.clients
        row = number
        while (now := time.monotonic()) < end:
            if wait:
                time.sleep(max(0.0, due - now))
                due = max(due + wait, time.monotonic() - 5 * wait)
            row = (row + 7919) % len(texts)
            request = PredictRequest()
            request.model_spec.name = "emotion"
            tensor = request.inputs["text"]
            tensor.dtype, tensor.string_val[:] = 7, [str(texts[row]).encode()]
            tensor.tensor_shape.dim.add(size=1)
            started = time.perf_counter()
            try:
                answer = call(request, timeout=30)
                right = np.allclose(answer.outputs["scores"].float_val, expected[row], atol=1e-4)
                kind, detail = ("right" if right else "WRONG"), ""
            except grpc.RpcError as err:
                kind, detail = err.code().name, err.details()[:150]
            took = 1000 * (time.perf_counter() - started)
            with lock:
                outcome.counts[kind] += 1
                if detail:
                    outcome.details[detail] += 1
                if kind == "right":
                    outcome.answered_ms.append(took)
                elif kind == "RESOURCE_EXHAUSTED":
                    outcome.refused_ms.append(took)
            if kind == "UNAVAILABLE":
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(arguments.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcome.document()))


@contextmanager
def clients(
    server: Server, expected: Path, seconds: float, *, rate: float = 0.0, count: int = _CLIENTS
) -> Iterator[dict[str, Any]]:
    """Clients in a process of their own; the dictionary is filled when they are done, at the end of the block."""
    command = [
        *(sys.executable, "-m", "tests.benchmarks.serving_reliability", "--ask"),
        *("--port", str(server.port), "--seconds", str(seconds), "--rate", str(rate)),
        *("--clients", str(count), "--expected", str(expected)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    found: dict[str, Any] = {}
    try:
        yield found
        printed, _ = process.communicate(timeout=seconds + 120)
        found.update(json.loads(printed))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def overload(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    with serving(base, scratch, f"--max_in_flight={_MAX_IN_FLIGHT}") as server:
        with clients(server, expected, 20) as at_full:
            pass
        capacity = at_full["counts"]["right"] / 20
        memory: list[float] = []
        with clients(server, expected, 60 * minutes, rate=2 * capacity, count=4 * _CLIENTS) as found:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(min(5.0, max(0.1, end - time.monotonic())))
                memory.append(server.memory_mib())
        fifth = max(1, len(memory) // 5)
        early, late = np.mean(memory[fifth : 2 * fifth]), np.mean(memory[-fifth:])
        print(
            f"capacity {capacity:.0f} requests/s with {_CLIENTS} clients; then twice as many for {minutes:g} min"
        )
        print(f"  {found['counts']}")
        print(
            f"  answered: median, p99, longest {found['answered_ms']} ms; refused: {found['refused_ms']} ms"
        )
        print(f"  memory {early:.0f} MiB early, {late:.0f} MiB at the end ({late / early - 1:+.1%})")
    missed = []
    if found["counts"].get("WRONG") or found["counts"].keys() - {"right", "RESOURCE_EXHAUSTED", "WRONG"}:
        missed.append(f"overload: {found['counts']} {found['details']}")
    if late > (1 + MAX_GROWTH) * early:
        missed.append(f"overload: memory grew from {early:.0f} to {late:.0f} MiB")
    if found["refused_ms"] and found["refused_ms"][1] > MAX_REFUSAL_MS:
        missed.append(f"overload: a refusal took {found['refused_ms'][1]} ms (p99)")
    return missed


_NEVER_ACCEPTED = ("failed to connect", "shutting down", "Connection refused", "GOAWAY", "connections to all")


def stop(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    lost: Counter[str] = Counter()
    answered = 0
    for _ in range(3):
        flags = ("--lame_duck_seconds=1", "--grace_seconds=30")
        with serving(base, scratch, *flags) as server, clients(server, expected, 12) as found:
            time.sleep(8)
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(60)
        answered += found["counts"].get("right", 0)
        if code:
            lost[f"exit code {code}"] += 1
        for detail, count in found["details"].items():
            if not any(words in detail for words in _NEVER_ACCEPTED):
                lost[detail] += count
        if found["counts"].get("WRONG"):
            lost["wrong answers"] += found["counts"]["WRONG"]
    print(
        f"stop: {answered} requests answered in three runs, accepted ones lost: {sum(lost.values())} {dict(lost)}"
    )
    return [f"stop: {dict(lost)}"] if lost else []


def versions(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    seconds = 30 * minutes
    with serving(base, scratch, "--file_system_poll_wait_seconds=1") as server:
        newest, began = 1, time.monotonic()
        with clients(server, expected, seconds) as found:
            while time.monotonic() < began + seconds - 10:
                time.sleep(10)
                newest += 1
                shutil.copytree(base / "1", base / f"tmp-{newest}")
                (base / f"tmp-{newest}").rename(base / str(newest))
        served = [
            int(version["version"])
            for version in json.loads(_get(server, "/v1/models/emotion")[1])["model_version_status"]
            if version["state"] == "AVAILABLE"
        ]
    for number in range(2, newest + 1):
        shutil.rmtree(base / str(number))
    print(
        f"versions: {newest - 1} new ones in {seconds:.0f} s, {found['counts']}, served at the end: {served}"
    )
    if found["counts"].keys() != {"right"}:
        return [f"versions: {found['counts']} {found['details']}"]
    return [] if max(served) > 2 else [f"versions: {served} is served"]


def hostile(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    missed = []
    text = "v1/models/emotion:predict"
    deep = b'{"instances": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    bomb = gzip.compress(b'{"instances": ["' + b"a" * (300 * 2**20) + b'"]}')
    cases: list[tuple[str, bytes, dict[str, str], set[int]]] = [
        ("a text of 1,000,000 words", _body(["word " * 1_000_000]), {}, {200}),
        ("one word of a million letters", _body(["a" * 1_000_000]), {}, {200}),
        ("a body of 100 MB and more", b'{"instances": ["' + b"a" * (101 * 2**20) + b'"]}', {}, {413}),
        ("a million texts", _body(["a"] * 1_000_000), {}, {400}),
        ("bytes that are no UTF-8", b'{"instances": ["\xff\xfe \xed\xa0\x80"]}', {}, {200}),
        ("NUL", _body(["so\0sad"]), {}, {200}),
        ("half a surrogate pair", b'{"instances": ["\\ud800"]}', {}, {400}),
        ("JSON 200,000 lists deep", deep, {}, {400}),
        ("a gzip bomb of 300 MB", bomb, {"Content-Encoding": "gzip"}, {400, 413}),
        ("gzip that is none", b"no gzip", {"Content-Encoding": "gzip"}, {400}),
        ("a number of a million digits", b'{"instances": [' + b"9" * 1_000_000 + b"]}", {}, {400}),
        ("nothing", b"", {}, {400}),
    ]
    with serving(base, scratch, "--rest_api_timeout_in_ms=20000") as server, _stalled(server):
        for name, body, headers, right in cases:
            status = _post(server, text, body, headers)
            print(f"  {name}: {status}")
            if status not in right:
                missed.append(f"hostile: {name} is answered with {status}, not {sorted(right)}")
        if (status := _post(server, text, _body(["I am so happy"]), {})) != 200:
            missed.append(f"hostile: a right request is answered with {status} afterwards")
        print(f"  memory {server.memory_mib():.0f} MiB afterwards")
    broken = base / "2"
    with serving(base, scratch, "--load_retry_interval_micros=100000") as server:
        shutil.copytree(base / "1", base / "tmp")
        (base / "tmp" / "saved_model.pb").write_bytes(b"\x08\xff" * 100)
        (base / "tmp").rename(broken)
        time.sleep(10)
        if (status := _post(server, text, _body(["I am so happy"]), {})) != 200:
            missed.append(f"hostile: beside a corrupt version, {status}")
        states = json.loads(_get(server, "/v1/models/emotion")[1])["model_version_status"]
        print(f"  beside a corrupt version: {[(state['version'], state['state']) for state in states]}")
    shutil.rmtree(broken)
    return missed


def _body(texts: Sequence[str]) -> bytes:
    return json.dumps({"instances": list(texts)}).encode()


def _post(server: Server, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=120)
    try:
        connection.request("POST", f"/{path}", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    except ConnectionError:
        # The server answered before it had read all, and closed: what it said may still be there.
        return _early_answer(server, path, body, headers)
    finally:
        connection.close()


def _early_answer(server: Server, path: str, body: bytes, headers: dict[str, str]) -> int:
    lines = [f"POST /{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        said = connection.recv(4096)
    return int(said.split()[1]) if said.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def _stalled(server: Server, count: int = 50) -> Iterator[None]:
    """Clients that have begun a request and say nothing more."""
    waiting = [socket.create_connection(("127.0.0.1", server.rest_port)) for _ in range(count)]
    waiting += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
    for connection in waiting[:count]:
        connection.sendall(
            b"POST /v1/models/emotion:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
        )
    try:
        yield
    finally:
        for connection in waiting:
            connection.close()


PHASES = {"overload": overload, "stop": stop, "versions": versions, "hostile": hostile}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--model", type=Path, help="base path of a model; MiniLM is exported without")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    for name, kind in (
        ("port", int),
        ("clients", int),
        ("seconds", float),
        ("rate", float),
        ("expected", Path),
    ):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        ask(arguments)
        return
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        base = scratch / "emotion"
        source = arguments.model or export(scratch / "model")
        newest = max(
            (path for path in source.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
        )
        shutil.copytree(newest, base / "1")
        expected = scratch / "expected.npz"
        texts = read_texts(arguments.shared_data, _TEXTS)
        np.savez(expected, texts=np.array(texts), scores=_scores(base / "1", texts))
        missed: list[str] = []
        for name in arguments.only:
            missed += PHASES[name](base, expected, scratch, arguments.minutes)
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def _scores(version: Path, texts: Sequence[str]) -> np.ndarray:
    from serving.predictor import Predictor

    predictor = Predictor(version)
    try:
        return np.array([answer.scores for answer in predictor.predict(texts)], np.float32)
    finally:
        predictor.close()


if __name__ == "__main__":
    main()
