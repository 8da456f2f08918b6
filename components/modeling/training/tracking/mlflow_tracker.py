"""MLflow."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus

from components.modeling.training.tracking.tracker import Image, Parameters, PrCurve
from components.modeling.training.tracking.tracking_config import MLflowConfig

__all__ = ["MLflowTracker"]

_LONGEST_VALUE = 6000
"""Characters of a parameter's value that every store of MLflow takes."""


class MLflowTracker:
    """Writes into one run of an experiment."""

    def __init__(self, config: MLflowConfig, *, run_name: str | None) -> None:
        """Begins a run."""
        self._client = MlflowClient(tracking_uri=config.tracking_uri)
        experiment = self._client.get_experiment_by_name(config.experiment)
        experiment_id = (
            self._client.create_experiment(config.experiment)
            if experiment is None
            else experiment.experiment_id
        )
        self._run = self._client.create_run(experiment_id, run_name=run_name).info.run_id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(
            self._run, metrics=[Metric(_name(name), value, now, step) for name, value in values.items()]
        )

    def parameters(self, values: Parameters) -> None:
        found = [Param(_name(name), str(value)[:_LONGEST_VALUE]) for name, value in values.items()]
        self._client.log_batch(self._run, params=found)

    def image(self, step: int, name: str, image: Image) -> None:
        self._client.log_image(self._run, image, artifact_file=f"{name}/{step:07}.png")

    def pr_curves(self, step: int, curves: Sequence[PrCurve]) -> None:
        document = {
            curve.label: {
                "thresholds": curve.thresholds.tolist(),
                "precision": curve.precision.tolist(),
                "recall": curve.recall.tolist(),
            }
            for curve in curves
        }
        self._client.log_dict(self._run, document, f"pr_curves/{step:07}.json")

    def document(self, name: str, content: Mapping[str, Any]) -> None:
        self._client.log_dict(self._run, dict(content), name)

    def close(self, *, failed: bool) -> None:
        state = RunStatus.FAILED if failed else RunStatus.FINISHED
        self._client.set_terminated(self._run, RunStatus.to_string(state))


def _name(name: str) -> str:
    """MLflow's names take letters, digits, `_`, `-`, `.`, space, `:` and `/`."""
    return "".join(char if char.isalnum() or char in "_-. :/" else "_" for char in name)
