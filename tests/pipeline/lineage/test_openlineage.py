import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import StorageError
from pipeline.lineage.ancestry import find_ancestry
from pipeline.lineage.openlineage import export_events
from tests.pipeline.test_local_runner import Root


class Catalogue:
    """An OpenLineage server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str | None, dict[str, Any]]] = []
        catalogue = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                catalogue.received.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.send_response(422 if "refuse" in self.path else 201)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base's name

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    catalogue = Catalogue()
    thread = threading.Thread(target=catalogue.server.serve_forever, args=(0.05,))
    thread.start()
    yield catalogue
    catalogue.server.shutdown()
    thread.join()
    catalogue.server.server_close()


def export(root: Root, name: str | None, target: str) -> int:
    return export_events(find_ancestry(name, root.store, root.storage), target)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_is_told_from_its_begin_to_its_end(told: Root, tmp_path: Path):
    assert export(told, "1", f"file://{tmp_path}/events") == 10
    events = read(tmp_path / "events")
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("toy", "START"),
        *(
            (f"toy.{stage}", kind)
            for stage in ("read", "train", "judge", "push")
            for kind in ("START", "COMPLETE")
        ),
        ("toy", "COMPLETE"),
    ]
    assert all(event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent") for event in events)
    assert len({event["run"]["runId"] for event in events}) == 5
    assert all(
        event["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"]
        for event in events[1:-1]
    )


def test_data_sets_join_the_stages_and_carry_the_digest_of_their_content(told: Root, tmp_path: Path):
    export(told, "train/model/2", str(tmp_path / "events"))
    by_name = {event["job"]["name"]: event for event in read(tmp_path / "events")}
    read_event, train = by_name["toy.read"], by_name["toy.train"]
    (source,) = read_event["inputs"]
    assert (source["namespace"], source["name"]) == ("file", str(told.data))
    (examples,) = read_event["outputs"]
    (given,) = train["inputs"]
    assert (given["namespace"], given["name"]) == (examples["namespace"], examples["name"])
    (record,) = told.store.artifacts("Model")
    assert train["outputs"][0]["facets"]["version"]["datasetVersion"] == record.digest
    parameters = {
        each["key"]: each["value"] for each in train["run"]["facets"]["executionParameters"]["parameters"]
    }
    assert parameters["factor"] == "2"


def test_a_failure_is_told_with_its_error(told: Root, tmp_path: Path):
    export(told, "3", str(tmp_path / "events"))
    *_, train, whole = read(tmp_path / "events")
    assert (train["eventType"], whole["eventType"]) == ("FAIL", "FAIL")
    assert "division by zero" in train["run"]["facets"]["errorMessage"]["message"]


def test_the_same_execution_is_told_in_the_same_words(told: Root, tmp_path: Path):
    for name in ("a", "b"):
        export(told, "1", str(tmp_path / name))
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_a_server_gets_every_event_with_the_key(
    told: Root, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "team")
    assert export(told, "1", catalogue.url) == 10
    assert {(path, key) for path, key, _ in catalogue.received} == {("/api/v1/lineage", "Bearer secret")}
    export(told, "1", str(tmp_path / "events"))
    assert [event for _, _, event in catalogue.received] == read(tmp_path / "events")
    assert {event["job"]["namespace"] for _, _, event in catalogue.received} == {"team"}


def test_a_server_that_refuses_or_is_not_there_is_a_clear_error(told: Root, catalogue: Catalogue):
    with pytest.raises(StorageError, match=r"the events were not taken .*422"):
        export(told, "1", f"{catalogue.url}/refuse")
    assert catalogue.received[0][0] == "/refuse"
    with pytest.raises(StorageError, match="look whether the server is there"):
        export(told, "1", "http://127.0.0.1:9")
