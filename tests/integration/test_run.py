"""The whole way: from a file of labelled texts to two published models, by the commands that a person types."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Workspace, run_python

Ran = tuple[Workspace, subprocess.CompletedProcess[str]]
Emotion = Callable[..., subprocess.CompletedProcess[str]]

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


def test_the_summary_and_the_report_tell_the_same_shares(ran: Ran):
    workspace, done = ran
    report = (workspace.directory / "root" / "reports" / "1" / "report.html").read_text(encoding="utf-8")
    shares = re.findall(r"agrees on (.+?) of decisions", done.stdout)
    assert len(shares) == 3
    for share in shares:
        assert f">{share}<" in report


def test_nothing_of_the_libraries_chatter_reaches_the_terminal(ran: Ran):
    _, done = ran
    assert done.stderr == ""
    assert "oneDNN" not in done.stdout


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
    assert (shown.returncode, shown.stderr) == (0, "")
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


def test_serve_answers_rest_and_drains_on_sigterm(ran: Ran):
    workspace, _ = ran
    program = "from pipeline.cli import main; main()"
    log = "request_log_directory=log"
    server = subprocess.Popen(
        [sys.executable, "-c", program, "serve", "--port", "0", "--rest-port", "0", "--", f"--{log}"],
        cwd=workspace.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert server.stdout is not None
    try:
        told = server.stdout.readline()
        url = told.rpartition("REST ")[2].strip()
        body = json.dumps({"instances": ["What a lovely day, ada@example.org!", ""]}).encode()
        with urllib.request.urlopen(f"{url}:predict", data=body, timeout=30) as response:
            predictions = json.load(response)["predictions"]
        assert [len(one["scores"]) for one in predictions] == [28, 28]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        server.stdout.close()
    (logged,) = (workspace.directory / "log").glob("requests-*.jsonl")
    assert json.loads(logged.read_text())["inputs"] == {"text": ["What a lovely day, [EMAIL]!", ""]}


def test_serve_without_a_model_fails_at_once(tmp_path: Path):
    done = Workspace(tmp_path).emotion("serve", "--model", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr


def test_serve_on_a_port_that_is_taken_costs_one_line(ran: Ran):
    workspace, _ = ran
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = workspace.emotion("serve", "--port", "0", "--rest-port", port)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{port} for REST" in line


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
    assert model["max_tokens"] == 32
    assert model["vocabulary_size"] > 100
    assert "##ing" not in json.dumps(model), "the vocabulary is counted, not listed"
    saved = json.loads(workspace.emotion("inspect", "models/small/saved_model/1", "--json").stdout)
    assert "serving_default" in saved["signatures"]


def test_inspect_shows_a_person_what_an_export_holds(ran: Ran):
    workspace, _ = ran
    server = workspace.emotion("inspect", "models/small/saved_model/1").stdout
    assert re.search(r"serving_default +text string \[-1\] *\n +→ labels string \[-1, 28\]", server)
    assert re.search(r"gratitude +0\.\d{3}", server)
    phone = workspace.emotion("inspect", "models/small/tflite/1").stdout
    assert re.search(r"emotion_int8\.tflite +\d+\.\d MB, TensorFlow Lite from [\d.]+ on", phone)
    assert "thresholds.json" in phone
    artifact = workspace.emotion("inspect", "trainer/model/6", "--root", "root").stdout
    assert re.search(r"intact +yes", artifact)
    assert re.search(r"read by +run 1, evaluator, as model", artifact)
    both = workspace.emotion("inspect", "models/small")
    assert both.returncode == 2
    assert "name one, such as models/small/saved_model/1, models/small/tflite/1" in both.stderr


@pytest.mark.parametrize("target", ["saved-model", "tflite"])
def test_export_by_hand(ran: Ran, tmp_path: Path, target: str, emotion_here: Emotion):
    workspace, _ = ran
    out = tmp_path / "out"
    done = emotion_here(workspace.directory, "export", target, str(out), "--root", "root")
    assert done.returncode == 0, done.stderr
    assert (out / "export.json").is_file()
    again = emotion_here(workspace.directory, "export", target, str(out), "--root", "root")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_the_variant_for_a_target_is_chosen_within_limits(ran: Ran, tmp_path: Path, emotion_here: Emotion):
    workspace, _ = ran
    out = tmp_path / "out"
    command = (
        "export",
        "tflite",
        str(out),
        "--root",
        "root",
        "--variant",
        "int8",
        "--variant",
        "int8_vocab90",
    )
    done = emotion_here(
        workspace.directory, *command, "--target", "bertnl", "--max-f1-drop", "1", "--sample", "20"
    )
    assert done.returncode == 1, done.stdout
    assert "bertnl can run none of the candidates int8, int8_vocab90" in done.stderr
    assert "FULLY_CONNECTED version 12 is needed" in " ".join(done.stdout.split())
    assert not out.exists()
    labelled = tmp_path / "mine.csv"
    rows = "I am so happy,joy\nthat is awful,anger\n" * 3
    labelled.write_text(f"text,labels\n{rows}", encoding="utf-8")
    limits = ("--max-size-mb", "50", "--max-f1-drop", "1")
    done = emotion_here(workspace.directory, *command, *limits, "--validation", str(labelled))
    assert done.returncode == 0, done.stderr
    assert [file.name for file in out.glob("*.tflite")] == ["emotion_int8_vocab90.tflite"]
    assert json.loads((out / "choice.json").read_text())["chosen"] == "int8_vocab90"
    assert "texts of validation" in " ".join(done.stdout.split())


def test_a_model_under_the_threshold_is_not_pushed(ran: Ran):
    workspace, _ = ran
    workspace.write_config(
        evaluator={"thresholds": {"macro_f1": 0.99}}, pusher={"destination": "models/refused"}
    )
    try:
        done = workspace.emotion("run", "emotion.yaml")
        to_the_gate = workspace.emotion("run", "emotion.yaml", "--to", "evaluator")
    finally:
        workspace.write_config()
    assert done.returncode == 3, done.stderr
    assert "not blessed" in done.stdout
    assert (to_the_gate.returncode, "Stopped: not blessed" in to_the_gate.stdout) == (3, True)
    assert not (workspace.directory / "models" / "refused").exists()
    assert "macro-F1 is 0" in done.stdout
    assert "below the required 0.990" in done.stdout
    newest = json.loads(workspace.emotion("inspect", "--root", "root", "--json").stdout)[0]["id"]
    run = str(newest)
    assert "below the required 0.990" in workspace.emotion("inspect", run, "--root", "root").stdout
    changed = workspace.emotion("compare", "1", f"root:{run}", "--root", "root", "--html", "compared.html")
    assert changed.returncode == 0, changed.stderr
    for said in (
        "differences are paired",
        "evaluator.thresholds.macro_f1",
        "the same to the byte",
        "not blessed",
    ):
        assert said in changed.stdout
    assert "What changed from run 1" in (workspace.directory / "compared.html").read_text(encoding="utf-8")
    compared = json.loads(workspace.emotion("compare", "root:1", "root", "--json").stdout)
    assert compared["heads"][0]["flips"]["changed"] == 0
    assert [row["check"] for row in compared["verdict"]["checks"]] == ["macro_f1"]
    nothing = workspace.emotion("compare", "1", "999", "--root", "root")
    assert nothing.returncode == 2
    assert "there is no run 999" in nothing.stderr
