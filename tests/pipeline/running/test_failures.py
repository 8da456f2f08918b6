"""Which errors pass by themselves."""

import errno
import socket
import urllib.error
from email.message import Message
from pathlib import Path

import pytest
import requests

from components.core.errors import DataError, StageError, StoppedError, TransientError
from pipeline.running.failures import explain, is_transient


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def http(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://example.org", status, "", Message(), None)


def response(status: int) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code = status
    return requests.HTTPError(response=answer)


def lost_by(module: str, name: str) -> Exception:
    """An error of a library that is not installed here, below its class of that name."""
    base = type(name, (Exception,), {"__module__": module})
    return type("Lost", (base,), {})("lost")


class ClientError(Exception):
    """As botocore raises it."""

    response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # noqa: RUF012


@pytest.mark.parametrize(
    "error",
    [
        TransientError("the server is starting"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        OSError(errno.ENETUNREACH, "unreachable"),
        TimeoutError(),
        socket.gaierror(socket.EAI_AGAIN, "try again"),
        http(503),
        response(429),
        requests.ConnectionError(),
        lost_by("aiohttp.client_exceptions", "ClientConnectionError"),
        lost_by("botocore.exceptions", "HTTPClientError"),
        ClientError(),
        caused(StageError("the Beam pipeline failed"), ConnectionAbortedError()),
        caused(DataError("cannot be downloaded"), http(504)),
    ],
    ids=repr,
)
def test_passing_errors(error: Exception):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        MemoryError(),
        FileNotFoundError(errno.ENOENT, "no file"),
        OSError(errno.ENOSPC, "disk full"),
        socket.gaierror(socket.EAI_NONAME, "no such host"),
        http(404),
        response(403),
        DataError("the file is empty"),
        caused(StoppedError("saved"), ConnectionResetError()),
    ],
    ids=repr,
)
def test_lasting_errors(error: Exception):
    assert not is_transient(error)


def test_an_error_of_the_project_is_told_without_its_class():
    told = explain("transform", StageError("the Beam pipeline failed: no workers"), Path("transform.log"))
    assert str(told) == "transform: the Beam pipeline failed: no workers (details in transform.log)"
