"""BigQuery's own clients against servers of this process: real HTTP and gRPC, with the service's real messages."""

import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer

import pyarrow as pa
import pytest
from pydantic import ValidationError

from components.core.errors import DataError, UserError
from components.data.sources import bigquery
from components.data.sources.bigquery import data_version
from components.data.sources.delimited import Dialect
from components.data.sources.source_files import SourceFile, find_sources
from components.data.sources.source_units import open_unit, plan_units
from components.example_gen import ExampleGenConfig

TABLE = "bigquery://project.corpus.texts"
BATCHES = [
    [{"id": 1, "text": "one", "more": {"lang": "en"}}, {"id": 2, "text": None, "more": None}],
    [{"id": 3, "text": "three", "more": {"lang": "de"}}],
]
SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string()), ("more", pa.struct([("lang", pa.string())]))])
FIELDS = [
    {"name": "id", "type": "INTEGER"},
    {"name": "text", "type": "STRING"},
    {"name": "more", "type": "RECORD", "fields": [{"name": "lang", "type": "STRING"}]},
]


def test_without_the_extra_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery", None)
    source = SourceFile(TABLE, "bigquery", "texts")
    with pytest.raises(UserError, match=rf"{TABLE}: .*pip install 'emotion-pipeline\[gcp\]'"):
        plan_units(0, source, Dialect(), ("text",))


def test_a_table_is_named_by_its_uri():
    (source,) = find_sources(TABLE, {}, None)
    assert (source.format, source.uri, source.split) == ("bigquery", TABLE, None)
    split = find_sources(None, {"train": TABLE, "test": TABLE + "_test"}, None)
    assert [(source.uri, source.split) for source in split] == [(TABLE, "train"), (TABLE + "_test", "test")]


def test_rows_without_numbers_need_ids():
    for source in ({"source": TABLE}, {"query": "SELECT 1"}, {"splits": {"train": TABLE}}):
        with pytest.raises(ValidationError, match=r"`columns\.id`"):
            ExampleGenConfig.model_validate(source)
        config = ExampleGenConfig.model_validate({**source, "columns": {"id": "id"}})
        assert config.external_inputs() == ()
        assert config.sources()[0].format == "bigquery"


