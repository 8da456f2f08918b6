"""How good `pipeline/configs/goemotions.yaml` is: test macro-F1 over several seeds, and the memory that a run takes.

Every seed is a run of the pipeline up to the Evaluator, in a process of its own; runs that were made before come from
the cache. Thresholds are tuned on the dev split alone. The interval is that of the mean over the seeds, from bootstrap
resamples of the test rows that all seeds share; the standard deviation is over the seeds.

    python -m tests.benchmarks.goemotions [--seeds 3] [--mapping goemotions-ekman] [--shared-data DIR]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pipeline
from components.evaluation.bootstrap import Interval
from components.evaluation.metrics import Counts

CONFIG = Path(pipeline.__file__).parent / "configs" / "goemotions.yaml"

_MAPPINGS = ("goemotions-ekman", "goemotions-sentiment")
_RESAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to this less 1")
    parser.add_argument("--mapping", choices=_MAPPINGS, help="groups of labels; all 28 without")
    parser.add_argument("--root", help="where runs are kept; runs/<name of the configuration> by default")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["EMOTION_SHARED_DATA"] = str(arguments.shared_data.resolve())
    if arguments.seed is not None:
        print(json.dumps(run(arguments)))
        return
    runs = [in_own_process(seed) for seed in range(arguments.seeds)]
    report(arguments.mapping or "28 labels", runs)


def in_own_process(seed: int) -> dict[str, Any]:
    """Runs one seed with the same arguments as this process."""
    command = [sys.executable, "-m", "tests.benchmarks.goemotions", *sys.argv[1:], "--seed", str(seed)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"seed {seed}: test macro-F1 {macro_f1(result):.4f} (dev {result['dev_macro_f1']:.4f}, epoch "
        f"{result['best_epoch']} of {result['epochs']}), {result['examples_per_second']:.0f} examples/s, "
        f"peak memory {result['peak_mib']:.0f} MiB",
        flush=True,
    )
    return result


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One seed, from raw files to decisions on the test split."""
    from rich.console import Console

    from components.core.artifacts import Model, ModelEvaluation
    from pipeline.config import load_config
    from pipeline.console import ConsoleObserver

    config = load_config(arguments.config)
    changes: dict[str, Any] = {
        "trainer": config.trainer.model_copy(update={"seed": arguments.seed}),
        "root": arguments.root or config.root,
    }
    if arguments.mapping:
        document = {**config.example_gen.model_dump(exclude_unset=True), "label_mapping": arguments.mapping}
        changes["example_gen"] = type(config.example_gen).model_validate(document)
    with ConsoleObserver(Console(stderr=True)) as observer:
        result = pipeline.run(config.model_copy(update=changes), to="evaluator", observer=observer)
    model = result.stages["trainer"].outputs["model"]
    evaluation = result.stages["evaluator"].outputs["evaluation"]
    assert isinstance(model, Model)
    assert isinstance(evaluation, ModelEvaluation)
    settings = json.loads(model.config_path.read_text(encoding="utf-8"))
    history = json.loads(model.history_path.read_text(encoding="utf-8"))
    return {
        "predictions": str(evaluation.predictions_path(config.evaluator.split).resolve()),
        "thresholds": settings["thresholds"],
        "dev_macro_f1": settings["training"]["validation_metric"],
        "best_epoch": settings["training"]["best_epoch"],
        "epochs": settings["training"]["epochs"],
        "examples_per_second": history["examples_per_second"],
        "peak_mib": max(stage.peak_memory_mib for stage in result.stages.values()),
    }


def decided(result: dict[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Decisions and targets of the test split, bool [rows, labels] each."""
    with np.load(result["predictions"]) as arrays:
        scores, targets = arrays["scores"], arrays["targets"]
    return scores >= np.asarray(result["thresholds"], np.float32), targets > 0


def macro_f1(result: dict[str, Any]) -> float:
    return Counts.of(*decided(result)).macro_f1


def report(name: str, runs: list[dict[str, Any]]) -> None:
    values = [macro_f1(result) for result in runs]
    samples = [Counts.resampled(*decided(result), resamples=_RESAMPLES).macro_f1 for result in runs]
    interval = Interval.of(np.mean(samples, axis=0))
    spread = f", standard deviation {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    print(
        f"GoEmotions test, {name}, {len(values)} seeds: macro-F1 {np.mean(values):.4f}{spread} "
        f"(95 % {interval.low:.3f}-{interval.high:.3f})"
    )
    print(f"peak memory {max(result['peak_mib'] for result in runs):.0f} MiB")


if __name__ == "__main__":
    main()
