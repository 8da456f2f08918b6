"""A running server follows what the Pusher says of its versions."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from components.publishing.destination import Destination
from components.publishing.releases import Releases
from components.publishing.settings import PublishingSettings, ServedAsConfig
from pipeline.commands.serve import serve_command
from serving.server import ModelServer
from tests.ports import free_port
from tests.serving.conftest import publish_broken
from tests.serving.operation import Client, config, serving
from tests.waiting import until

# The base path is that of another machine; the embedded server needs no wait between versions and labels.
LABELLED = PublishingSettings(
    served_as=ServedAsConfig(name="half", base_path="/elsewhere/saved_model", settle_seconds=0)
)


class Pusher:
    """Publishes to `directory`, as the stage does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.releases = Releases(Destination(str(directory)))
        self._tflite = directory.parent / "tflite"
        self._tflite.mkdir()
        (self._tflite / "labels.txt").write_text("joy\n")
        (self._tflite / "export.json").write_text("{}")

    def push(self, version: Path, *, settings: PublishingSettings = LABELLED, canary: bool = False) -> None:
        sources = {"saved_model": version, "tflite": self._tflite}
        self.releases.push(sources, lineage={}, settings=settings, canary=canary)


@pytest.fixture
def pusher(half_plus_two: Path, tmp_path: Path) -> Pusher:
    """One version is pushed."""
    pusher = Pusher(tmp_path / "models")
    pusher.push(half_plus_two)
    return pusher


@pytest.fixture
def server(pusher: Pusher, tmp_path: Path) -> Iterator[ModelServer]:
    changes = {"model_base_path": None, "model_name": None, "pushed_model_dir": pusher.directory}
    with serving(tmp_path, **changes) as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(server, channel)


def by_label(client: Client, label: str) -> list[tuple[int, float]]:
    """Version and answer, over gRPC and over REST."""
    path = f"/v1/models/half/labels/{label}:predict"
    status, body, headers = client.http("POST", path, {"instances": [2.0]})
    assert status == 200, body
    return [
        client.ask(label=label),
        (int(headers["x-model-version"]), json.loads(body)["predictions"][0]),
    ]


def test_labels_move_as_the_pusher_says(
    server: ModelServer, client: Client, pusher: Pusher, half_plus_three: Path
) -> None:
    assert by_label(client, "stable") == 2 * [(1, 3.0)]
    pusher.push(half_plus_three, canary=True)
    until(lambda: "canary" in server.models.labels("half"))
    assert by_label(client, "stable") == 2 * [(1, 3.0)]
    assert by_label(client, "canary") == 2 * [(2, 4.0)]
    pusher.releases.promote()
    until(lambda: "canary" not in server.models.labels("half"))
    assert by_label(client, "stable") == 2 * [(2, 4.0)]
    assert client.refusal(label="canary")[0] == grpc.StatusCode.INVALID_ARGUMENT
    pusher.releases.rollback()
    until(lambda: server.models.labelled("half", "stable") == 1)
    assert by_label(client, "stable") == 2 * [(1, 3.0)]


def test_a_version_that_cannot_be_loaded_gets_no_label(
    server: ModelServer, client: Client, pusher: Pusher, half_plus_three: Path, tmp_path: Path
) -> None:
    publish_broken(tmp_path / "broken")
    pusher.push(tmp_path / "broken")
    until(lambda: server.models.repository("half").refused == (2,))
    assert by_label(client, "stable") == 2 * [(1, 3.0)]
    pusher.releases.rollback()
    pusher.push(half_plus_three)
    until(lambda: server.models.labelled("half", "stable") == 3)
    assert by_label(client, "stable") == 2 * [(3, 4.0)]


def test_what_was_changed_over_model_service_stays(
    server: ModelServer, client: Client, pusher: Pusher, half_plus_three: Path
) -> None:
    base_path = pusher.directory / "saved_model"
    (base_path.parent / "other").symlink_to(base_path)
    client.reload(config(base_path.parent, "other"))
    looks: list[None] = []
    server.models.on_change(lambda: looks.append(None))
    until(lambda: len(looks) > 3)
    assert client.ask(name="other") == (1, 3.0)
    pusher.push(half_plus_three)
    until(lambda: "half" in server.models.repositories)


def test_emotion_serve_does_so_and_says_which_label_is_which(
    pusher: Pusher, half_plus_three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/models/half/labels"

    def answer(label: str) -> Any:
        body = json.dumps({"instances": [2.0]}).encode()
        try:
            with urllib.request.urlopen(f"{url}/{label}:predict", data=body, timeout=30) as response:
                return json.load(response)["predictions"]
        except OSError:
            return None

    def use() -> None:
        try:
            until(lambda: answer("stable") == [3.0])
            pusher.push(half_plus_three)
            until(lambda: answer("stable") == [4.0])
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as user:
        used = user.submit(use)
        flags = ["--lame_duck_seconds=0", "--file_system_poll_wait_seconds=0.05"]
        serve_command(pusher.directory, name=None, host="127.0.0.1", port=0, rest_port=port, flags=flags)
        used.result()
    said = capsys.readouterr().out
    assert "stable is version 1" in said
    assert f"{url}/stable:predict" in said
