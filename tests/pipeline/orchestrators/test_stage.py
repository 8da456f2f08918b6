"""One stage alone: names, gates, baselines, the cache, and outputs whole or not at all, here and in an object store."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.core.artifacts import Examples, Model
from components.core.errors import DataError, StoppedError, StorageError, UserError
from components.core.filesystem import open_file, remove_directory, subdirectories
from pipeline.cli import app
from pipeline.metadata.records import State
from pipeline.orchestrators.record import StageRecord
from pipeline.orchestrators.registry import Registry
from pipeline.orchestrators.stage import StageRequest, run_stage
from tests.pipeline import toy_stages
from tests.pipeline.toy_stages import toy_graph


class Machine:
    """Runs toy stages one by one, as containers would, under one root."""

    def __init__(self, directory: Path, root: str | None = None) -> None:
        self.directory = directory
        self.root = root or str(directory / "root")
        self.registry = Registry(f"{self.root}/registry", "toy")
        self.source = directory / "number.txt"
        self.source.write_text("3")

    def place(self, run: str, name: str) -> str:
        return f"{self.root}/{run}/{name}"

    def run(
        self, stage: str, run: str = "1", *, gated: bool = False, registry: bool = True, **changes
    ) -> StageRecord:
        settings = {
            name: changes.pop(name)
            for name in ("factor", "at_least", "fail_with", "warm_start")
            if name in changes
        }
        node = toy_graph(str(self.source), **settings).nodes[stage]
        wired = {"train": ["examples"], "judge": ["model"], "push": ["model"]}.get(stage, [])
        made = {"read": "examples", "train": "model", "judge": "blessing", "push": "pushed"}[stage]
        request = StageRequest(
            inputs={name: self.place(run, name) for name in wired},
            outputs={made: self.place(run, made)},
            gates={"judge.blessing": self.place(run, "blessing")} if gated else {},
            pipeline="toy",
            run=run,
            registry=self.registry if registry else None,
            scratch=self.directory / "scratch",
            **changes,
        )
        return run_stage(node, request)


@pytest.fixture(params=["local", "remote"])
def machine(request: pytest.FixtureRequest, tmp_path: Path):
    toy_stages.calls.clear()
    root = None if request.param == "local" else f"memory://{tmp_path.name}"
    yield Machine(tmp_path, root)
    if root:
        remove_directory(root)


def read(uri: str) -> str:
    with open_file(uri, "r") as stream:
        return str(stream.read())


def test_a_stage_reads_what_the_stage_before_it_wrote(machine: Machine):
    written = machine.run("read")
    assert written.state is State.COMPLETE
    assert written.summary == {"rows": 1}
    trained = machine.run("train")
    assert read(machine.place("1", "model") + "/model.json") == "6.0"
    assert trained.inputs == {"examples": written.outputs["examples"].digest}
    assert trained.outputs["model"].uri == machine.place("1", "model")
    assert StageRecord.from_json(trained.to_json()) == trained
    assert json.loads(trained.to_json())["state"] == "COMPLETE"


def test_a_gate_refuses_and_nothing_is_written(machine: Machine):
    for stage in ("read", "train"):
        machine.run(stage)
    judged = machine.run("judge", at_least=100.0)
    assert judged.refusal() == "not blessed: value 6.0 is below 100.0"
    refused = machine.run("push", gated=True)
    assert (refused.state, refused.message) == (State.REFUSED, judged.refusal())
    assert "push" not in toy_stages.calls
    machine.run("judge", at_least=1.0, replace=True)
    assert machine.run("push", gated=True).state is State.COMPLETE


def test_the_last_blessed_model_is_the_baseline_of_another_one(machine: Machine):
    machine.run("read")
    for run, factor in (("1", 2), ("2", 5), ("3", 7)):
        machine.run("read", run) if run != "1" else None
        machine.run("train", run, factor=factor)
    assert machine.run("judge", "1").summary["baseline"] is None
    assert machine.run("judge", "2", at_least=100.0).summary["baseline"] == 6.0
    assert machine.run("judge", "3").summary["baseline"] == 6.0, "what was refused is no baseline"
    again = machine.run("judge", "3", use_cache=False, replace=True)
    assert again.summary["baseline"] == 6.0, "a model is not its own baseline"
    assert machine.run("judge", "1", use_cache=False, replace=True).summary["baseline"] == 21.0


def test_a_warm_start_is_from_what_was_blessed_before_these_data_came(machine: Machine):
    def retrain(run: str, number: str, *, factor: int = 2) -> StageRecord:
        machine.source.write_text(number)
        machine.run("read", run)
        trained = machine.run("train", run, factor=factor, warm_start=True)
        machine.run("judge", run)
        return trained

    assert "initial" not in retrain("1", "3").summary
    assert "initial" not in retrain("2", "3", factor=5).summary, (
        "3 x 2 was blessed, but was made from these data"
    )
    assert retrain("3", "4").summary["initial"] == 15.0
    again = retrain("4", "4")
    assert again.state is State.CACHED, "the same data give the same start"
    assert retrain("5", "4", factor=9).summary["initial"] == 15.0


def test_a_copy_that_is_not_whole_is_no_baseline_and_is_made_again(machine: Machine):
    """As it is where whoever uploaded it was killed on the way."""
    for run, factor in (("1", 2), ("2", 5)):
        for stage in ("read", "train", "judge"):
            machine.run(stage, run, **({"factor": factor} if stage == "train" else {}))
    blessed = f"{machine.root}/registry/toy/blessed/Model"
    newest = subdirectories(blessed)[-1]
    with open_file(f"{blessed}/{newest}/model.json", "w") as stream:
        stream.write("")
    machine.run("read", "3")
    machine.run("train", "3", factor=7)
    judged = machine.run("judge", "3", at_least=100.0)
    assert judged.summary["baseline"] == 6.0
    machine.run("judge", "2", replace=True, use_cache=False)
    machine.run("judge", "3", at_least=100.0, replace=True, use_cache=False)
    assert len(subdirectories(blessed)) == 3
    assert machine.run("judge", "3", replace=True, use_cache=False).summary["baseline"] == 15.0


def test_what_leaves_the_pipeline_names_the_run_and_what_it_was_made_of(machine: Machine):
    machine.run("read", "run-7")
    trained = machine.run("train", "run-7")
    machine.run("push", "run-7", registry=False)
    assert json.loads(read(machine.place("run-7", "pushed") + "/export.json")) == {
        "pipeline": "toy",
        "run_id": "run-7",
        "inputs": {"model": trained.outputs["model"].digest},
    }


def test_without_a_registry_there_is_neither_baseline_nor_cache(machine: Machine):
    for run in ("1", "2"):
        for stage in ("read", "train", "judge"):
            assert machine.run(stage, run, registry=False).state is State.COMPLETE
    assert toy_stages.calls == ["read", "train", "judge"] * 2


def test_the_same_content_is_not_worked_on_twice_wherever_it_is(machine: Machine):
    first = [machine.run(stage, "1") for stage in ("read", "train", "judge", "push")]
    second = [machine.run(stage, "2") for stage in ("read", "train", "judge", "push")]
    assert toy_stages.calls == ["read", "train", "judge", "push"]
    assert {record.state for record in second} == {State.CACHED}
    assert [list(one.outputs) for one in first] == [list(one.outputs) for one in second]
    assert read(machine.place("2", "model") + "/model.json") == "6.0"
    machine.source.write_text("4")
    assert machine.run("read", "3").state is State.COMPLETE
    assert machine.run("train", "3", factor=2).state is State.COMPLETE


def test_a_cached_output_that_has_changed_is_made_again(machine: Machine):
    machine.run("read", "1")
    with open_file(machine.place("1", "examples") + "/number", "w") as stream:
        stream.write("999")
    assert machine.run("read", "2").state is State.COMPLETE
    remove_directory(machine.place("2", "examples"))
    assert machine.run("read", "3").state is State.COMPLETE
    assert read(machine.place("3", "examples") + "/number") == "3"


def test_a_second_try_replaces_what_the_first_left(machine: Machine):
    machine.run("read")
    with pytest.raises(UserError, match=r"examples=.*something is there already.*--replace"):
        machine.run("read")
    assert machine.run("read", replace=True).state is State.CACHED
    assert machine.run("read", replace=True, use_cache=False).state is State.COMPLETE
    assert read(machine.place("1", "examples") + "/number") == "3"


def test_a_stopped_stage_goes_on_in_its_scratch_directory(machine: Machine):
    machine.run("read")
    with pytest.raises(StoppedError):
        machine.run("train", fail_with="stopped once")
    assert machine.run("train", fail_with="stopped once").summary["attempts"] == 2
    assert not list((machine.directory / "scratch" / "train").iterdir())


def test_a_failure_leaves_nothing_behind(machine: Machine):
    machine.source.write_text("")
    with pytest.raises(DataError, match="is empty"):
        machine.run("read")
    machine.source.write_text("3")
    machine.run("read")
    with pytest.raises(ZeroDivisionError):
        machine.run("train", fail_with="bug")
    assert machine.run("train").state is State.COMPLETE


@pytest.mark.parametrize(
    ("inputs", "outputs", "gates", "said"),
    [
        ({}, {"model": "m"}, {}, "--input examples=… is missing; in this configuration it takes examples"),
        ({"examples": "e"}, {}, {}, "--output model=… is missing"),
        ({"examples": "e", "modle": "m"}, {"model": "m"}, {}, "input 'modle' is unknown"),
        (
            {"examples": "e"},
            {"model": "m"},
            {"judge.blessing": "b"},
            "gate 'judge.blessing' is unknown; .* none",
        ),
        ({"examples": "nowhere"}, {"model": "m"}, {}, "nowhere: no such directory"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path: Path, inputs, outputs, gates, said):
    toy_stages.calls.clear()
    (tmp_path / "number.txt").write_text("3")
    node = toy_graph(str(tmp_path / "number.txt")).nodes["train"]
    places = {name: str(tmp_path / place) for name, place in inputs.items()}
    with pytest.raises(UserError, match=said):
        run_stage(
            node, StageRequest(places, {name: str(tmp_path / to) for name, to in outputs.items()}, gates)
        )
    assert not toy_stages.calls


def test_blessed_copies_outlive_the_run_that_made_them(tmp_path: Path):
    registry = Registry(str(tmp_path / "registry"), "toy")
    for number in range(3):
        model = Model(tmp_path / "model")
        model.path.mkdir(exist_ok=True)
        model.config_path.write_text(str(number))
        registry.add_blessed(model)
        registry.add_blessed(model)
    copies = sorted((tmp_path / "registry" / "toy" / "blessed" / "Model").iterdir())
    assert [(copy / "model.json").read_text() for copy in copies] == ["0", "1", "2"]
    found = registry.latest_blessed(
        Model, other_than=copies[2].name.partition("-")[2], into=tmp_path / "into"
    )
    assert found is not None
    assert found.config_path.read_text() == "1"
    assert registry.latest_blessed(Examples, other_than="", into=tmp_path / "into") is None


def test_records_of_a_run_are_replaced_by_a_later_try(machine: Machine):
    assert machine.registry.records("1") == {}
    machine.registry.record("1", StageRecord("read", State.FAILED, "DataError: is empty"))
    machine.registry.record("1", StageRecord("read", State.COMPLETE))
    machine.registry.record("1", StageRecord("train", State.FAILED))
    assert {name: record.state for name, record in machine.registry.records("1").items()} == {
        "read": State.COMPLETE,
        "train": State.FAILED,
    }


def test_outputs_appear_all_or_none(tmp_path: Path):
    """The second of two outputs cannot be written: the first is taken back."""
    from pipeline.orchestrators.stage import _publish

    sources = {}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        sources[name] = tmp_path / name
    (tmp_path / "blocked").write_text("a file where a directory is needed")
    outputs = {"first": str(tmp_path / "out" / "first"), "second": str(tmp_path / "blocked" / "second")}
    with pytest.raises((StorageError, UserError)):
        _publish(sources, StageRequest(outputs=outputs))
    assert not (tmp_path / "out" / "first").exists()


def test_a_file_uri_is_the_path_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{number},{'joy' if number % 2 else 'anger'}\n" for number in range(40))
    (tmp_path / "data.csv").write_text(f"text,labels\n{rows}")
    (tmp_path / "toy.yaml").write_text(f"name: toy\nexample_gen: {{source: 'file://{tmp_path}/data.csv'}}\n")
    here = f"file://{tmp_path}"
    arguments = ["--output", f"examples={here}/examples", "--registry", f"{here}/registry", "--run", "1"]
    result = CliRunner().invoke(app, ["stage", "example_gen", f"{here}/toy.yaml", *arguments])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "examples" / "Split-train").is_dir()
    assert (tmp_path / "registry" / "toy" / "runs" / "1" / "example_gen.json").is_file()
    assert not (tmp_path / "file:").exists()
