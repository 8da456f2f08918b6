"""A small server that runs, and every way to ask it."""

import http.client
import ipaddress
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.saved_model_engine import SavedModelEngine
from serving.server import ModelServer, ServerConfig

METRICS = "/monitoring/prometheus/metrics"
TIMEOUT_S = 60.0
UP, DOWN = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Client:
    """Every way to ask one server."""

    def __init__(self, server: ModelServer, channel: grpc.Channel) -> None:
        self.rest_port = server.rest_port or 0
        self.predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    def ask(self, x: float = 2.0, name: str = "half", **spec: Any) -> tuple[int, float]:
        """The version that answers, and its answer."""
        response = self.predict(request(x, name, **spec), TIMEOUT_S)
        return response.model_spec.version.value, response.outputs["y"].float_val[0]

    def refusal(self, **spec: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as error:
            self.ask(**spec)
        return error.value.code(), error.value.details()

    def healthy(self, name: str = "") -> int:
        return int(self.health.Check(health_pb2.HealthCheckRequest(service=name), TIMEOUT_S).status)

    def reload(self, text: str, *metrics: str) -> Any:
        message = model_management_pb2.ReloadConfigRequest(metric_names=metrics)
        text_format.Parse(text, message.config)
        return self.models.HandleReloadConfigRequest(message, TIMEOUT_S)

    def http(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=TIMEOUT_S)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return response.status, response.read().decode(), lower
        finally:
            connection.close()


def request(
    x: float = 2.0, name: str = "half", *, version: int | None = None, label: str | None = None
) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    message.inputs["x"].CopyFrom(tf.make_tensor_proto([x], tf.float32))
    return message


def serving(tmp_path: Path, **changes: Any) -> ModelServer:
    """A server of `tmp_path/half`, with metrics, that looks for new versions often."""
    monitoring = tmp_path / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    settings: dict[str, Any] = {
        "model_name": "half",
        "model_base_path": tmp_path / "half",
        "host": "127.0.0.1",
        "port": 0,
        "rest_api_port": 0,
        "monitoring_config_file": monitoring,
        "file_system_poll_wait_seconds": 0.05,
        "grace_seconds": 30,
        "grpc_max_threads": 4,
    }
    return ModelServer(ServerConfig(**{**settings, **changes}))


def config(tmp_path: Path, *names: str, extra: str = "") -> str:
    models = " ".join(
        f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" {extra} }}'
        for name in names
    )
    return f"model_config_list {{ {models} }}"


class Held:
    """Holds every computation until it is released, and notes what each is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released = threading.Event()
        self.running = threading.Semaphore(0)
        self.asked: list[float] = []
        """The values of `x`, in the order in which their computations began."""
        compute = SavedModelEngine.compute

        def held(engine: SavedModelEngine, name: str, inputs: Any, *arguments: Any) -> Any:
            self.asked += inputs["x"].ravel().tolist()
            self.running.release()
            assert self.released.wait(TIMEOUT_S)
            return compute(engine, name, inputs, *arguments)

        monkeypatch.setattr(SavedModelEngine, "compute", held)


def self_signed() -> tuple[bytes, bytes]:
    """Key and certificate of 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
