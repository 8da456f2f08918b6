"""Where a training is tracked, as configured."""

import importlib.util
from collections.abc import Iterator

from pydantic import Field

from components.core.config import Config, Problem

__all__ = ["MLflowConfig", "TrackingConfig", "WandbConfig"]


class WandbConfig(Config):
    """Weights & Biases; `WANDB_API_KEY`, `WANDB_MODE=offline` and the rest of its environment variables work."""

    project: str = Field(min_length=1)
    """Name of the project."""

    entity: str | None = None
    """User or team; None is the account's own."""

    group: str | None = None
    """Runs of one group are shown together, such as the seeds of one setting."""

    tags: tuple[str, ...] = ()
    """Words to find the run by."""


class MLflowConfig(Config):
    """MLflow."""

    tracking_uri: str | None = None
    """Server or store: `https://…`, `sqlite:////data/mlflow.db`. None is what `MLFLOW_TRACKING_URI` says."""

    experiment: str = Field(min_length=1)
    """Name of the experiment; made if there is none."""


class TrackingConfig(Config):
    """What is written beside the model. TensorBoard's files always are, under `logs/` of the model."""

    run_name: str | None = None
    """Name of the run in W&B and MLflow; None leaves it to them."""

    projector_texts: int = Field(default=500, ge=0)
    """Validation texts whose vectors TensorBoard's projector shows, which costs one more pass over them; 0 leaves the
    projector out. The texts are written as their tokens."""

    wandb: WandbConfig | None = None
    """Weights & Biases, too; needs `emotion-pipeline[tracking]`."""

    mlflow: MLflowConfig | None = None
    """MLflow, too; needs `emotion-pipeline[tracking]`."""

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        for name in self._packages():
            if importlib.util.find_spec(name) is None:
                yield Problem(
                    name,
                    f"needs the package {name}: pip install 'emotion-pipeline[tracking]', or leave it out",
                )

    def _packages(self) -> Iterator[str]:
        if self.wandb is not None:
            yield "wandb"
        if self.mlflow is not None:
            yield "mlflow"
