"""Trains on a toy corpus in a process of its own: `python -m tests.components.toy_training '<JSON>'`.

The JSON: `prepared` (where `run_transform` wrote), `model` (a directory to write), `settings` (of the Trainer), and, if
wanted, `scratch` (a directory), `logical_cpus` (a number) and `kill_before` (a step of this process, from 1).
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from components.core.artifacts import Model, TransformedExamples, TransformGraph
from components.core.component import Scratch
from components.trainer import TrainerConfig, trainer
from pipeline.interpreter import look_less_for_garbage

REPOSITORY = Path(__file__).parents[2]


def start_training(environment: dict[str, str] | None = None, **arguments: Any) -> subprocess.Popen[str]:
    """Starts this module; its output is one text."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.components.toy_training", json.dumps(arguments, default=str)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _make_logical_cpus(count: int) -> None:
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)


def _kill_before(step: int) -> None:
    from components.modeling.training.step import TrainingStep

    call, seen = TrainingStep.__call__, 0

    def watched(self: TrainingStep, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, *arguments)

    TrainingStep.__call__ = watched  # type: ignore[method-assign]


def main() -> None:
    look_less_for_garbage()
    arguments = json.loads(sys.argv[1])
    if "logical_cpus" in arguments:
        _make_logical_cpus(arguments["logical_cpus"])
    if "kill_before" in arguments:
        _kill_before(arguments["kill_before"])
    prepared, model = Path(arguments["prepared"]), Model(Path(arguments["model"]))
    model.path.mkdir(parents=True, exist_ok=True)
    trainer(
        config=TrainerConfig.model_validate(arguments["settings"]),
        transformed=TransformedExamples(prepared / "transformed"),
        transform_graph=TransformGraph(prepared / "transform_graph"),
        model=model,
        scratch=Scratch(Path(arguments["scratch"])) if "scratch" in arguments else None,
    )


if __name__ == "__main__":
    main()
