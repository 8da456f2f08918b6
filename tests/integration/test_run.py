"""The whole way: from a file of labelled texts to two published models, by the commands that a person types."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import Workspace, run_python

Ran = tuple[Workspace, subprocess.CompletedProcess[str]]

STAGES = (
    "example_gen",
    "statistics_gen",
    "schema_gen",
    "example_validator",
    "transform",
    "trainer",
    "evaluator",
    "saved_model_exporter",
    "tflite_exporter",
    "infra_validator",
    "pusher",
)


def test_every_stage_runs_and_the_model_is_pushed(ran: Ran):
    workspace, done = ran
    assert done.returncode == 0, done.stdout + done.stderr
    for number, stage in enumerate(STAGES, start=1):
        assert f"{number:>2}/11 {stage}" in done.stdout
    models = workspace.directory / "models" / "small"
    assert (models / "saved_model" / "1" / "saved_model.pb").is_file()
    assert sorted(path.name for path in (models / "tflite" / "1").glob("*.tflite")) == [
        "emotion_float32.tflite",
        "emotion_int8.tflite",
    ]


def test_the_summary_says_what_a_person_wants_to_know(ran: Ran):
    _, done = ran
    for said in ("macro-F1", "blessed", "MB", "ms", "report.html", "emotion predict", "emotion serve"):
        assert said in done.stdout, done.stdout


def test_nothing_of_the_libraries_chatter_reaches_the_terminal(ran: Ran):
    _, done = ran
    assert done.stderr == ""
    assert "WARNING" not in done.stdout


def test_the_report_is_one_file_that_warns_of_the_random_encoder(ran: Ran):
    workspace, _ = ran
    report = (workspace.directory / "root" / "reports" / "1" / "report.html").read_text(encoding="utf-8")
    assert "tiny-random" in report
    assert 'src="http' not in report
    assert 'href="http' not in report


def test_an_unchanged_rerun_executes_nothing_and_loads_no_tensorflow(ran: Ran):
    workspace, _ = ran
    program = (
        "import sys, pipeline\n"
        "result = pipeline.run('emotion.yaml')\n"
        "print({stage.state.value for stage in result.stages.values()}, 'tensorflow' in sys.modules, "
        "'apache_beam' in sys.modules)"
    )
    done = run_python(["-c", program], workspace.directory)
    assert done.stdout.strip() == "{'CACHED'} False False", done.stderr


def test_validate_runs_the_data_stages_only(ran: Ran):
    workspace, _ = ran
    done = workspace.emotion("validate", "emotion.yaml")
    assert done.returncode == 0, done.stderr
    assert "4/4 example_validator" in done.stdout


def test_predict_reads_arguments_stdin_and_files(ran: Ran, tmp_path: Path):
    workspace, _ = ran
    shown = workspace.emotion("predict", "What a lovely day!")
    assert shown.returncode == 0, shown.stderr
    assert "What a lovely day!" in shown.stdout

    piped = workspace.emotion("predict", "--json", stdin="one\n\ntwo\n")
    rows = [json.loads(line) for line in piped.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["one", "two"]
    assert len(rows[0]["scores"]) == 28

    (tmp_path / "texts.txt").write_text("one\n", encoding="utf-8")
    phone = workspace.emotion("predict", "--tflite", "--json", "--file", str(tmp_path / "texts.txt"))
    (row,) = [json.loads(line) for line in phone.stdout.splitlines()]
    differences = [abs(row["scores"][label] - score) for label, score in rows[0]["scores"].items()]
    assert max(differences) < 0.05


def test_inspect_shows_runs_stages_and_files(ran: Ran):
    workspace, _ = ran
    runs = json.loads(workspace.emotion("inspect", "runs", "--root", "root", "--json").stdout)
    assert runs[-1]["state"] == "COMPLETE"
    stages = json.loads(workspace.emotion("inspect", "1", "--root", "root", "--json").stdout)
    assert [stage["stage"] for stage in stages] == list(STAGES)
    model = json.loads(
        workspace.emotion("inspect", "models/small/tflite/1/emotion_int8.tflite", "--json").stdout
    )
    assert len(model["labels"]) == 28
    saved = json.loads(workspace.emotion("inspect", "models/small/saved_model/1", "--json").stdout)
    assert "serving_default" in saved["signatures"]


@pytest.mark.parametrize("target", ["saved-model", "tflite"])
def test_export_by_hand(ran: Ran, tmp_path: Path, target: str):
    workspace, _ = ran
    out = tmp_path / "out"
    done = workspace.emotion("export", target, str(out), "--root", "root")
    assert done.returncode == 0, done.stderr
    assert (out / "export.json").is_file()
    again = workspace.emotion("export", target, str(out), "--root", "root")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_a_model_under_the_threshold_is_not_pushed(ran: Ran):
    workspace, _ = ran
    workspace.write_config(
        evaluator={"thresholds": {"macro_f1": 0.99}}, pusher={"destination": "models/refused"}
    )
    try:
        done = workspace.emotion("run", "emotion.yaml")
    finally:
        workspace.write_config()
    assert done.returncode == 3, done.stderr
    assert "not blessed" in done.stdout
    assert not (workspace.directory / "models" / "refused").exists()
