"""The client against the embedded server."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from serving.client import AsyncClient, Client, Prediction, Target
from serving.errors import DeadlineExceededError, InvalidArgumentError, NotFoundError
from tests.serving.conftest import TEXTS

every_transport = pytest.mark.parametrize("scheme", ["grpc", "http"])


def url_of(server: Any, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{server.port if scheme == 'grpc' else server.rest_port}"


def check(prediction: Prediction, expected: Any) -> None:
    assert (prediction.model, prediction.version) == ("emotion", 7)
    assert len(prediction) == len(expected)
    for answer, wanted in zip(prediction, expected, strict=True):
        assert tuple(answer.scores) == wanted.labels
        assert tuple(answer.scores.values()) == pytest.approx(wanted.scores, abs=1e-5)
        assert answer.predicted == wanted.decided_labels


@every_transport
def test_answers_are_the_models(server: Any, predictor: Any, scheme: str) -> None:
    with Client(Target(url=url_of(server, scheme))) as client:
        check(client.predict(TEXTS), predictor.predict(TEXTS))


@every_transport
def test_answers_come_side_by_side(server: Any, predictor: Any, scheme: str) -> None:
    async def ask() -> list[Prediction]:
        async with AsyncClient(Target(url=url_of(server, scheme), version=7)) as client:
            return await asyncio.gather(*(client.predict([text]) for text in TEXTS))

    for prediction, expected in zip(asyncio.run(ask()), predictor.predict(TEXTS), strict=True):
        check(prediction, [expected])


@every_transport
def test_a_model_of_two_segments(large_server: Any, large_predictor: Any, scheme: str) -> None:
    with Client(Target(url=url_of(large_server, scheme))) as client:
        check(
            client.predict(["so sad"], contexts=["I am happy"]),
            large_predictor.predict(["so sad"], contexts=["I am happy"]),
        )
        with pytest.raises(InvalidArgumentError, match="context"):
            client.predict(["so sad"])


@every_transport
@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"version": 3}, NotFoundError),
        ({"model": "mood"}, NotFoundError),
        ({"version_label": "stable"}, InvalidArgumentError),
    ],
)
def test_errors_are_the_servers(server: Any, scheme: str, target: dict[str, Any], error: type) -> None:
    with (
        Client(Target(url=url_of(server, scheme), **target)) as client,
        pytest.raises(error, match=r"Servable not found|Unrecognized servable version label: stable"),
    ):
        client.predict(["so sad"])


@every_transport
def test_a_deadline_ends_the_call(server: Any, scheme: str) -> None:
    with (
        Client(Target(url=url_of(server, scheme))) as client,
        pytest.raises(DeadlineExceededError, match="no answer within"),
    ):
        client.predict(["so sad"] * 4000, timeout_s=0.001)


def test_one_str_is_no_list_of_texts(server: Any) -> None:
    with Client(Target(url=url_of(server, "grpc"))) as client:
        with pytest.raises(ValueError, match="expected a list"):
            client.predict("so sad")
        with pytest.raises(ValueError, match="1 texts, but 2 contexts"):
            client.predict(["so sad"], contexts=["a", "b"])


def test_neither_tensorflow_nor_keras_comes_along() -> None:
    code = (
        "import sys\n"
        "from serving.client import Client, Target\n"
        "for url in ('grpc://localhost:1', 'http://localhost:1'): Client(Target(url=url)).close()\n"
        "print([name for name in ('tensorflow', 'tensorflow_serving', 'keras', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
