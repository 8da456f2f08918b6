"""Eleven components that cost nothing, named after their place; what one does besides writing is in its config."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from components.core.artifacts import Examples
from components.core.component import Component, Output, Summary, component
from components.core.config import Config
from components.core.errors import DataError, StoppedError
from components.core.progress import NO_PROGRESS, Progress
from pipeline.graph import Graph

COUNT = 11


class LightConfig(Config):
    act: str = ""
    notes: str = ""
    """Directory in which a stage leaves what a test wants to know."""

    seconds: float = 0.0
    files: int = 1


def _make(name: str) -> Component:
    def stage(
        *,
        config: LightConfig,
        left: Examples | None,
        right: Examples | None,
        made: Output[Examples],
        progress: Progress = NO_PROGRESS,
    ) -> Summary:
        read = "".join(_text(each) for each in (left, right) if each is not None)
        for number in range(config.files):
            told = hashlib.sha256(f"{name} {number} {read}".encode()).hexdigest()
            (made.path / f"part-{number}").write_text(told)
            progress.update(f"part {number}", completed=number + 1, total=config.files)
        if config.act:
            _ACTS[config.act](name, config)
        time.sleep(config.seconds)
        return {"process": os.getpid()}

    stage.__name__ = stage.__qualname__ = name
    return component()(stage)


def _text(examples: Examples) -> str:
    return "".join(file.read_text() for file in sorted(examples.path.iterdir()))


def note(config: LightConfig, name: str, text: object) -> None:
    with (Path(config.notes) / name).open("a") as stream:
        stream.write(f"{text}\n")


def _flaky(name: str, config: LightConfig) -> None:
    note(config, name, time.monotonic())
    if len((Path(config.notes) / name).read_text().split()) < 3:
        raise RuntimeError("the bucket cannot be reached") from ConnectionResetError("reset by peer")


def _hold_memory(name: str, config: LightConfig) -> None:
    held = bytearray(300 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(config.seconds)


def _use_child(name: str, config: LightConfig) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(config, "processes", os.getpid())
    note(config, "processes", child.pid)
    time.sleep(600)


def _save(name: str, config: LightConfig) -> None:
    """As the Trainer does: SIGTERM only asks, the state is saved, then it stops."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    note(config, "ready", name)
    while not came:
        time.sleep(0.01)
    signal.signal(signal.SIGTERM, before)
    raise StoppedError("saved")


def _wait(name: str, config: LightConfig) -> None:
    note(config, "ready", name)
    time.sleep(600)


def _mistake(name: str, config: LightConfig) -> None:
    note(config, name, "called")
    raise DataError("the file is empty; add rows")


def _chatter(name: str, config: LightConfig) -> None:
    print("told to stdout")
    os.write(2, b"told by C++\n")


def _leave(name: str, config: LightConfig) -> None:
    note(config, "left", tempfile.mkdtemp())


_ACTS = {
    "killed": lambda name, config: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda name, config: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda name, config: os._exit(3),
    "bug": lambda name, config: 1 // 0,
    "flaky": _flaky,
    "hold memory": _hold_memory,
    "child": _use_child,
    "save": _save,
    "wait": _wait,
    "mistake": _mistake,
    "chatter": _chatter,
    "leave": _leave,
}

STAGES = tuple(_make(f"stage_{number}") for number in range(COUNT))
globals().update({each.spec.name: each for each in STAGES})


def chain(count: int = COUNT, **configs: LightConfig) -> Graph:
    """Each stage reads the one before it."""
    graph, before = Graph(), None
    for stage in STAGES[:count]:
        config = configs.get(stage.spec.name, LightConfig())
        before = graph.add(stage, config, left=before)["made"]
    return graph


def diamond(**configs: LightConfig) -> Graph:
    """`stage_0`, then `stage_1` and `stage_2` side by side, then `stage_3`, which reads both."""
    first, second, third, fourth = STAGES[:4]
    graph = Graph()

    def settings(stage: Component) -> LightConfig:
        return configs.get(stage.spec.name, LightConfig())

    source = graph.add(first, settings(first))["made"]
    left = graph.add(second, settings(second), left=source)["made"]
    right = graph.add(third, settings(third), left=source)["made"]
    graph.add(fourth, settings(fourth), left=left, right=right)
    return graph
