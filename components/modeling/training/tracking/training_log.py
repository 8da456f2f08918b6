"""What a training tells its trackers."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.metrics import Counts
from components.modeling.dataset import TokenDataset
from components.modeling.heads import Head, columns, decide, known_rows
from components.modeling.training.tracking.figures import confusion, heatmap
from components.modeling.training.tracking.projector import write_projector
from components.modeling.training.tracking.tensorboard_tracker import TensorBoardTracker
from components.modeling.training.tracking.tracker import Image, Parameters, PrCurve, Tracker
from components.modeling.training.tracking.tracking_config import TrackingConfig

__all__ = ["TrainingLog"]


class TrainingLog:
    """Passes curves and figures on to TensorBoard and to every tracker that is configured; for a `with` block.

    A tracker that fails on the way is left out from there on: no training is lost for it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        config: TrackingConfig | None = None,
        parameters: Parameters | None = None,
        progress: Progress = NO_PROGRESS,
    ) -> None:
        """Opens an event file in `directory`, and a run of every tracker.

        Args:
            directory: for the event file and the projector.
            config: as set.
            parameters: what the training is configured with.
            progress: who is told of a tracker that fails.

        Raises:
            ConfigError: a tracker cannot be reached.
        """
        self.directory = directory
        self._config = config or TrackingConfig()
        self._progress = progress
        self._tensorboard = TensorBoardTracker(directory)
        self._trackers: dict[str, Tracker] = {"TensorBoard": self._tensorboard}
        self._trackers.update(_open_remote(self._config))
        if parameters:
            self._each(lambda tracker: tracker.parameters(parameters))

    def write(self, step: int, **scalars: float) -> None:
        """Adds a point to each named curve at a step number."""
        self._each(lambda tracker: tracker.scalars(step, scalars))

    def validation(
        self,
        step: int,
        heads: Sequence[Head],
        scores: NDArray[np.float32],
        thresholds: NDArray[np.float32],
        targets: NDArray[np.float32],
    ) -> None:
        """Adds F1 and precision-recall curve of every label, and what is mistaken for what.

        Args:
            step: number of the last step.
            heads: of the network.
            scores: float32 [rows, outputs].
            thresholds: float32 [outputs].
            targets: float32 [rows, outputs], NaN = unknown.
        """
        decisions = decide(heads, scores, thresholds.tolist())
        for head, own in columns(heads).items():
            task, names = next((item.task, item.outputs) for item in heads if item.name == head)
            known = known_rows(targets, own)
            if task == "regression" or not known.any():
                continue
            decided, labelled = decisions[known, own], targets[known, own]
            f1 = Counts.of(decided, labelled > 0.5).f1
            self.write(step, **{f"f1/{name}": float(value) for name, value in zip(names, f1, strict=True)})
            curves = [
                PrCurve.of(name, scores[known, own][:, place], labelled[:, place])
                for place, name in enumerate(names)
            ]
            picture = heatmap(confusion(decided, labelled), names)
            title = "confusion" if len(heads) == 1 else f"confusion/{head}"
            self._show(step, curves, title, picture)

    def texts(
        self,
        network: keras.Model,
        dataset: TokenDataset,
        *,
        heads: Sequence[Head],
        vocabulary: Sequence[str],
    ) -> None:
        """Puts texts of the validation split into TensorBoard's projector."""
        if limit := self._config.projector_texts:
            write_projector(self.directory, network, dataset, heads=heads, vocabulary=vocabulary, limit=limit)

    def document(self, name: str, content: Mapping[str, Any]) -> None:
        """Keeps a JSON file with the run."""
        self._each(lambda tracker: tracker.document(name, content))

    def flush(self) -> None:
        """Writes out what is still in memory."""
        self._tensorboard.flush()

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._each(lambda tracker: tracker.close(failed=error is not None))

    def _show(self, step: int, curves: Sequence[PrCurve], title: str, picture: Image) -> None:
        self._each(lambda tracker: tracker.pr_curves(step, curves))
        self._each(lambda tracker: tracker.image(step, title, picture))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            if tracker is self._tensorboard:
                tell(tracker)
                continue
            try:
                tell(tracker)
            except Exception as err:
                del self._trackers[name]
                reason = f"{type(err).__name__}: {err}".split("\n", 1)[0]
                self._progress.log(f"{name} is left out from here on: {reason}")
                with contextlib.suppress(Exception):
                    tracker.close(failed=True)


def _open_remote(config: TrackingConfig) -> Mapping[str, Tracker]:
    for problem in config.problems():
        raise ConfigError(f"trainer.tracking.{problem.setting}: {problem.message}")
    found: dict[str, Tracker] = {}
    name = ""
    try:
        if config.wandb is not None:
            from components.modeling.training.tracking.wandb_tracker import WandbTracker

            name = "Weights & Biases"
            found[name] = WandbTracker(config.wandb, run_name=config.run_name)
        if config.mlflow is not None:
            from components.modeling.training.tracking.mlflow_tracker import MLflowTracker

            name = "MLflow"
            found[name] = MLflowTracker(config.mlflow, run_name=config.run_name)
    except Exception as err:
        reason = f"{type(err).__name__}: {err}".split("\n", 1)[0]
        raise ConfigError(
            f"trainer.tracking: {name} cannot be reached ({reason}); check its address and credentials, or leave it out"
        ) from err
    return found
