"""A model server with one SavedModel, for the time of a test: TensorFlow Serving's binary, or the embedded one."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.errors import ServerStartError
from serving.server import ModelServer, ServerConfig

__all__ = ["EMBEDDED", "MODEL_NAME", "running_server"]

EMBEDDED = "embedded"
"""Name of the server of the `serving` package."""

MODEL_NAME = "emotion"
"""The model's name in requests."""

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0


@contextmanager
def running_server(saved_model_dir: Path, *, binary: str) -> Iterator[tuple[str, str]]:
    """Serves a SavedModel on a free loopback port inside the block.

    Args:
        saved_model_dir: what is served, as version 1.
        binary: name or path of TensorFlow Serving's executable; the embedded server is used if it is not found.

    Yields:
        the name of the server and its gRPC address.

    Raises:
        ServerStartError: the server does not start with this model.
    """
    executable = shutil.which(binary) if binary else None
    with tempfile.TemporaryDirectory() as base:
        (Path(base) / "1").symlink_to(saved_model_dir.resolve(), target_is_directory=True)
        if executable is None:
            config = ServerConfig(
                model_base_path=Path(base),
                model_name=MODEL_NAME,
                host=_HOST,
                port=0,
                file_system_poll_wait_seconds=0,
            )
            with ModelServer(config) as server:
                yield EMBEDDED, f"{_HOST}:{server.port}"
        else:
            with _running_binary(executable, Path(base)) as address:
                yield Path(executable).name, address


@contextmanager
def _running_binary(executable: str, base_path: Path) -> Iterator[str]:
    with socket.create_server((_HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [
        executable,
        f"--port={port}",
        "--rest_api_port=0",
        f"--model_name={MODEL_NAME}",
        f"--model_base_path={base_path}",
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"{_HOST}:{port}"
            _wait_until_ready(process, address)
            yield address
        except ServerStartError as err:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-3:]
            raise ServerStartError(f"{executable}: {err}; its last words: {' / '.join(last)}") from err
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: str) -> None:
    """TensorFlow Serving opens its port when the model is loaded and warmed up."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    host, _, port = address.rpartition(":")
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerStartError(f"stopped with exit code {process.returncode}")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ServerStartError(f"did not open its port within {_START_TIMEOUT_S:.0f} s")
