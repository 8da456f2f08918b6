"""A server that reads `models.config` as it is written never refuses it, and never loses the stable version."""

from pathlib import Path

import pytest

from components.publishing.settings import PublishingSettings, ServedAsConfig
from serving.errors import FailedPreconditionError
from serving.model_config import read_model_config
from serving.models import Models
from tests.components.publishing.conftest import Publisher

LABELLED = PublishingSettings(served_as=ServedAsConfig(settle_seconds=30))


class Loaded:
    """Stands for a model in memory: which one is told by its file, and no request is made here."""

    def __init__(self, directory: Path) -> None:
        self.content = (directory / "saved_model.pb").read_text()

    def close(self) -> None: ...


class Server:
    """The embedded server's models, which read the file whenever the publisher waits for them."""

    def __init__(self, config: Path) -> None:
        self.models = Models(load=Loaded, labels_before_versions=True)  # type: ignore[arg-type]
        self.config = config
        self.waited: list[float] = []
        self.stable: list[str] = []

    def poll(self, seconds: float = 0.0) -> None:
        self.waited.append(seconds)
        self.models.configure(read_model_config(self.config))
        self.stable.append(self.labelled("stable"))

    def labelled(self, label: str) -> str:
        version = self.models.labelled("emotion", label)
        with self.models.repository("emotion").use(version) as (_, loaded):
            return str(loaded.content)  # type: ignore[attr-defined]


def test_labels_move_only_to_what_is_loaded(publisher: Publisher) -> None:
    server = Server(Path(publisher.destination.uri, "models.config"))
    publisher.releases._wait = server.poll
    publisher.push("one", LABELLED)
    server.poll()
    publisher.push("two", LABELLED)
    server.poll()
    publisher.push("three", LABELLED, canary=True)
    server.poll()
    publisher.push("four", LABELLED, canary=True)
    server.poll()
    assert server.labelled("canary") == "four"
    publisher.releases.promote()
    server.poll()
    publisher.releases.rollback()
    server.poll()
    publisher.releases.rollback()
    server.poll()
    # Three new versions were waited for; promotion and rollbacks go to what is loaded, and wait for nothing.
    assert server.waited == [0, 30, 0, 30, 0, 30, 0, 0, 0, 0]
    assert server.stable == ["one", "one", "two", "two", "two", "two", "two", "four", "two", "one"]


def test_without_the_wait_a_server_would_refuse(publisher: Publisher) -> None:
    server = Server(Path(publisher.destination.uri, "models.config"))
    publisher.releases._wait = lambda seconds: None
    publisher.push("one", LABELLED)
    server.poll()
    publisher.push("two", LABELLED)
    with pytest.raises(FailedPreconditionError, match="not currently available"):
        server.poll()
