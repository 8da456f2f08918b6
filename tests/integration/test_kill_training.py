"""`kill -9` and SIGTERM while `emotion run` trains, then the same command again: the model is as without them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import pipeline
from components.core.artifacts import Model
from components.modeling.classifier import load_model
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore
from tests.components.toy_corpus import toy_rows

REPOSITORY = Path(pipeline.__file__).parents[1]

# Sends the runner a signal before a step of the training in its worker, counted from 1; step 0 never comes.
PROGRAM = """
import sys

from pipeline.running import worker_process

watch = f"import tests.integration.test_kill_training as kill; kill.signal_at({sys.argv[1]}, {sys.argv[2]!r}); "
worker_process._PROGRAM = worker_process._PROGRAM.replace("from pipeline", watch + "from pipeline", 1)
sys.argv = ["emotion", "run", sys.argv[3], "--to", "trainer"]
from pipeline.cli import main
main()
"""


def signal_at(step: int, name: str) -> None:
    """Has this worker signal its runner before that step."""
    from components.modeling.training.step import TrainingStep

    call, seen = TrainingStep.__call__, 0

    def watched(self: TrainingStep, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == step:
            waiting_for_it = signal.getsignal(signal.SIGTERM)
            os.kill(os.getppid(), getattr(signal, name))
            # It is killed with its runner, or told to stop by it, which the training notices once.
            while signal.getsignal(signal.SIGTERM) is waiting_for_it:
                time.sleep(0.01)
        return call(self, *arguments)

    TrainingStep.__call__ = watched


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for split, rows in {"train": 77, "validation": 30}.items():
        lines = [json.dumps(row) for row in toy_rows(rows, seed=len(split))]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    document = {
        "name": "killed",
        "example_gen": {
            "splits": {"train": "train.jsonl", "validation": "validation.jsonl"},
            "columns": {"id": "id"},
        },
        "example_validator": {"required_splits": ["train", "validation"]},
        "transform": {"encoder": "tiny-random", "max_tokens": 32},
        "trainer": {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "checkpoints": {"every_steps": 2}},
    }
    for root in ("killed", "undisturbed"):
        (tmp_path / f"{root}.yaml").write_text(yaml.safe_dump({**document, "root": root}))
    return tmp_path


def emotion(
    workspace: Path, root: str, step: int = 0, number: str = "SIGKILL"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(step), number, f"{root}.yaml"],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def trained(workspace: Path, root: str) -> tuple[Model, list[dict[str, Any]]]:
    """The model, and its epochs without what measures time."""
    (directory,) = (workspace / root / "trainer" / "model").iterdir()
    model = Model(directory)
    epochs = json.loads(model.history_path.read_text())["epochs"]
    measured = ("examples_per_second", "tokens_per_second", "input_share")
    return model, [{name: value for name, value in epoch.items() if name not in measured} for epoch in epochs]


def test_killed_and_terminated_trainings_go_on(workspace: Path):
    # 10 steps an epoch. Nothing saved yet; 4 steps saved; 4 + 6 are an epoch, then 3 more.
    for step in (2, 6):
        killed = emotion(workspace, "killed", step)
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    terminated = emotion(workspace, "killed", 9, "SIGTERM")
    assert terminated.returncode == 75, terminated.stdout + terminated.stderr
    assert terminated.stderr.splitlines()[-1] == (
        "stopped: trainer: SIGTERM came, the state after step 13 is saved; run the same command again to go on"
    )
    store = MetadataStore(workspace / "killed" / "metadata.sqlite")
    run = store.runs()[0]
    assert (run["state"], store.executions(run["id"])[-1].state) == (State.CANCELED, State.CANCELED)
    store.close()

    again = emotion(workspace, "killed")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "goes on after step 13 of 20" in again.stdout
    assert not (workspace / "killed" / ".scratch" / "trainer").exists()

    assert emotion(workspace, "undisturbed").returncode == 0
    (model, epochs), (expected, expected_epochs) = (
        trained(workspace, root) for root in ("killed", "undisturbed")
    )
    assert epochs == expected_epochs
    for one, other in zip(*(load_model(each).network.weights for each in (model, expected)), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
