"""Spans, received by a collector's own protocol."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from serving.guard.config import GuardConfig
from tests.serving.conftest import publish
from tests.serving.operation import TIMEOUT_S, Client, request, serving

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(HTTPServer):
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join(TIMEOUT_S)


def test_calls_are_spans_of_the_clients_trace(
    half_plus_two: Path, tmp_path: Path, collector: Collector
) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    with (
        serving(tmp_path, guard=GuardConfig(enable_tracing=True)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        client = Client(server, channel)
        client.predict(request(), TIMEOUT_S, [("traceparent", f"00-{TRACE}-{PARENT}-01")])
        path = "/v1/models/half:predict"
        client.http("POST", path, {"instances": [1.0, 2.0]}, traceparent=f"00-{TRACE}-{PARENT}-01")
        client.refusal(version=9)
    by_grpc, by_rest, refused = collector.spans
    for span in (by_grpc, by_rest):
        assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("Predict half", TRACE, PARENT)
        assert span.status.code == 0
    values = {one.key: one.value for one in by_rest.attributes}
    assert (values["serving.rows"].int_value, values["serving.version"].int_value) == (2, 1)
    assert (refused.trace_id.hex() == TRACE, refused.parent_span_id) == (False, b"")
    assert refused.status.code == 2
    (error,) = [one.value.string_value for one in refused.attributes if one.key == "error.type"]
    assert error == "NOT_FOUND"
    assert not refused.events, "an error's message may hold a text"
