"""A model server with one SavedModel, for the time of a test: TensorFlow Serving's binary, or the embedded one."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from serving.errors import ServerStartError
from serving.predictor import encode_texts
from serving.server import ModelServer, ServerConfig

__all__ = ["EMBEDDED", "ask_over_grpc", "running_server"]

EMBEDDED = "embedded"
"""Name of the server of the `serving` package."""

_HOST = "127.0.0.1"
_MODEL_NAME = "emotion"
_START_TIMEOUT_S = 120.0
_CALL_TIMEOUT_S = 120.0
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
                model_name=_MODEL_NAME,
                host=_HOST,
                port=0,
                file_system_poll_wait_seconds=0,
            )
            with ModelServer(config) as server:
                yield EMBEDDED, f"{_HOST}:{server.port}"
        else:
            with _running_binary(executable, Path(base)) as address:
                yield Path(executable).name, address


def ask_over_grpc(address: str, texts: Sequence[str], *, batch_size: int = 32) -> NDArray[np.float32]:
    """Scores of texts, float32 [rows, labels], by Predict calls of TensorFlow Serving's API.

    Raises:
        grpc.RpcError: a call is not answered.
    """
    batches = []
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        predict = PredictionServiceStub(channel).Predict
        for start in range(0, len(texts), batch_size):
            request = PredictRequest(output_filter=["scores"])
            request.model_spec.name = _MODEL_NAME
            values = encode_texts(texts[start : start + batch_size])
            request.inputs["text"].CopyFrom(tf.make_tensor_proto(values, dtype=tf.string))
            batches.append(tf.make_ndarray(predict(request, timeout=_CALL_TIMEOUT_S).outputs["scores"]))
    return np.concatenate(batches)


@contextmanager
def _running_binary(executable: str, base_path: Path) -> Iterator[str]:
    with socket.create_server((_HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [
        executable,
        f"--port={port}",
        "--rest_api_port=0",
        f"--model_name={_MODEL_NAME}",
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
