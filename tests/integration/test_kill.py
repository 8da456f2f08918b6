"""`kill -9` in every data stage, then the same command again: what comes out is what an undisturbed run writes.

`tests/benchmarks/crash_matrix.py` does the same hundreds of times.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

import pipeline
from components.core.filesystem import content_digest
from pipeline.config import load_config
from tests.components.toy_corpus import toy_rows

REPOSITORY = Path(pipeline.__file__).parents[1]

MOMENTS = (
    ("runner", "examples", "write", 1),
    ("worker", "examples", "write", 8),
    ("worker", "examples", "publish", 1),
    ("runner", "examples", "published", 1),
    ("worker", "statistics", "write", 2),
    ("runner", "statistics", "published", 1),
    ("worker", "schema", "start", 1),
    ("runner", "schema", "publish", 1),
    ("runner", "anomalies", "write", 1),
    ("worker", "anomalies", "published", 1),
    ("runner", "transformed", "write", 3),
    ("worker", "transform_graph", "published", 1),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for number in range(2):
        rows = [f"{row['text']},{'|'.join(row['labels'])}" for row in toy_rows(60, seed=number)]
        rows += ["a text without a label,"] if number == 1 else []
        (tmp_path / f"texts-{number}.csv").write_text("\n".join(["text,labels", *rows]) + "\n")
    document = {
        "name": "killed",
        "root": "killed",
        "example_gen": {"source": "*.csv", "separator": "|", "max_dead_letter_share": 0.1},
        "transform": {"encoder": "tiny-random", "max_tokens": 32},
    }
    (tmp_path / "emotion.yaml").write_text(yaml.safe_dump(document))
    return tmp_path


def emotion(workspace: Path, *program: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
    command = [sys.executable, *program]
    return subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def digests(workspace: Path, root: str) -> Mapping[str, str]:
    """Of every output of the data stages, by stage and output; runs what is not there yet."""
    config = load_config(workspace / "emotion.yaml").model_copy(update={"root": str(workspace / root)})
    result = pipeline.run(config, to="transform")
    return {
        f"{stage}/{name}": content_digest(str(artifact.path))
        for stage, done in result.stages.items()
        for name, artifact in done.outputs.items()
    }


def test_killed_at_any_moment_and_started_again(workspace: Path):
    run = ("run", "emotion.yaml", "--to", "transform")
    for moment in MOMENTS:
        killed = emotion(workspace, "-m", "tests.killing", *map(str, moment), *run)
        if moment[0] == "runner":
            assert killed.returncode == -signal.SIGKILL, f"{moment}: {killed.stdout}{killed.stderr}"
        else:
            assert killed.returncode == 1, f"{moment}: {killed.stdout}{killed.stderr}"
            assert "its process was killed by SIGKILL" in killed.stderr
    again = emotion(workspace, "-c", "from pipeline.cli import main; main()", *run)
    assert again.returncode == 0, again.stdout + again.stderr
    assert not list((workspace / "killed" / ".staging").glob("*/*"))

    undisturbed = digests(workspace, "undisturbed")
    assert len(undisturbed) == 6
    assert digests(workspace, "killed") == undisturbed
