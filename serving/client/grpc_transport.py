"""Predict over gRPC, without the generated stubs."""

from typing import Any

import grpc

from serving.client.answers import Prediction
from serving.client.messages import PredictResponse, prediction_of, request_bytes
from serving.client.retries import FailedCallError
from serving.client.target import Target
from serving.client.transport import Inputs
from serving.errors import error_of

__all__ = ["AsyncGrpcTransport", "GrpcTransport"]

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),  # the client's own tries know the deadline and retry-after
]


class GrpcTransport:
    """Over one channel."""

    def __init__(self, target: Target) -> None:
        self._target = target
        credentials = _credentials(target)
        if credentials is None:
            self._channel = grpc.insecure_channel(target.address, _OPTIONS)
        else:
            self._channel = grpc.secure_channel(target.address, credentials, _OPTIONS)
        self._predict = self._channel.unary_unary(_PREDICT, None, PredictResponse.FromString)

    def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it once."""
        try:
            response = self._predict(
                request_bytes(self._target, inputs), timeout=timeout_s, metadata=_metadata(self._target)
            )
        except grpc.RpcError as err:
            raise _failed(err) from err
        return prediction_of(response, texts=len(inputs["text"]))

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class AsyncGrpcTransport:
    """Over one channel, for asyncio."""

    def __init__(self, target: Target) -> None:
        self._target = target
        credentials = _credentials(target)
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target.address, _OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target.address, credentials, _OPTIONS)
        self._predict = self._channel.unary_unary(_PREDICT, None, PredictResponse.FromString)

    async def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it once."""
        try:
            response = await self._predict(
                request_bytes(self._target, inputs), timeout=timeout_s, metadata=_metadata(self._target)
            )
        except grpc.RpcError as err:
            raise _failed(err) from err
        return prediction_of(response, texts=len(inputs["text"]))

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


def _credentials(target: Target) -> Any:
    if not target.has_tls:
        return None
    certificate, key = target.client_certificate or (None, None)
    return grpc.ssl_channel_credentials(
        target.ca_file.read_bytes() if target.ca_file else None,
        key.read_bytes() if key else None,
        certificate.read_bytes() if certificate else None,
    )


def _metadata(target: Target) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {target.token}")] if target.token else []


def _failed(error: Any) -> FailedCallError:
    code, message = error.code().name, error.details() or ""
    # What gRPC itself says of a limit that another try would meet again.
    if code == "RESOURCE_EXHAUSTED" and "message larger than max" in message:
        return FailedCallError(error_of("INVALID_ARGUMENT", f"{message}; send fewer texts at a time"))
    trailing = dict(error.trailing_metadata() or ())
    return FailedCallError(error_of(code, message), _seconds(trailing.get("retry-after")))


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
