"""What is told before a run is what the run then does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cache.forecast import Forecast, Outcome, forecast
from pipeline.graph import Graph
from pipeline.metadata.records import State
from tests.pipeline import toy_stages
from tests.pipeline.test_local_runner import Root
from tests.pipeline.toy_stages import toy_graph


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Root]:
    root = Root(tmp_path)
    yield root
    root.store.close()


def told(root: Root, graph: Graph | None = None) -> dict[str, Forecast]:
    return forecast(graph or toy_graph(str(root.data)), root.storage, root.store)


def outcomes(root: Root, graph: Graph | None = None) -> dict[str, Outcome]:
    return {name: stage.outcome for name, stage in told(root, graph).items()}


def test_before_the_first_run_everything_runs(local: Root):
    stages = told(local)
    assert {stage.outcome for stage in stages.values()} == {Outcome.RUNS}
    assert stages["train"].compared_with is None
    assert stages["train"].waits_for == {"examples": "read.examples"}


def test_after_a_run_everything_is_cached(local: Root):
    local.run()
    stages = told(local)
    assert {stage.outcome for stage in stages.values()} == {Outcome.CACHED}
    assert {stage.cached_from for stage in stages.values()} == {1}


def test_a_changed_setting_is_told_with_its_values(local: Root):
    local.run()
    graph = toy_graph(str(local.data), factor=5)
    stages = told(local, graph)
    assert [str(change) for change in stages["train"].changes] == ["config train.factor: 2 -> 5"]
    assert outcomes(local, graph) == {
        "read": Outcome.CACHED,
        "train": Outcome.RUNS,
        "judge": Outcome.DEPENDS,
        "push": Outcome.DEPENDS,
    }
    assert stages["judge"].waits_for == {"model": "train.model", "baseline": "train.model"}
    local.run(graph)
    assert toy_stages.calls == ["train", "judge", "push"]


def test_the_last_execution_is_the_one_that_was_used_last(local: Root):
    for factor in (2, 3, 2):
        local.run(toy_graph(str(local.data), factor=factor))
    (change,) = told(local, toy_graph(str(local.data), factor=7))["train"].changes
    assert (change.before, change.now) == (2, 7)


def test_changed_data_may_stop_at_the_stage_that_reads_them(local: Root):
    local.run()
    local.data.write_text("3 \n")
    assert outcomes(local) == {
        "read": Outcome.RUNS,
        "train": Outcome.DEPENDS,
        "judge": Outcome.DEPENDS,
        "push": Outcome.DEPENDS,
    }
    local.run()
    assert toy_stages.calls == ["read"], "equal results stop the ripple"
    assert set(outcomes(local).values()) == {Outcome.CACHED}


def test_an_artifact_that_is_gone_is_named(local: Root):
    result = local.run()
    result.stages["train"].outputs["model"].config_path.write_text("other")
    stage = told(local)["train"]
    assert (stage.outcome, stage.changes) == (Outcome.RUNS, [])
    assert stage.gone == (f"train/model/{result.run_id + 1}",)


def test_a_gate_that_refuses_is_told(local: Root):
    graph = toy_graph(str(local.data), at_least=100.0)
    assert local.run(graph).state is State.REFUSED
    stage = told(local, graph)["push"]
    assert (stage.outcome, stage.refusal) == (Outcome.REFUSED, "not blessed: value 6.0 is below 100.0")


def test_from_a_stage_on_everything_runs_and_what_is_before_it_is_cached(local: Root):
    local.run()
    toy_stages.calls.clear()
    graph = toy_graph(str(local.data))
    assert graph.since("train") == {"train", "judge", "push"}
    local.run(graph, rerun=graph.since("judge"))
    assert toy_stages.calls == ["judge", "push"]
