"""What is asked again, and for how long, against servers that answer as they are told."""

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving.client import AsyncClient, Client, Prediction, Retries, Target, rest_transport
from serving.client.retries import Attempts, FailedCallError
from serving.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    ResourceExhaustedError,
    ServingError,
    UnauthenticatedError,
    UnavailableError,
)
from tests.serving.operation import self_signed

QUICK = Retries(count=3, first_wait_s=0.01)
OUTPUTS = {"labels": [["joy"]], "scores": [[0.75]], "predicted": [[True]]}
HTTP = {"UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429, "INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401}


class Server:
    """Answers the first calls by these errors, and all others; with the token and the times of the calls."""

    def __init__(self, errors: list[str], retry_after: str | None = None) -> None:
        self.errors = errors
        self.retry_after = retry_after
        self.calls: list[float] = []
        self.tokens: list[str | None] = []
        self.url = ""

    def error(self, token: str | None) -> str | None:
        self.calls.append(time.monotonic())
        self.tokens.append(token)
        return self.errors[len(self.calls) - 1] if len(self.calls) <= len(self.errors) else None


@dataclass(frozen=True)
class Certificate:
    """Files of the one certificate that server and client show and believe."""

    key: Path
    certificate: Path


@contextmanager
def rest_server(server: Server, tls: Certificate | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            error = server.error(self.headers["authorization"])
            self.send_response(HTTP[error] if error else 200)
            if error and server.retry_after is not None:
                self.send_header("retry-after", server.retry_after)
            body = json.dumps({"error": "told to"} if error else {"outputs": OUTPUTS}).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.certificate)
            context.load_cert_chain(tls.certificate, tls.key)
            context.verify_mode = ssl.CERT_REQUIRED
            # The handshake waits for the thread of the connection, as a bad one must not stop the server.
            http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


@contextmanager
def grpc_server(server: Server, tls: Certificate | None = None) -> Iterator[Server]:
    from serving.client.messages import PredictResponse

    def predict(_: bytes, context: grpc.ServicerContext) -> bytes:
        if error := server.error(dict(context.invocation_metadata()).get("authorization")):
            if server.retry_after is not None:
                context.set_trailing_metadata([("retry-after", server.retry_after)])
            context.abort(grpc.StatusCode[error], "told to")
        response = PredictResponse()
        for name, dtype in (("labels", 7), ("scores", 1), ("predicted", 10)):
            tensor = response.outputs.add(key=name).value
            tensor.dtype = dtype
            for _ in range(2):
                tensor.tensor_shape.dim.add(size=1)
            {"labels": tensor.string_val, "scores": tensor.float_val, "predicted": tensor.bool_val}[
                name
            ].append(b"joy" if name == "labels" else OUTPUTS[name][0][0])
        content: bytes = response.SerializeToString()
        return content

    handlers = {"Predict": grpc.unary_unary_rpc_method_handler(predict)}
    running = grpc.server(ThreadPoolExecutor(2))
    running.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers)]
    )
    if tls:
        key, certificate = tls.key.read_bytes(), tls.certificate.read_bytes()
        credentials = grpc.ssl_server_credentials([(key, certificate)], certificate, require_client_auth=True)
        server.url = f"grpcs://127.0.0.1:{running.add_secure_port('127.0.0.1:0', credentials)}"
    else:
        server.url = f"grpc://127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}"
    running.start()
    try:
        yield server
    finally:
        running.stop(None).wait()


def ask(client: type, url: str, *, timeout_s: float = 30, **target: Any) -> Prediction:
    wanted = Target(url=url, **target)
    if client is Client:
        with Client(wanted, retries=QUICK) as one:
            return one.predict(["x"], timeout_s=timeout_s)

    async def asking() -> Prediction:
        async with AsyncClient(wanted, retries=QUICK) as one:
            return await one.predict(["x"], timeout_s=timeout_s)

    return asyncio.run(asking())


every_server = pytest.mark.parametrize("serving", [rest_server, grpc_server])
every_client = pytest.mark.parametrize("client", [Client, AsyncClient])


