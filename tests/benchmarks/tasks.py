"""What the configurations of the tasks reach, each trained and judged here and now, in one table.

    python -m tests.benchmarks.tasks [--only emobank sentfin …] [--shared-data DIR]

Trains into `runs/` of the working directory; what was trained with the same settings is taken from there. About two
hours on two cores. Exit code 1 if a bar is missed.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

import pipeline
from components.core.artifacts import ModelEvaluation
from pipeline.config import PipelineConfig, parse_config
from pipeline.console import ConsoleObserver

CONFIGS = Path(pipeline.__file__).parent / "configs"


@dataclass(frozen=True)
class Case:
    """One configuration.

    Attributes:
        name: what the table calls it.
        file: the configuration.
        metric: what is stated of it, by the name in `metrics.json`.
        bar: lowest value; None to state it only.
        changes: settings in place of the file's, section by section.
        seeds: trainings of it, with the seeds from 0 on; their mean is stated.
    """

    name: str
    file: str
    metric: str
    bar: float | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seeds: int = 1


CASES = (
    Case("EmoBank, valence, arousal, dominance", "emobank", "pearson", 0.60),
    Case("SEntFiN, entity before headline", "sentfin", "macro_f1", 0.80),
    Case(
        "SEntFiN, headlines whose entities agree",
        "sentfin",
        "macro_f1",
        changes={
            "example_gen": {"nested": None, "columns": {"id": "id", "text": "text", "labels": "label"}},
            "transform": {"segments": 1},
        },
    ),
    Case("EmoryNLP, three turns before", "emorynlp", "weighted_f1", seeds=3),
    Case(
        "EmoryNLP, no context",
        "emorynlp",
        "weighted_f1",
        changes={
            "example_gen": {"nested": {"column": "turns", "context_rows": 0}},
            "transform": {"segments": 1},
        },
        seeds=3,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--only", nargs="+", choices=sorted({case.file for case in CASES}))
    arguments = parser.parse_args()
    os.environ["EMOTION_SHARED_DATA"] = str(arguments.shared_data.resolve())

    chosen = [case for case in CASES if arguments.only is None or case.file in arguments.only]
    figures = {case.name: [measure(case, seed) for seed in range(case.seeds)] for case in chosen}
    Console().print(table(chosen, figures))
    if list(missed(chosen, figures)):
        sys.exit(1)


def measure(case: Case, seed: int) -> Mapping[str, Any]:
    """Trains, and returns what `metrics.json` says of the only head."""
    with ConsoleObserver(Console(stderr=True)) as observer:
        result = pipeline.run(configured(case, seed), to="evaluator", observer=observer)
    evaluation = result.stages["evaluator"].outputs["evaluation"]
    assert isinstance(evaluation, ModelEvaluation)
    return evaluation.metrics()


def configured(case: Case, seed: int) -> PipelineConfig:
    """The configuration file with the changes of the case and a seed."""
    path = CONFIGS / f"{case.file}.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, settings in case.changes.items():
        document[section] = {**document[section], **settings}
    document["trainer"]["seed"] = seed
    return parse_config(document, source=case.name, base=CONFIGS)


def table(cases: list[Case], figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """A row for each configuration."""
    shown = Table("training", "metric", "value", "95 % interval", "texts", "bar", title="Tasks")
    for case in cases:
        _, low, high = _estimate(figures[case.name][0][case.metric])
        interval = "" if low is None else f"{low:.3f} to {high:.3f}"
        if case.seeds > 1:
            interval = f"seeds {', '.join(f'{value:.4f}' for value in _values(case, figures))}"
        bar = "" if case.bar is None else f">= {case.bar:.2f}"
        rows = figures[case.name][0]["rows"]
        shown.add_row(case.name, case.metric, f"{_mean(case, figures):.4f}", interval, f"{rows:,}", bar)
    return shown


def missed(cases: list[Case], figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Names of those that are below their bar, or, with context, not above the same without."""
    for case in cases:
        if case.bar is not None and _mean(case, figures) < case.bar:
            yield case.name
    dialogues = [_mean(case, figures) for case in cases if case.file == "emorynlp"]
    if len(dialogues) == 2 and not dialogues[0] > dialogues[1]:
        yield "EmoryNLP"


def _mean(case: Case, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    return statistics.fmean(_values(case, figures))


def _values(case: Case, figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[float]:
    return [_estimate(found[case.metric])[0] for found in figures[case.name]]


def _estimate(figure: Any) -> tuple[float, float | None, float | None]:
    if isinstance(figure, Mapping):
        return figure["value"], figure["low"], figure["high"]
    return figure, None, None


if __name__ == "__main__":
    main()
