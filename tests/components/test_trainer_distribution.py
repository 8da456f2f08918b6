"""Devices that share every step train as one device does with the same global batch."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Model
from tests.components.toy_corpus import run_transform, toy_examples
from tests.components.toy_training import start_training

# Without dropout, whose masks differ between devices. The last batch is not full, and is odd.
SETTINGS = {
    "epochs": 2,
    "batch_size": 16,
    "learning_rate": 2e-3,
    "precision": "float32",
    "dropout": 0.0,
    "encoder_dropout": 0.0,
    "early_stopping": {"patience": None},
}
HALF = {**SETTINGS, "batch_size": 8}
TIMEOUT_S = 600


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prepared")
    run_transform(directory, toy_examples(directory, train=4 * 16 - 3, validation=40))
    return directory


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def _end(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("alone")
    _end(start_training(prepared=prepared, model=model, settings=SETTINGS))
    return model


def _losses(model: Path) -> list[float]:
    history = json.loads(Model(model).history_path.read_text())
    return [value for epoch in history["epochs"] for value in (epoch["loss"], epoch["validation_loss"])]


def _assert_equal(model: Path, alone: Path) -> None:
    assert _losses(model) == pytest.approx(_losses(alone), rel=1e-5)


def test_gradient_accumulation(prepared: Path, alone: Path, tmp_path: Path) -> None:
    settings = {**HALF, "batching": {"gradient_accumulation": 2}}
    _end(start_training(prepared=prepared, model=tmp_path, settings=settings))
    _assert_equal(tmp_path, alone)


def test_two_devices(prepared: Path, alone: Path, tmp_path: Path) -> None:
    settings = {**HALF, "distribution": "mirrored"}
    _end(start_training(prepared=prepared, model=tmp_path, settings=settings, logical_cpus=2))
    _assert_equal(tmp_path, alone)


def test_two_devices_regularize_as_one(prepared: Path, tmp_path: Path) -> None:
    regularization = {"ema": {"decay": 0.9}, "adversarial": {"steps": 2}, "r_drop": {}}
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    settings = {"regularization": regularization, "epochs": 1}
    _end(start_training(prepared=prepared, model=alone, settings={**SETTINGS, **settings}))
    both = {**HALF, **settings, "distribution": "mirrored"}
    _end(start_training(prepared=prepared, model=shared, settings=both, logical_cpus=2))
    _assert_equal(shared, alone)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start_workers(directory: Path, prepared: Path, **arguments: Any) -> list[subprocess.Popen[str]]:
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(2)]
    return [
        start_training(
            {
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
                )
            },
            prepared=prepared,
            model=directory / f"worker-{index}",
            scratch=directory / f"scratch-{index}",
            settings={**HALF, "checkpoints": {"every_steps": 3}},
            **arguments,
        )
        for index in range(2)
    ]


def test_two_workers_that_are_killed_and_started_again(
    prepared: Path, alone: Path, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    processes += _start_workers(tmp_path, prepared, kill_before=6)
    # The first to die may take the other with it by an error of its own.
    codes = [process.wait(TIMEOUT_S) for process in processes]
    assert -signal.SIGKILL in codes
    assert 0 not in codes
    assert sorted(path.name for path in (tmp_path / "scratch-0" / "checkpoints").iterdir()) == [
        "step-000000003",
        "step-000000004",
    ]
    assert not (tmp_path / "scratch-1" / "checkpoints").exists(), "only the chief writes"

    again = _start_workers(tmp_path, prepared)
    processes += again
    for process in again:
        _end(process)
    for index in range(2):
        _assert_equal(tmp_path / f"worker-{index}", alone)