@every_server
@every_client
def test_what_the_server_could_not_take_is_sent_again(serving: Any, client: type) -> None:
    with serving(Server(["UNAVAILABLE", "RESOURCE_EXHAUSTED"], retry_after="0.2")) as server:
        prediction = ask(client, server.url, token="secret")
    assert prediction[0].scores == {"joy": 0.75}
    assert prediction[0].predicted == ("joy",)
    assert server.tokens == ["Bearer secret"] * 3
    waits = [after - before for before, after in zip(server.calls, server.calls[1:], strict=False)]
    assert min(waits) >= 0.19


@every_server
@pytest.mark.parametrize(
    ("code", "error"), [("INVALID_ARGUMENT", InvalidArgumentError), ("UNAUTHENTICATED", UnauthenticatedError)]
)
def test_what_the_server_refused_is_not(serving: Any, code: str, error: type[ServingError]) -> None:
    with serving(Server([code])) as server, pytest.raises(error, match="told to"):
        ask(Client, server.url)
    assert len(server.calls) == 1


@every_server
@every_client
def test_tries_end(serving: Any, client: type) -> None:
    with serving(Server(["UNAVAILABLE"] * 99)) as server, pytest.raises(UnavailableError, match="told to"):
        ask(client, server.url)
    assert len(server.calls) == 1 + QUICK.count


@every_server
def test_a_wait_beyond_the_deadline_is_not_waited(serving: Any) -> None:
    with serving(Server(["RESOURCE_EXHAUSTED"], retry_after="60")) as server:
        started = time.monotonic()
        with pytest.raises(ResourceExhaustedError):
            ask(Client, server.url, timeout_s=30)
    assert time.monotonic() - started < 25
    assert len(server.calls) == 1


@every_client
def test_an_answer_that_trickles_in_is_given_up(client: type) -> None:
    sent: list[bytes] = []

    class Trickle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    sent.append(b" ")
                    time.sleep(0.1)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(DeadlineExceededError, match=r"within 0\.5 s"):
                ask(client, f"http://127.0.0.1:{http.server_port}", timeout_s=0.5)
            assert len(sent) < 100
        finally:
            http.shutdown()
            thread.join()


@every_client
@pytest.mark.parametrize("broken", [{"base_url": "ftp://127.0.0.1"}, {"headers": {"x": "secret\n"}}])
def test_what_httpx_cannot_send_is_an_invalid_argument(
    client: type, broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_transport, "_settings", lambda target: {"base_url": target.url, **broken})
    with (
        rest_server(Server([])) as server,
        pytest.raises(InvalidArgumentError, match=r"the request cannot be sent$"),
    ):
        ask(client, server.url)


@every_client
@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_nobody_there(client: type, scheme: str) -> None:
    with pytest.raises(UnavailableError):
        ask(client, f"{scheme}://127.0.0.1:1")


@every_server
@every_client
def test_certificates_of_both_sides(serving: Any, client: type, tmp_path: Path) -> None:
    tls = Certificate(tmp_path / "tls.key", tmp_path / "tls.crt")
    for file, pem in zip((tls.key, tls.certificate), self_signed(), strict=True):
        file.write_bytes(pem)
    own = {"ca_file": tls.certificate, "client_certificate": (tls.certificate, tls.key)}
    with serving(Server([]), tls) as server:
        assert ask(client, server.url, **own)[0].predicted == ("joy",)
        with pytest.raises(UnavailableError):
            ask(client, server.url)


def test_waits_double_up_to_the_longest() -> None:
    attempts = Attempts(Retries(count=5, first_wait_s=1, longest_wait_s=4), 1000, draw=lambda: 1.0)
    failed = FailedCallError(UnavailableError("busy"))
    assert [attempts.wait_s(failed) for _ in range(5)] == [1, 2, 4, 4, 4]
    with pytest.raises(UnavailableError):
        attempts.wait_s(failed)


def test_waits_are_drawn_from_their_upper_half() -> None:
    attempts = Attempts(Retries(first_wait_s=1), 1000, draw=lambda: 0.0)
    assert attempts.wait_s(FailedCallError(UnavailableError("busy"))) == 0.5


def test_the_deadline_is_named() -> None:
    attempts = Attempts(Retries(), 0.0)
    with pytest.raises(DeadlineExceededError, match="within 0 s"):
        _ = attempts.remaining_s
