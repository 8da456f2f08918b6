"""Who sends the request that is being answered."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from serving.guard.keys import ApiKey

__all__ = ["Caller", "current_caller"]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """What a transport knows of a request beside its content.

    Attributes:
        transport: `GRPC` or `REST`.
        key: None where everybody may call.
        request_id: `x-request-id`, if the client or a proxy set it.
        trace_context: OpenTelemetry's, as the client sent it; None without tracing.
    """

    transport: str
    key: ApiKey | None = None
    request_id: str = ""
    trace_context: Any = None


current_caller: ContextVar[Caller | None] = ContextVar("current_caller", default=None)
"""Set when a request arrives; gRPC and Starlette carry it into the thread that answers."""
