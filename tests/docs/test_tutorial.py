"""The tutorial, typed command by command as it stands there, with two hundred rows in place of the reader's own."""

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, commands
from tests.integration.conftest import Workspace, starter_rows

_LABELS = ("gratitude", "anger", "fear", "curiosity")
_ROWS_OF_A_LABEL = 60


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which a reader's `reviews.csv` lies."""
    workspace = Workspace(tmp_path_factory.mktemp("tutorial"))
    with (workspace.directory / "reviews.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "labels"])
        left = dict.fromkeys(_LABELS, _ROWS_OF_A_LABEL)
        for row in starter_rows(7000):
            (label, *others) = row["labels"]
            if not others and left.get(label, 0):
                left[label] -= 1
                writer.writerow([row["text"], label])
    return workspace


def test_the_tutorial_works(typed: Workspace):
    tutorial = [words for block in blocks(ROOT / "docs" / "tutorial.md") for words in commands(block)]
    asked, compared = 0, False
    for program, *arguments in tutorial:
        if program == "emotion" and arguments == ["serve"]:
            continue
        if program == "curl":
            with served(typed.directory) as address:
                answer = posted(arguments[1], arguments[2].replace("http://127.0.0.1:8501", address))
            assert answer["predictions"][0]["labels"]
            asked += 1
        elif program == "emotion":
            if arguments[0] == "compare":
                run_again_with_another_bar(typed)
                compared = True
            done = typed.emotion(*arguments)
            assert done.returncode == 0, f"emotion {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    assert asked == 1
    assert compared
    for file in (
        "models/reviews/tflite/1/emotion_int8.tflite",
        "runs/reviews/reports/1/report.html",
        "audit.csv",
    ):
        assert (typed.directory / file).is_file()


def test_the_component_of_the_how_to_is_a_stage(typed: Workspace):
    """Its code blocks, one after the other, as a script; stages that ran for the tutorial are taken from the cache."""
    if not (typed.directory / "emotion.yaml").exists():
        assert typed.emotion("init", "reviews.csv").returncode == 0
    own = [block.text for block in blocks(ROOT / "docs" / "own-component.md") if block.language == "python"]
    (typed.directory / "own.py").write_text("\n".join(own), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "own.py"],
        cwd=typed.directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    labels = json.loads((Path(done.stdout.strip().splitlines()[-1]) / "labels.json").read_text("utf-8"))
    assert labels.keys() == set(_LABELS)
    assert all(20 <= count <= _ROWS_OF_A_LABEL for count in labels.values())


def run_again_with_another_bar(workspace: Workspace) -> None:
    text = workspace.config_path.read_text(encoding="utf-8")
    assert "macro_f1: 0.3" in text
    workspace.config_path.write_text(text.replace("macro_f1: 0.3", "macro_f1: 0.31"), encoding="utf-8")
    done = workspace.emotion("run", "emotion.yaml", "--to", "evaluator")
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """`emotion serve` on free ports; its REST address."""
    serve = ["-c", "from pipeline.cli import main; main()", "serve", "--port", "0", "--rest-port", "0"]
    process = subprocess.Popen(
        [sys.executable, *serve],
        cwd=directory,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        yield told.rpartition("REST ")[2].strip().partition("/v1")[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        process.stdout.close()


def posted(body: str, url: str) -> dict[str, list[dict[str, object]]]:
    with urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=60) as response:
        answer: dict[str, list[dict[str, object]]] = json.load(response)
    return answer
