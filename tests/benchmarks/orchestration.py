"""What a stage costs beside its work: an empty chain of eleven stages here, in Metaflow and in kfp.local.

Every figure is the wall and CPU time of a whole command, in a process of its own, from nothing to eleven stages that
have run and left an artifact each; the orchestrators take turns. Of ours it also says what a stage costs within the
run, and what an unchanged second run costs. With `--config` it also times an unchanged run of a configuration that has
been run, which must import no TensorFlow, and `emotion --help`.

The peers live in environments of their own (`pip install metaflow`, `pip install kfp`) and are skipped without them.

    python -m tests.benchmarks.orchestration [--metaflow PYTHON] [--kfp PYTHON] [--config CONFIG] [--rounds 5]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

STAGES = 11

OURS = """
import json, sys, time
from pathlib import Path
from pipeline.artifact_storage import ArtifactStorage
from pipeline.local_runner import LocalRunner
from pipeline.metadata.store import MetadataStore
from pipeline.running.runner_config import RunnerConfig
from tests.pipeline.light_stages import chain

storage = ArtifactStorage(sys.argv[1])
storage.prepare()
store = MetadataStore(storage.metadata_path)
runner = LocalRunner(storage, store, settings=RunnerConfig(workers=int(sys.argv[2])))
started = time.perf_counter()
result = runner.run(chain(), pipeline="empty", config="{}")
print(json.dumps([time.perf_counter() - started, sorted({str(each.state) for each in result.stages.values()})]))
"""

METAFLOW = """
from metaflow import FlowSpec, step

class Empty(FlowSpec):
    @step
    def start(self):
        self.made = "0"
        self.next(self.stage_1)
{steps}
    @step
    def end(self):
        self.made += "x"

if __name__ == "__main__":
    Empty()
"""

METAFLOW_STEP = """
    @step
    def stage_{number}(self):
        self.made += "x"
        self.next(self.{after})
"""

KFP = """
import sys
from kfp import dsl, local

@dsl.component(install_kfp_package=False)
def stage(before: str, made: dsl.Output[dsl.Artifact]) -> str:
    with open(made.path, "w") as stream:
        stream.write(before + "x")
    return before + "x"

@dsl.pipeline
def empty():
    told = "0"
    for _ in range({stages}):
        told = stage(before=told).outputs["Output"]

local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
empty()
"""

COMMAND = """
import sys
from pipeline.cli import main

sys.argv[0] = "emotion"
try:
    main()
finally:
    print("tensorflow" in sys.modules)
"""


@dataclass(frozen=True)
class Cost:
    """Of one command with the processes that it waited for."""

    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metaflow", type=Path, help="interpreter of an environment with Metaflow")
    parser.add_argument("--kfp", type=Path, help="interpreter of an environment with kfp")
    parser.add_argument("--config", type=Path, help="configuration that has been run, to run again unchanged")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    contenders: dict[str, Callable[[Path], Cost]] = {
        "ours, in process": lambda directory: run_ours(directory, workers=0),
        "ours, one worker": lambda directory: run_ours(directory, workers=1),
        "ours, two workers": lambda directory: run_ours(directory, workers=2),
        "ours, unchanged": run_ours_again,
    }
    if arguments.metaflow is not None:
        contenders["Metaflow"] = lambda directory: run_metaflow(directory, arguments.metaflow)
    if arguments.kfp is not None:
        contenders["kfp.local"] = lambda directory: run_kfp(directory, arguments.kfp)
    times: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, run in contenders.items():
            with tempfile.TemporaryDirectory(prefix="orchestration-") as directory:
                times[name].append(run(Path(directory)))
    for name, costs in times.items():
        work = statistics.median(cost.cpu_s for cost in costs)
        report(name, [cost.wall_s for cost in costs], f", {work:.2f} CPU s")
    for workers, within in WITHIN.items():
        report(f"ours, within a run, {workers} workers", within)
    if arguments.config is not None:
        report_commands(arguments.config, arguments.rounds)


WITHIN: dict[int, list[float]] = {}
"""Seconds of `LocalRunner.run` by the number of workers."""


def run_ours(directory: Path, *, workers: int) -> Cost:
    cost, told = timed([sys.executable, "-c", OURS, str(directory / "root"), str(workers)])
    within, states = json.loads(told)
    assert states == ["COMPLETE"], states
    WITHIN.setdefault(workers, []).append(within)
    return cost


def run_ours_again(directory: Path) -> Cost:
    command = [sys.executable, "-c", OURS, str(directory / "root"), "1"]
    timed(command)
    cost, told = timed(command)
    assert json.loads(told)[1] == ["CACHED"], told
    return cost


def run_metaflow(directory: Path, interpreter: Path) -> Cost:
    names = [f"stage_{number}" for number in range(1, STAGES - 1)] + ["end"]
    steps = "".join(
        METAFLOW_STEP.format(number=number, after=names[number]) for number in range(1, STAGES - 1)
    )
    (directory / "flow.py").write_text(METAFLOW.format(steps=steps))
    own = {
        "METAFLOW_USER": "tester",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(directory),
        "METAFLOW_DEFAULT_METADATA": "local",
    }
    cost, told = timed([str(interpreter), "flow.py", "run"], directory, own)
    assert told.count("Task finished successfully") == STAGES, told
    return cost


def run_kfp(directory: Path, interpreter: Path) -> Cost:
    (directory / "empty.py").write_text(KFP.format(stages=STAGES))
    command = [str(interpreter), "empty.py", str(directory / "root")]
    cost, _ = timed(command, directory, {"PATH": f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}"})
    made = [path for path in (directory / "root").rglob("made") if path.is_file()]
    assert len(made) == STAGES, made
    return cost


def timed(
    command: Sequence[str], directory: Path | None = None, own: dict[str, str] | None = None
) -> tuple[Cost, str]:
    started, used = time.perf_counter(), cpu_s()
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **(own or {})}, capture_output=True, text=True, check=False
    )
    cost = Cost(time.perf_counter() - started, cpu_s() - used)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return cost, done.stdout


def cpu_s() -> float:
    """Of all commands so far, with the processes that they started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(name: str, walls: Sequence[float], more: str = "") -> None:
    middle = statistics.median(walls)
    spread = f"({min(walls):.2f} to {max(walls):.2f})"
    print(f"{name:<32} {middle:7.2f} s {spread}, {1000 * middle / STAGES:8.1f} ms a stage{more}")


def report_commands(config: Path, rounds: int) -> None:
    """Whole commands that a person waits for."""
    for arguments in (["run", str(config)], ["--help"]):
        walls = []
        for _ in range(rounds):
            cost, told = timed([sys.executable, "-c", COMMAND, *arguments])
            assert told.splitlines()[-1] == "False", "TensorFlow was imported"
            assert arguments[0] != "run" or told.count(" cached ") == STAGES, told
            walls.append(cost.wall_s)
        middle = statistics.median(walls)
        print(f"emotion {' '.join(arguments):<24} {middle:7.2f} s ({min(walls):.2f} to {max(walls):.2f})")


if __name__ == "__main__":
    main()
