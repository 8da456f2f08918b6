"""A graph of four real components, small enough to see through."""

import json
from pathlib import Path

from components.core.artifacts import Examples, Model, ModelBlessing, SavedModelExport
from components.core.component import Lineage, Output, Scratch, Summary, component
from components.core.config import Config, InputPath
from components.core.errors import DataError, StoppedError
from components.core.progress import NO_PROGRESS, Progress
from components.core.verdict import Check, Verdict
from pipeline.graph import BlessedBefore, Graph, LatestBlessed

calls: list[str] = []
"""Stages that ran for real, in order; a test clears it."""


class ReadConfig(Config):
    path: InputPath


class TrainConfig(Config):
    factor: int = 2
    fail_with: str = ""


class JudgeConfig(Config):
    at_least: float = 1.0


class PushConfig(Config):
    pass


@component()
def read(*, config: ReadConfig, examples: Output[Examples]) -> Summary:
    calls.append("read")
    text = Path(config.path).read_text(encoding="utf-8")
    if not text:
        raise DataError(f"{config.path}: is empty; add rows")
    (examples.path / "number").write_text(text.strip())
    return {"rows": 1}


@component()
def train(
    *,
    config: TrainConfig,
    examples: Examples,
    initial: Model | None = None,
    model: Output[Model],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    calls.append("train")
    assert scratch is not None
    attempts = scratch.path / "attempts"
    with attempts.open("a") as stream:
        stream.write("x")
    number = float((examples.path / "number").read_text())
    model.config_path.write_text(str(number * config.factor))
    progress.update("step 1", completed=1, total=1)
    match config.fail_with:
        case "disk":
            raise OSError(28, "No space left on device")
        case "bug":
            raise ZeroDivisionError("division by zero")
        case "ctrl-c":
            raise KeyboardInterrupt
        case "stopped once" if attempts.read_text() == "x":
            raise StoppedError("saved")
    told: dict[str, float | int] = {"value": number * config.factor, "attempts": len(attempts.read_text())}
    return told if initial is None else {**told, "initial": float(initial.config_path.read_text())}


@component()
def judge(
    *, config: JudgeConfig, model: Model, baseline: Model | None, blessing: Output[ModelBlessing]
) -> Summary:
    calls.append("judge")
    value = float(model.config_path.read_text())
    checks = [Check.at_least("value", value, config.at_least, f"value {value} is below {config.at_least}")]
    Verdict(checks).write(blessing.verdict_path)
    return {"baseline": None if baseline is None else float(baseline.config_path.read_text())}


@component()
def push(
    *, config: PushConfig, model: Model, pushed: Output[SavedModelExport], lineage: Lineage | None = None
) -> Summary:
    calls.append("push")
    pushed.export_path.write_text("{}" if lineage is None else json.dumps(vars(lineage)))
    return {}


def toy_graph(
    path: str, *, factor: int = 2, at_least: float = 1.0, fail_with: str = "", warm_start: bool = False
) -> Graph:
    graph = Graph()
    data = graph.add(read, ReadConfig(path=path))
    trained = graph.add(
        train,
        TrainConfig(factor=factor, fail_with=fail_with),
        examples=data["examples"],
        initial=BlessedBefore(data["examples"], ModelBlessing, Model) if warm_start else None,
    )
    judged = graph.add(
        judge,
        JudgeConfig(at_least=at_least),
        model=trained["model"],
        baseline=LatestBlessed(trained["model"], ModelBlessing),
    )
    graph.add(push, PushConfig(), gates=(judged["blessing"],), model=trained["model"])
    return graph