class TableService(BaseHTTPRequestHandler):
    """What is used of the REST service: one table, and queries whose result is that table."""

    etag = "first"

    def do_GET(self):
        if self.path.partition("?")[0].endswith("/tables/texts"):
            self._answer(200, self._table())
        elif "/jobs/" in self.path or "/queries/" in self.path:
            self._answer(200, {**self._job(), "jobComplete": True, "totalRows": "3"})
        else:
            self._answer(404, {"error": {"code": 404, "message": "Not found: Table"}})

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        query = asked.get("query") or asked["configuration"]["query"]["query"]
        if "SELECT" not in query:
            self._answer(
                400,
                {"error": {"code": 400, "message": "Syntax error", "errors": [{"reason": "invalidQuery"}]}},
            )
            return
        self._answer(200, {**self._job(), "jobComplete": True, "totalRows": "3"})

    def log_message(self, *arguments):
        pass

    def _table(self):
        reference = {"projectId": "project", "datasetId": "corpus", "tableId": "texts"}
        return {
            "id": "project:corpus.texts",
            "tableReference": reference,
            "schema": {"fields": FIELDS},
            "etag": self.etag,
            "lastModifiedTime": "1767225600000",
        }

    def _job(self):
        reference = self._table()["tableReference"]
        return {
            "jobReference": {"projectId": "project", "jobId": "job"},
            "status": {"state": "DONE"},
            "configuration": {"query": {"query": "SELECT 1", "destinationTable": reference}},
            "statistics": {"query": {"referencedTables": [reference], "statementType": "SELECT"}},
        }

    def _answer(self, status, document):
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def service(monkeypatch):
    """Both services; the clients under test are the library's own, pointed at them."""
    tables = pytest.importorskip("google.cloud.bigquery")
    storage = pytest.importorskip("google.cloud.bigquery_storage")
    import grpc
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    rest = HTTPServer(("127.0.0.1", 0), TableService)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([read_handlers(grpc)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    table_client = tables.Client(
        "project",
        AnonymousCredentials(),
        client_options={"api_endpoint": f"http://127.0.0.1:{rest.server_port}"},
    )
    storage_client = storage.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
    monkeypatch.setattr(bigquery, "_table_client", lambda: table_client)
    monkeypatch.setattr(bigquery, "_storage_client", lambda: storage_client)
    yield TableService
    channel.close()
    server.stop(None).wait()
    rest.shutdown()
    rest.server_close()
    table_client.close()


def read_handlers(grpc):
    """The read service: every batch is a stream of its own, of the selected columns only."""
    from google.cloud.bigquery_storage_v1 import types

    selected = []

    def create(request, context):
        selected[:] = dict.fromkeys(
            name.partition(".")[0] for name in request.read_session.read_options.selected_fields
        )
        assert request.read_session.table == "projects/project/datasets/corpus/tables/texts"
        return types.ReadSession(streams=[types.ReadStream(name=f"stream/{n}") for n in range(len(BATCHES))])

    def read(request, context):
        number = int(request.read_stream.rpartition("/")[2])
        if number >= len(BATCHES):
            context.abort(grpc.StatusCode.NOT_FOUND, "the session has expired")
        table = pa.Table.from_pylist(BATCHES[number], SCHEMA).select(selected)
        for position, batch in enumerate(table.to_batches(max_chunksize=1)):
            message = types.ReadRowsResponse(row_count=batch.num_rows)
            message.arrow_record_batch.serialized_record_batch = batch.serialize().to_pybytes()
            if position == 0:
                message.arrow_schema.serialized_schema = table.schema.serialize().to_pybytes()
            yield message

    methods = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            create, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            read, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        ),
    }
    return grpc.method_handlers_generic_handler("google.cloud.bigquery.storage.v1.BigQueryRead", methods)


@pytest.mark.parametrize("query", [None, "SELECT * FROM corpus.texts"])
def test_streams_are_units(service, query):
    source = SourceFile(TABLE, "bigquery", "texts", query=query)
    wanted = ("id", "text", "more.lang")
    plan = plan_units(0, source, Dialect(), wanted)
    assert plan.columns == ("id", "text", "more", "more.lang")
    found = []
    for unit in plan.units:
        with open_unit(source, unit, plan, Dialect(), wanted) as opened:
            found.append([(row.number, *row.values.values()) for row in opened.rows])
    assert found == [[(1, 1, "one", "en"), (2, 2, None, None)], [(1, 3, "three", "de")]]


@pytest.mark.parametrize(
    ("uri", "query", "wanted", "message"),
    [
        (TABLE, None, ("texts",), "no column 'texts'; the columns are .*did you mean 'text'"),
        (TABLE + "_gone", None, ("text",), "cannot be read .*Not found.*check the name"),
        ("bigquery://corpus.texts", None, ("text",), r"expected bigquery://project\.dataset\.table"),
        (TABLE, "SELEKT 1", ("text",), "cannot be read .*Syntax error"),
    ],
)
def test_what_cannot_be_read_is_told(service, uri, query, wanted, message):
    with pytest.raises(DataError, match=f"{uri}: {message}"):
        plan_units(0, SourceFile(uri, "bigquery", "texts", query=query), Dialect(), wanted)


def test_an_expired_session_is_told(service):
    with pytest.raises(DataError, match=r"cannot be read .*the session has expired"):
        list(bigquery.read_stream(TABLE, "stream/9", ("id",)))


@pytest.mark.parametrize("query", [None, "SELECT * FROM corpus.texts"])
def test_the_version_changes_with_the_table(service, query, monkeypatch):
    first = data_version(TABLE, query)
    assert data_version(TABLE, query) == first
    monkeypatch.setattr(service, "etag", "second")
    assert data_version(TABLE, query) != first
