"""Weights & Biases."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from components.modeling.training.tracking.tracker import Image, Parameters, PrCurve
from components.modeling.training.tracking.tracking_config import WandbConfig

__all__ = ["WandbTracker"]

_STEP = "step"


class WandbTracker:
    """Writes into one run; offline, its files can be sent later with `wandb sync`."""

    def __init__(self, config: WandbConfig, *, run_name: str | None) -> None:
        """Begins a run; its files lie where W&B puts them, in `WANDB_DIR` or `wandb/` of the working directory."""
        self._run = wandb.init(
            project=config.project,
            entity=config.entity,
            group=config.group,
            tags=list(config.tags),
            name=run_name,
            settings=wandb.Settings(silent=True, console="off", save_code=False),
        )
        # Figures of one step come at different times: the step is a value of its own, not W&B's count of calls.
        self._run.define_metric(_STEP, hidden=True)
        self._run.define_metric("*", step_metric=_STEP)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, _STEP: step})

    def parameters(self, values: Parameters) -> None:
        self._run.config.update(dict(values))

    def image(self, step: int, name: str, image: Image) -> None:
        self._run.log({name: wandb.Image(image), _STEP: step})

    def pr_curves(self, step: int, curves: Sequence[PrCurve]) -> None:
        columns = ["label", "threshold", "precision", "recall"]
        rows = [
            [curve.label, *map(float, point)]
            for curve in curves
            for point in zip(curve.thresholds, curve.precision, curve.recall, strict=True)
        ]
        self._run.log({"pr_curves": wandb.Table(columns=columns, data=rows), _STEP: step})

    def document(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes it where W&B takes all files from when the run ends."""
        Path(self._run.dir, name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def close(self, *, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
