"""One store that several roots share: in SQLite, PostgreSQL and MariaDB."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.core.errors import StorageError, UserError
from pipeline.config import parse_config
from pipeline.metadata.location import open_store, open_store_to_run, remember_store
from pipeline.metadata.records import ArtifactState, State
from pipeline.metadata.store import MetadataStore
from tests.pipeline.metadata.database_servers import mariadb_server, postgres_server
from tests.pipeline.metadata.test_store import execute


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    match request.param:
        case "postgresql":
            with postgres_server() as url:
                yield url
        case "mariadb":
            with mariadb_server() as url:
                yield url
        case _:
            yield f"sqlite:///{tmp_path_factory.mktemp('shared') / 'shared.sqlite'}"


def test_processes_that_open_an_empty_database_at_once_all_find_it_whole(url: str):
    if url.startswith("mysql"):
        MetadataStore(url).close()  # MariaDB has no transactions of CREATE TABLE: the first one goes alone
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: MetadataStore(url), range(8)))
    for store in stores:
        assert store.runs() == []
        store.close()


def test_what_a_root_does_is_found_again_with_all_of_its_values(url: str):
    store = MetadataStore(url, root="/values", owner="here")
    parts = {"code": "c" * 64, "code a.py": "1", "code b.py": "2", "config text": json.dumps("ä😂")}
    run = store.start_run("toy", "{" + " " * 100_000 + "}")
    execution = store.start_execution(run, "train", "k" * 64, parts, {})
    made = store.complete_execution(
        execution,
        outputs={"model": ("Model", "/values/train/model/1", "d" * 64, None)},
        summary={"note": "😂"},
        seconds=1.5,
        peak_memory_mib=10.0,
        resources={"cpu_seconds": 2.5},
    )
    found = store.last_complete("train")
    assert found is not None
    assert found.fingerprint_parts == parts
    assert (found.summary, found.resources) == ({"note": "😂"}, {"cpu_seconds": 2.5})
    assert store.find_complete("train", "k" * 64)[0].id == found.id
    store.set_artifact_state([made["model"].id], ArtifactState.DELETED)
    assert store.artifacts() == []
    assert store.outputs(execution)["model"].state is ArtifactState.DELETED
    assert store.all_events() == [(execution, made["model"].id, "output", "model")]
    store.finish_run(run, State.COMPLETE)
    assert [row["state"] for row in store.runs()] == ["COMPLETE"]
    store.close()


def test_two_roots_do_not_see_each_others_runs_nor_end_them(url: str):
    ours, theirs = (MetadataStore(url, root=root, owner=root) for root in ("/ours", "/theirs"))
    running = ours.start_run("toy", "{}")
    ours.start_execution(running, "train", "key", {}, {})
    model = execute(ours, running, "read", {"model": ("Model", "/ours/m", "m", None)})
    execute(ours, running, "judge", {"blessing": ("ModelBlessing", "/ours/b", "b", None)}, model)

    theirs.start_run("toy", "{}")
    assert ours.executions(running)[0].state is State.RUNNING
    assert [row["state"] for row in ours.runs()] == ["RUNNING"]
    asked = {"artifact_type": "Model", "blessing_type": "ModelBlessing", "other_than": ""}
    assert ours.latest_blessed(**asked) == model["model"]
    assert theirs.latest_blessed(**asked) is None
    assert theirs.find_complete("read", "key of read") == []
    assert theirs.artifacts() == theirs.running_executions() == []

    again = ours.start_run("toy", "{}")
    assert [(row["id"], row["state"]) for row in ours.runs()] == [(again, "RUNNING"), (running, "FAILED")]
    for store in (ours, theirs):
        store.close()


def test_another_machine_on_the_same_root_uses_its_results_and_lets_its_run_be(url: str):
    here, there = (MetadataStore(url, root="gs://shared/root", owner=owner) for owner in ("a:/w", "b:/w"))
    running = here.start_run("toy", "{}")
    execute(here, running, "read", {"model": ("Model", "gs://shared/root/m", "m", None)})
    there.start_run("toy", "{}")
    assert [row["state"] for row in there.runs()] == ["RUNNING", "RUNNING"]
    assert len(there.find_complete("read", "key of read")) == 1
    for store in (here, there):
        store.close()


def test_many_writers_at_once_lose_nothing(url: str):
    def write(number: int) -> None:
        store = MetadataStore(url, root="/many", owner=str(number))
        for _ in range(5):
            run = store.start_run("toy", "{}")
            parts = {"code": f"code {run // 4}", "code a.py": "1"}
            execution = store.start_execution(run, "read", "key", parts, {})
            outputs = {"examples": ("Examples", f"/many/{run}", "d", None)}
            store.complete_execution(execution, outputs=outputs, summary={}, seconds=1.0, peak_memory_mib=1.0)
            store.finish_run(run, State.COMPLETE)
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    store = MetadataStore(url, root="/many")
    assert len(store.runs(limit=None)) == len(store.artifacts(limit=None)) == 20
    assert {row["state"] for row in store.runs()} == {"COMPLETE"}
    store.close()


def test_later_commands_find_the_shared_database_without_its_password(tmp_path: Path):
    shared = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    store = open_store_to_run(work_dir, "gs://shared/root", shared)
    run = store.start_run("toy", "{}")
    remember_store(work_dir, store)
    store.close()
    found = open_store(work_dir)
    assert [row["id"] for row in found.runs()] == [run]
    found.close()


def test_a_password_is_in_no_recorded_configuration():
    config = parse_config(
        {
            "name": "toy",
            "metadata": "postgresql://ann:s3cret@db:5432/runs",
            "example_gen": {"source": "x.csv"},
        }
    )
    assert config.metadata == "postgresql://ann:s3cret@db:5432/runs"
    assert "s3cret" not in config.model_dump_json()
    assert "postgresql://ann@db:5432/runs" in config.model_dump_json()


def test_what_is_wrong_with_a_url_is_said(tmp_path: Path):
    with pytest.raises(UserError, match="expected a URL such as postgresql://user@host/database"):
        MetadataStore("not a url")
    with pytest.raises(UserError, match="take sqlite, postgresql or mysql"):
        MetadataStore("paradox://host/database")
    with pytest.raises(StorageError, match=r"postgresql.*ann@127.0.0.1:9/.*cannot be used") as told:
        MetadataStore("postgresql://ann:s3cret@127.0.0.1:9/runs?connect_timeout=2")
    assert "s3cret" not in str(told.value)
