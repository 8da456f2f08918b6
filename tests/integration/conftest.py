"""One small pipeline that really runs: an untrained two-layer encoder on texts of the starter corpus."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline

STARTER_CORPUS = Path(pipeline.__file__).parent / "data" / "starter" / "starter.jsonl"


@dataclass(frozen=True)
class Workspace:
    """A directory in which `emotion` is called as a person would call it."""

    directory: Path

    @property
    def config_path(self) -> Path:
        return self.directory / "emotion.yaml"

    def write_config(self, **changes: Any) -> None:
        """Writes the configuration; a value in `changes` replaces a whole section's keys of the same name."""
        document = small_config()
        for section, values in changes.items():
            if isinstance(values, dict):
                document[section] = {**document.get(section, {}), **values}
            else:
                document[section] = values
        self.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def emotion(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the console script in a process of its own."""
        return run_python(["-c", "from pipeline.cli import main; main()", *arguments], self.directory, stdin)


def small_config() -> dict[str, Any]:
    return {
        "name": "small",
        "root": "root",
        "example_gen": {"source": "texts.jsonl", "columns": {"id": "id", "slices": ["register"]}},
        "transform": {"encoder": "tiny-random", "max_tokens": 32},
        "trainer": {"epochs": 1, "batch_size": 32},
        "evaluator": {"thresholds": {"macro_f1": 0.0}, "bootstrap_resamples": 100},
        "infra_validator": {"rows": 40},
        "pusher": {"destination": "models/small"},
    }


def run_python(
    arguments: Sequence[str], directory: Path, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "default", "COLUMNS": "120", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def starter_rows(count: int) -> list[dict[str, Any]]:
    with STARTER_CORPUS.open(encoding="utf-8") as stream:
        return [json.loads(line) for line, _ in zip(stream, range(count), strict=False)]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, subprocess.CompletedProcess[str]]:
    """A workspace in which the pipeline has run once, and what that run printed."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    lines = [json.dumps(row) for row in starter_rows(600)]
    (workspace.directory / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    workspace.write_config()
    return workspace, workspace.emotion("run", "emotion.yaml")


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace with a configuration and no data."""
    workspace = Workspace(tmp_path)
    workspace.write_config()
    return workspace
