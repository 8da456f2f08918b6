"""A server process, and plain HTTP to it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

__all__ = ["Server", "get", "headers", "post", "serving", "until"]


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

    def metric(self, name: str, **labels: str | int) -> float:
        """The sum of a metric over all labels that are not named."""
        page = get(self, "/monitoring/prometheus/metrics")[1].decode()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [
            line.rpartition(" ") for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} "))
        ]
        return sum(float(value) for series, _, value in lines if all(one in series for one in wanted))


@contextmanager
def serving(
    base: Path, scratch: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    ports = [free_port(), free_port()]
    log = scratch / "server.log"
    monitoring = scratch / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    command = [
        *(sys.executable, "-m", "serving", "--model_name=emotion", f"--model_base_path={base}"),
        *("--host=127.0.0.1", f"--port={ports[0]}", f"--rest_api_port={ports[1]}"),
        *(f"--monitoring_config_file={monitoring}", *flags),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, **(environment or {})}
        )
    server = Server(process, ports[0], ports[1], log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(90)


def _wait_until_ready(server: Server) -> None:
    for _ in range(1800):
        if server.process.poll() is not None:
            raise SystemExit(f"the server did not start:\n{server.log.read_text()[-3000:]}")
        try:
            if get(server, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server was not ready within three minutes")


def until(condition: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
    """Waits; a condition that never comes true ends the run."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"within {seconds:.0f} s it never happened: {what}")
        time.sleep(0.1)


def get(server: Server, path: str) -> tuple[int, bytes]:
    status, _, body = _get(server, path)
    return status, body


def headers(server: Server, path: str) -> Mapping[str, str]:
    return _get(server, path)[1]


def _get(server: Server, path: str) -> tuple[int, Mapping[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def post(server: Server, path: str, body: bytes, headers: dict[str, str]) -> int:
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
