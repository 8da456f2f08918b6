"""The two ways to a server, which need not both be installed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from serving.client.answers import Prediction
from serving.client.target import Target

__all__ = ["AsyncTransport", "Inputs", "Transport", "open_async_transport", "open_transport"]

Inputs = Mapping[str, Sequence[str]]
"""Columns of texts by input name."""


class Transport(Protocol):
    """One try of a request."""

    def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it; raises FailedCallError with the server's error."""

    def close(self) -> None:
        """Closes the connections."""


class AsyncTransport(Protocol):
    """The same for asyncio."""

    async def predict(self, inputs: Inputs, timeout_s: float) -> Prediction:
        """Sends it; raises FailedCallError with the server's error."""

    async def close(self) -> None:
        """Closes the connections."""


def open_transport(target: Target) -> Transport:
    """The transport of the URL's scheme."""
    if target.is_grpc:
        from serving.client.grpc_transport import GrpcTransport

        return GrpcTransport(target)
    from serving.client.rest_transport import RestTransport

    return RestTransport(target)


def open_async_transport(target: Target) -> AsyncTransport:
    """The transport of the URL's scheme, for asyncio."""
    if target.is_grpc:
        from serving.client.grpc_transport import AsyncGrpcTransport

        return AsyncGrpcTransport(target)
    from serving.client.rest_transport import AsyncRestTransport

    return AsyncRestTransport(target)
