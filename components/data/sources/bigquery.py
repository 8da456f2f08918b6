"""Rows of BigQuery tables and queries, by the streams of the Storage Read API, which Beam's own direct reads use, too.

A stream is to a table what a byte range is to a file: Beam hands each to a worker, a stream read again gives the same
rows, and no row passes through a file on its way. The clients come with the `gcp` extra.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from components.core.errors import DataError, UserError
from components.data.sources.arrow_values import batch_rows
from components.data.sources.rows import Row, require_columns

__all__ = ["BIGQUERY", "ReadSession", "data_version", "open_session", "read_stream"]

BIGQUERY = "bigquery://"
_MAX_STREAMS = 100


@dataclass(frozen=True)
class ReadSession:
    """A snapshot of a table that is divided into streams; readable for six hours.

    Attributes:
        columns: names of the table's columns.
        streams: names of the streams.
    """

    columns: tuple[str, ...]
    streams: tuple[str, ...]


def open_session(uri: str, query: str | None, wanted: Sequence[str]) -> ReadSession:
    """Opens a session of a table, or of the result of a query, with the wanted columns.

    Args:
        uri: `bigquery://project.dataset.table`; what error messages call the source.
        query: a query in GoogleSQL that is run in place of reading the table of `uri`.
        wanted: names of columns; a field of a structure is `column.field`.

    Raises:
        DataError: there is no such table, it lacks a column, or the query fails.
        UserError: the `gcp` extra or credentials are missing.
    """
    with _plain_errors(uri):
        client = _table_client()
        reference = _run_query(client, query) if query else _reference(uri)
        table = client.get_table(reference)
        columns = tuple(_column_names(table.schema))
        require_columns(uri, wanted, columns)
        types = import_module("google.cloud.bigquery_storage_v1.types")
        session = _storage_client().create_read_session(
            parent=f"projects/{client.project}",
            read_session=types.ReadSession(
                table=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
                data_format=types.DataFormat.ARROW,
                read_options=types.ReadSession.TableReadOptions(selected_fields=list(dict.fromkeys(wanted))),
            ),
            max_stream_count=_MAX_STREAMS,
        )
        return ReadSession(columns, tuple(stream.name for stream in session.streams))


def read_stream(uri: str, stream: str, wanted: Sequence[str]) -> Iterator[Row]:
    """Yields the rows of one stream, numbered from 1.

    Raises:
        DataError: the session has expired or the stream breaks off.
        UserError: the `gcp` extra or credentials are missing.
    """
    import pyarrow as pa

    with _plain_errors(uri):
        schema: Any = None
        first_row = 1
        for message in _storage_client().read_rows(stream):
            if schema is None:
                schema = pa.ipc.read_schema(pa.py_buffer(message.arrow_schema.serialized_schema))
            content = message.arrow_record_batch.serialized_record_batch
            batch = pa.ipc.read_record_batch(pa.py_buffer(content), schema)
            yield from batch_rows(batch, wanted, first_row)
            first_row += batch.num_rows


def data_version(uri: str, query: str | None) -> str:
    """A text that changes whenever the table, or a table that the query reads, does.

    Raises:
        DataError: there is no such table, or the query is wrong.
        UserError: the `gcp` extra or credentials are missing.
    """
    with _plain_errors(uri):
        client = _table_client()
        references: list[Any] = [_reference(uri)] if query is None else _tables_of_query(client, query)
        tables = [client.get_table(reference) for reference in references]
        told = sorted(f"{table.full_table_id} {table.modified} {table.etag}" for table in tables)
        return hashlib.sha256("\n".join([query or "", *told]).encode()).hexdigest()


def _reference(uri: str) -> str:
    name = uri.removeprefix(BIGQUERY)
    if name.count(".") < 2 or "/" in name:
        raise DataError(f"{uri}: expected {BIGQUERY}project.dataset.table")
    return name


def _run_query(client: Any, query: str) -> Any:
    """Runs a query and returns the table that BigQuery keeps its result in for a day."""
    job = client.query(query)
    job.result()
    return job.destination


def _tables_of_query(client: Any, query: str) -> list[Any]:
    config = import_module("google.cloud.bigquery").QueryJobConfig(dry_run=True)
    return list(client.query(query, job_config=config).referenced_tables)


def _column_names(schema: Sequence[Any]) -> Iterator[str]:
    """Names of all columns; those inside structures follow as `column.field`."""
    yield from (field.name for field in schema)
    for field in schema:
        yield from (f"{field.name}.{name}" for name in _column_names(field.fields))


def _table_client() -> Any:
    return _client("google.cloud.bigquery", "Client")


def _storage_client() -> Any:
    return _client("google.cloud.bigquery_storage", "BigQueryReadClient")


def _client(module: str, name: str) -> Any:
    try:
        found = import_module(module)
    except ImportError as err:
        raise UserError(
            "reading from BigQuery needs the `gcp` extra; install it with `pip install 'emotion-pipeline[gcp]'`"
        ) from err
    return getattr(found, name)()


@contextmanager
def _plain_errors(uri: str) -> Iterator[None]:
    """Turns the errors of the clients into ours, as far as they are installed."""
    try:
        yield
    except UserError as err:
        raise type(err)(str(err) if uri in str(err) else f"{uri}: {err}") from err
    except Exception as err:
        kind = type(err).__module__
        told = next(iter(str(err).splitlines()), type(err).__name__)
        if kind.startswith("google.auth"):
            advice = "log in with `gcloud auth application-default login`"
            raise UserError(f"{uri}: no access ({told}); {advice}") from err
        if kind.startswith(("google.api_core", "pyarrow")):
            raise DataError(
                f"{uri}: cannot be read ({told}); check the name, the query and your permissions"
            ) from err
        raise
