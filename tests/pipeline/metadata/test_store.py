from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.metadata.records import ArtifactRecord, State
from pipeline.metadata.store import MetadataStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MetadataStore]:
    store = MetadataStore(tmp_path / "metadata.sqlite")
    yield store
    store.close()


def execute(
    store: MetadataStore,
    run_id: int,
    stage: str,
    outputs: dict[str, tuple[str, str, str, str | None]],
    inputs: dict[str, ArtifactRecord] | None = None,
) -> dict[str, ArtifactRecord]:
    execution = store.start_execution(run_id, stage, f"key of {stage}", {"code": "1"}, inputs or {})
    return store.complete_execution(
        execution, outputs=outputs, summary={"rows": 2}, seconds=1.5, peak_memory_mib=10.0
    )


def test_an_execution_is_found_by_its_key_with_what_it_read_and_wrote(store: MetadataStore):
    run = store.start_run("toy", "{}")
    made = execute(store, run, "read", {"examples": ("Examples", "/r/1", "abc", None)})
    execute(store, run, "train", {"model": ("Model", "/t/1", "def", None)}, made)
    (found,) = store.find_complete("train", "key of train")
    assert (found.state, found.summary, found.seconds) == (State.COMPLETE, {"rows": 2}, 1.5)
    assert store.inputs(found.id) == made
    assert store.outputs(found.id)["model"].name == "/t/1"
    assert store.find_complete("train", "another key") == []
    assert store.last_complete("judge") is None


def test_outputs_of_an_unfinished_execution_are_invisible(store: MetadataStore):
    run = store.start_run("toy", "{}")
    store.start_execution(run, "read", "key", {}, {})
    assert store.find_complete("read", "key") == []
    assert store.artifacts() == []


def test_the_next_run_marks_a_killed_one_as_failed(store: MetadataStore):
    killed = store.start_run("toy", "{}")
    store.start_execution(killed, "read", "key", {}, {})
    store.start_run("toy", "{}")
    assert [(run["id"], run["state"]) for run in store.runs()] == [(2, "RUNNING"), (1, "FAILED")]
    assert store.executions(killed)[0].error == "interrupted"


def test_only_a_blessed_model_other_than_the_candidate_is_a_baseline(store: MetadataStore):
    for digest, refusal in (("first", None), ("second", None), ("third", "too low")):
        run = store.start_run("toy", "{}")
        model = execute(store, run, "train", {"model": ("Model", f"/{digest}", digest, None)})
        execute(store, run, "judge", {"blessing": ("ModelBlessing", "/b", "b", refusal)}, model)

    def latest(other_than: str) -> ArtifactRecord | None:
        return store.latest_blessed(
            artifact_type="Model", blessing_type="ModelBlessing", other_than=other_than
        )

    assert latest("third").digest == "second"
    assert latest("second").digest == "first"
    assert (
        MetadataStore("sqlite://").latest_blessed(
            artifact_type="Model", blessing_type="ModelBlessing", other_than=""
        )
        is None
    )


def test_a_blessed_model_that_did_not_learn_from_these_data(store: MetadataStore):
    for day in ("monday", "tuesday"):
        run = store.start_run("toy", "{}")
        data = execute(
            store, run, "transform", {"transformed": ("TransformedExamples", f"/{day}", day, None)}
        )
        model = execute(store, run, "train", {"model": ("Model", f"/{day}", f"of {day}", None)}, data)
        execute(store, run, "judge", {"blessing": ("ModelBlessing", "/b", "b", None)}, model)

    def before(data: str) -> ArtifactRecord | None:
        return store.latest_blessed(
            artifact_type="Model", blessing_type="ModelBlessing", other_than="", not_from=data
        )

    assert before("wednesday").digest == "of tuesday"
    assert before("tuesday").digest == "of monday", "a rerun starts where the first run started"


def test_readers_do_not_wait_for_a_writer(store: MetadataStore, tmp_path: Path):
    run = store.start_run("toy", "{}")
    with store._database.writing() as writing:
        writing.execute(sa.text("UPDATE runs SET state = 'COMPLETE'"))
        reader = MetadataStore(f"sqlite:///{tmp_path / 'metadata.sqlite'}?timeout=1")
        assert reader.runs()[0]["state"] == "RUNNING"
        reader.close()
    assert store.runs()[0] == {**store.runs()[0], "id": run, "state": "COMPLETE"}
