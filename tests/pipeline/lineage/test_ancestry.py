from pathlib import Path

import pytest

from components.core.errors import UserError
from pipeline.lineage.ancestry import Ancestry, find_ancestry
from tests.pipeline.test_local_runner import Root


def ancestry(root: Root, name: str | None) -> Ancestry:
    return find_ancestry(name, root.store, root.storage)


def stages(found: Ancestry) -> list[tuple[str, int]]:
    return [(step.execution.stage, step.execution.run_id) for step in found.steps]


def test_an_artifact_came_from_those_that_led_to_it_and_from_nothing_else(told: Root):
    found = ancestry(told, "train/model/2")
    assert stages(found) == [("read", 1), ("train", 1)]
    read, train = found.steps
    (origin,) = read.origins
    assert (origin.kind, origin.name, len(origin.version)) == ("file", str(told.data), 64)
    assert train.settings == {"factor": 2, "fail_with": ""}
    assert train.packages["keras"]
    assert len(train.code) == 64
    assert train.reads["examples"] == read.gives["examples"]


@pytest.mark.parametrize("suffix", ["", "/model.json"])
def test_a_path_names_its_artifact(told: Root, suffix: str):
    place = told.storage.uri(told.store.artifacts("Model", limit=1)[0].name)
    assert ancestry(told, place + suffix).of == ancestry(told, "train/model/2").of


def test_a_cached_run_came_from_those_that_did_the_work(told: Root):
    assert stages(ancestry(told, "2")) == stages(ancestry(told, "1"))
    assert [step.execution.run_id for step in ancestry(told, "2").steps] == [1, 1, 1, 1]


def test_the_newest_run_is_meant_if_none_is_named_and_what_failed_is_in_it(told: Root):
    found = ancestry(told, None)
    assert found.subject == "run 3"
    assert stages(found) == [("read", 1), ("train", 3)]
    assert "division by zero" in str(found.steps[-1].execution.error)


def test_the_document_has_everything_by_name(told: Root):
    document = ancestry(told, "train/model/2").document()
    assert document["artifact"]["name"] == "train/model/2"
    train = document["stages"][1]
    assert train["reads"] == {"examples": "read/examples/1"}
    assert train["gives"]["model"]["digest"] == document["artifact"]["digest"]
    assert train["settings"]["factor"] == 2


@pytest.mark.parametrize("name", ["99", "train/model/77", "/nowhere"])
def test_what_is_unknown_is_said(told: Root, name: str, tmp_path: Path):
    with pytest.raises(UserError, match="emotion inspect"):
        ancestry(told, name)
