"""OpenTelemetry spans, one a call, as children of the client's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from serving.errors import ServerStartError
from serving.guard.logged_call import LoggedCall

__all__ = ["Tracing"]


class Tracing:
    """Sends spans to where the standard variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, …).

    Raises:
        ServerStartError: the `tracing` extra is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry import propagate
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode
        except ModuleNotFoundError as err:
            raise ServerStartError(
                f"tracing needs {err.name}; `pip install 'emotion-pipeline[tracing]'`, or serve without it"
            ) from err
        self._extract = propagate.extract
        self._kind = SpanKind.SERVER
        self._error = Status(StatusCode.ERROR)
        # Not the process's global provider: whoever embeds the server may have one.
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("emotion-pipeline.serving")

    def context(self, headers: Mapping[str, str]) -> Any:
        """The trace that a request belongs to (W3C `traceparent`)."""
        return self._extract(headers)

    @contextmanager
    def call(self, call: LoggedCall) -> Iterator[None]:
        """A span around a call. It holds no content, and of an error the code alone."""
        context = call.caller.trace_context if call.caller else None
        with self._tracer.start_as_current_span(
            f"{call.method} {call.spec.name}",
            context,
            kind=self._kind,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as err:
                span.set_status(self._error)
                span.set_attribute("error.type", getattr(err, "code", "INTERNAL"))
                raise
            finally:
                span.set_attribute("serving.rows", call.rows)
                if call.version is not None:
                    span.set_attribute("serving.version", call.version)

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()
