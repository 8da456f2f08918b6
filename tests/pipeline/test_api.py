import json
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from components.core.artifacts import Examples
from components.core.errors import GraphError, StageError, UserError
from pipeline.api import report_path
from pipeline.artifact_storage import ArtifactStorage
from pipeline.commands.statistics_page import write_statistics_page
from pipeline.comparison.recorded_run import find_run
from pipeline.config import PipelineConfig, parse_config
from pipeline.local_runner import RunResult
from pipeline.metadata.records import State


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    rows = [json.dumps({"text": f"text number {row}", "labels": ["joy"]}) for row in range(40)]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return parse_config(
        {
            "name": "small",
            "root": str(tmp_path / "root"),
            "example_gen": {"source": str(tmp_path / "texts.jsonl")},
        }
    )


def pages_of(config: PipelineConfig, result: RunResult) -> list[str]:
    directory = report_path(ArtifactStorage(config.root), result).parent
    return sorted(path.name for path in directory.iterdir() if path.suffix != ".log")


def test_the_page_about_the_data_is_beside_the_report_of_every_run_that_has_statistics(config):
    first = pipeline.run(config, to="example_gen")
    assert pages_of(config, first) == ["report.html"]
    second = pipeline.run(config, to="statistics_gen")
    assert pages_of(config, second) == ["report.html", "statistics.html"]
    third = pipeline.run(config, to="statistics_gen")
    assert third.stages["statistics_gen"].state is State.CACHED
    assert pages_of(config, third) == ["report.html", "statistics.html"]


def test_the_page_can_be_written_anew(config, capsys):
    result = pipeline.run(config, to="statistics_gen")
    page = report_path(ArtifactStorage(config.root), result).with_name("statistics.html")
    before = page.read_text(encoding="utf-8")
    page.unlink()
    program = [sys.executable, "-c", "from pipeline.cli import main; main()"]
    done = subprocess.run(
        [*program, "inspect", "statistics", "--root", config.root, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"page": str(page)}
    after = page.read_text(encoding="utf-8")
    assert after.partition("<main>")[2] == before.partition("<main>")[2]


def test_artifacts_apart_from_their_store_are_found_from_any_directory(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    apart = config.model_copy(update={"root": "artifacts/small", "work_dir": "work/small"})
    pipeline.run(apart, to="example_gen")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    examples = find_run(f"{tmp_path}/work/small:1", None).artifact(Examples)
    assert examples is not None
    assert examples.path == tmp_path / "artifacts/small/example_gen/examples/1"
    assert examples.labels() == ("joy",)


def test_a_root_that_holds_its_store_may_be_moved(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipeline.run(config.model_copy(update={"root": "small"}), to="example_gen")
    moved = (tmp_path / "small").rename(tmp_path / "moved")
    examples = find_run(f"{moved}:1", None).artifact(Examples)
    assert examples is not None
    assert examples.path == moved / "example_gen/examples/1"


def test_a_stage_that_comes_after_the_last_one_cannot_be_the_first(config):
    with pytest.raises(
        GraphError, match="evaluator is no part of a run to statistics_gen, which needs example_gen"
    ):
        pipeline.run(config, since="evaluator", to="statistics_gen")
    with pytest.raises(GraphError, match="no stage is called 'evaluater'"):
        pipeline.run(config, since="evaluater", to="statistics_gen")


def test_a_root_without_statistics_says_what_to_run(config):
    pipeline.run(config, to="example_gen")
    with pytest.raises(UserError, match="--to statistics_gen"):
        write_statistics_page(Path(config.root))


def test_a_report_that_cannot_be_drawn_does_not_hide_that_the_run_is_complete(config, monkeypatch):
    def broken(record: object) -> str:
        raise ZeroDivisionError("no rows")

    monkeypatch.setattr("pipeline.report.render_report", broken)
    with pytest.raises(
        StageError, match=r"cannot be drawn \(ZeroDivisionError: no rows; .*is complete"
    ) as error:
        pipeline.run(config, to="example_gen")
    assert Path(error.value.args[0].partition(": ")[0]).parent.parent.is_dir()
    monkeypatch.undo()
    assert pipeline.run(config, to="example_gen").stages["example_gen"].state is State.CACHED
