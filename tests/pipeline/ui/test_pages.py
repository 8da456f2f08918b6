"""The pages of `emotion ui`: what they tell of runs, what they refuse, and how they look to a browser."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from components.core.errors import DataError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.local_runner import LocalRunner
from pipeline.metadata.location import open_store_to_run
from pipeline.ui.application import application
from pipeline.ui.views import Roots
from tests.browser import PATIENCE_MS, in_browser, open_browser, serious_violations
from tests.pipeline.toy_stages import toy_graph


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a complete run that left a report, and one that failed on `<script>`."""
    directory = tmp_path_factory.mktemp("runs") / "toy"
    source = directory.parent / "number.txt"
    storage = ArtifactStorage(str(directory))
    storage.prepare()
    store = open_store_to_run(storage.work_dir, storage.root, None)
    runner = LocalRunner(storage, store)
    source.write_text("3")
    result = runner.run(toy_graph(str(source)), pipeline="toy", config="{}")
    report = storage.report_dir(result.run_id) / "report.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("<!doctype html><title>The report</title>", encoding="utf-8")
    empty = source.with_name("<script>alert(1).txt")
    empty.write_text("")
    with pytest.raises(DataError):
        runner.run(toy_graph(str(empty)), pipeline="toy", config="{}")
    store.close()
    return directory


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    with TestClient(application(Roots((), root.parent)), base_url="http://127.0.0.1") as client:
        yield client


def test_every_root_and_its_newest_run_are_on_the_first_page(client: TestClient) -> None:
    page = client.get("/").text
    assert 'href="/runs/toy"' in page
    assert "failed" in page


def test_runs_are_listed_newest_first(client: TestClient) -> None:
    page = client.get("/runs/toy").text
    assert page.index('href="/runs/toy/2"') < page.index('href="/runs/toy/1"')
    assert "http-equiv" not in page, "nothing runs, so nothing is loaded anew"


def test_a_run_tells_its_stages_artifacts_and_pages(client: TestClient) -> None:
    page = client.get("/runs/toy/1").text
    for told in ("read", "train", "judge", "complete", "Examples", "read/examples/1", "report.html"):
        assert told in page
    assert "statistics.html" not in page
    assert "tensorboard --logdir" in page


def test_the_way_to_a_run_and_to_an_artifact_is_drawn(client: TestClient) -> None:
    page = client.get("/runs/toy/1").text
    for path in ("/lineage/toy/1", "/lineage/toy/train/model/2"):
        assert f'href="{path}"' in page
        drawn = client.get(path).text
        assert "<svg" in drawn
        assert "read" in drawn
    assert client.get("/lineage/toy/train/model/99").status_code == 404


def test_errors_are_shown_and_nothing_in_them_is_markup(client: TestClient) -> None:
    page = client.get("/runs/toy/2").text
    assert "is empty; add rows" in page
    assert "<script" not in page


def test_a_report_is_kept_apart_from_the_pages(client: TestClient) -> None:
    answer = client.get("/runs/toy/1/report.html")
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>The report</title>")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script" not in client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/runs/other",
        "/runs/toy/99",
        "/runs/toy/2/report.html",
        "/runs/toy/1/..%2F..%2Fmetadata.sqlite",
        "/runs/toy/1/metadata.sqlite",
        "/compare/toy?run=1",
        "/compare/toy?run=1&run=2",
    ],
)
def test_what_is_not_there_is_a_clear_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"SQLite format" not in answer.content


def test_another_name_for_this_address_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_no_run_yet_says_what_to_do(tmp_path: Path) -> None:
    with TestClient(application(Roots((), tmp_path)), base_url="http://localhost") as client:
        assert "emotion run CONFIG" in client.get("/").text


def test_two_roots_of_one_name_are_told_apart(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "toy"
    copy.mkdir()
    shutil.copy(root / "metadata.sqlite", copy)
    assert sorted(Roots((root, copy), None).all()) == ["toy", "toy-2"]


@in_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def test_the_command_serves_pages_that_a_person_can_use(root: Path, width: int, scheme: str) -> None:
    command = "from pipeline.cli import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", command, "ui", "--port", "0", str(root)],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[-1]
        with open_browser() as browser:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.set_default_timeout(PATIENCE_MS)
            page.goto(address)
            page.get_by_role("link", name="toy", exact=True).click()
            page.get_by_role("link", name="1", exact=True).click()
            page.get_by_role("heading", name="Run 1 of toy").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert serious_violations(page) == []
            page.get_by_role("link", name="Report").click()
            page.wait_for_url("**/report.html")
            assert page.title() == "The report"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
        server.stdout.close()


def test_a_directory_without_runs_is_refused(tmp_path: Path) -> None:
    from components.core.errors import UserError
    from pipeline.commands.ui import ui_command

    with pytest.raises(UserError, match="is no pipeline root"):
        ui_command([tmp_path], host="127.0.0.1", port=0)
