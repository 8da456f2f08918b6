"""LoRA against full fine-tuning of the same encoder on GoEmotions: trained parameters, macro-F1, speed and memory.

Runs `pipeline/configs/goemotions.yaml` up to the Evaluator twice, the second time with low-rank additions in place of
the encoder's kernels; the data stages are shared. Thresholds are tuned on the dev split, macro-F1 is that of the test
split.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.lora [--epochs 4] [--root runs/lora-benchmark]
"""

import argparse
import json
from pathlib import Path

from rich.console import Console

import pipeline
from components.core.artifacts import Model
from components.trainer import TrainerConfig
from pipeline.config import PipelineConfig, load_config
from pipeline.console import ConsoleObserver

GOEMOTIONS = Path(pipeline.__file__).parent / "configs" / "goemotions.yaml"

LORA = {"learning_rate": 2e-3, "trainable": {"lora": {"rank": 8, "alpha": 16}}}
"""What differs from the configuration's own `trainer` section."""

MAX_SHARE = 0.02
MAX_LOSS_OF_F1 = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--root", default="runs/lora-benchmark", help="where artifacts and the cache are kept"
    )
    arguments = parser.parse_args()
    config = load_config(GOEMOTIONS).model_copy(update={"root": arguments.root})
    common = {**config.trainer.model_dump(), "epochs": arguments.epochs}
    full = run("full fine-tuning", config, common)
    lora = run("LoRA", config, {**common, **LORA})
    share = lora["trained"] / lora["all"]
    difference = lora["macro_f1"] - full["macro_f1"]
    print(f"LoRA trains {share:.2%} of the parameters, macro-F1 {difference:+.4f}")
    if share >= MAX_SHARE or difference < -MAX_LOSS_OF_F1:
        raise SystemExit(
            f"expected less than {MAX_SHARE:.0%} and no more than {MAX_LOSS_OF_F1} of macro-F1 lost"
        )


def run(name: str, config: PipelineConfig, trainer: dict[str, object]) -> dict[str, float]:
    """Trains and evaluates; prints and returns what came out."""
    config = config.model_copy(update={"trainer": TrainerConfig.model_validate(trainer)})
    with ConsoleObserver(Console()) as observer:
        stages = pipeline.run(config, to="evaluator", observer=observer).stages
    model = stages["trainer"].outputs["model"]
    assert isinstance(model, Model)
    history = json.loads(model.history_path.read_text(encoding="utf-8"))
    measured = {
        "trained": history["trained_parameters"],
        "all": history["all_parameters"],
        "examples_per_second": history["examples_per_second"],
        "validation_metric": max(epoch["validation_metric"] for epoch in history["epochs"]),
        "macro_f1": float(stages["evaluator"].summary["macro_f1"]),
    }
    # AdamW keeps two float32 moments of everything that is trained.
    print(
        f"{name:<18}{measured['trained']:>12,} trained  {8 * measured['trained'] / 2**20:6.1f} MiB of moments  "
        f"{measured['examples_per_second']:6.1f} examples/s  validation macro-F1 "
        f"{measured['validation_metric']:.4f}  test macro-F1 {measured['macro_f1']:.4f}"
    )
    return measured


if __name__ == "__main__":
    main()
