"""Requests that no client would send."""

import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.serving_reliability.server import Server, post, serving, until

__all__ = ["hostile"]

_REST_TIMEOUT_S = 20
_PLACES = 1024
"""The server's own `max_in_flight`."""
_CROWD = _PLACES + 76
_LARGE = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


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
    flags = (f"--rest_api_timeout_in_ms={1000 * _REST_TIMEOUT_S}", "--max_batch_texts=4096")
    with serving(base, scratch, *flags) as server, _stalled(server) as stalled:
        for name, body, headers, right in cases:
            status = post(server, text, body, headers)
            print(f"  {name}: {status}")
            if status not in right:
                missed.append(f"hostile: {name} is answered with {status}, not {sorted(right)}")
        missed += _over_grpc(server)
        if (status := post(server, text, _body(["I am so happy"]), {})) != 200:
            missed.append(f"hostile: a right request is answered with {status} afterwards")
        told = [connection.recv(4096)[9:12] for connection in stalled]
        print(f"  {len(told)} stalled over REST: {Counter(told)}")
        if set(told) != {b"504"}:
            missed.append(f"hostile: clients that stall over REST are answered with {Counter(told)}")
        missed += _crowd(server)
        print(f"  memory {server.memory_mib():.0f} MiB afterwards")
    return missed


def _over_grpc(server: Server) -> list[str]:
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    def of(*texts: bytes, rows: int | None = None) -> bytes:
        request = PredictRequest()
        request.model_spec.name = "emotion"
        tensor = request.inputs["text"]
        tensor.dtype, tensor.string_val[:] = 7, texts
        tensor.tensor_shape.dim.add(size=len(texts) if rows is None else rows)
        message: bytes = request.SerializeToString()
        return message

    ok, refused, invalid = (
        grpc.StatusCode.OK,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
    )
    cases = [
        ("one word of a million letters", of(b"a" * 1_000_000), None, ok),
        ("bytes that are no UTF-8, and NUL", of(b"\xff\xfe \xed\xa0\x80 so\0sad"), None, ok),
        ("a message of 100 MB and more", of(b"a" * (101 * 2**20)), None, refused),
        ("a gzip bomb of 300 MB", of(b"a" * (300 * 2**20)), grpc.Compression.Gzip, refused),
        ("a million texts", of(*[b"a"] * 1_000_000), None, invalid),
        ("a text that is said to be 2,147,483,648", of(b"a", rows=2**31), None, invalid),
        ("no rows", of(rows=0), None, ok),
        ("a message that is none", b"\xff" * 100, None, grpc.StatusCode.INTERNAL),
    ]
    missed = []
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=_LARGE) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for name, message, compression, right in cases:
            try:
                call(message, timeout=60, compression=compression)
                code = ok
            except grpc.RpcError as err:
                code = err.code()
            print(f"  {name}: {code.name}")
            if code is not right:
                missed.append(f"hostile: {name} is answered with {code.name}, not {right.name}")
    return missed


def _body(texts: Sequence[str]) -> bytes:
    return json.dumps({"instances": list(texts)}).encode()


def _crowd(server: Server) -> list[str]:
    """More clients that stall over gRPC than the server takes: others get their places."""
    with _begun(server, _CROWD):
        until(lambda: server.metric("emotion_serving_requests_in_flight") >= _PLACES, "all places are taken")
        started = time.monotonic()
        while (status := post(server, "v1/models/emotion:predict", _body(["So sad"]), {})) == 429:
            time.sleep(0.01)
        waited = time.monotonic() - started
    print(f"  {_CROWD} stalled over gRPC: another request is answered with {status} after {waited:.1f} s")
    return (
        []
        if status == 200 and waited < 5
        else [f"hostile: {_CROWD} stalled clients: {status}, {waited:.1f} s"]
    )


@contextmanager
def _stalled(server: Server, count: int = 50) -> Iterator[list[socket.socket]]:
    """Clients that have begun a request and say nothing more; yields those of REST."""
    waiting = [socket.create_connection(("127.0.0.1", server.rest_port), 60) for _ in range(count)]
    for connection in waiting:
        connection.sendall(
            b"POST /v1/models/emotion:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
        )
    mute = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(count)]
    try:
        with _begun(server, count):
            yield waiting
    finally:
        for connection in (*waiting, *mute):
            connection.close()


@contextmanager
def _begun(server: Server, count: int) -> Iterator[None]:
    """So many gRPC calls whose message never comes."""
    import grpc

    silence = threading.Event()

    def nothing() -> Iterator[bytes]:
        silence.wait()
        yield from ()

    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=_LARGE) as channel:
        begin = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        begun = [begin.future(nothing()) for _ in range(count)]
        try:
            yield
        finally:
            for call in begun:
                call.cancel()
            silence.set()
