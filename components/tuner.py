"""Tuner: looks for better settings of the Trainer on the data that it will be trained on."""

import importlib.util
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_serializer, field_validator, model_validator

from components.core.artifacts import (
    Examples,
    Hyperparameters,
    Model,
    PretrainedEncoder,
    TransformedExamples,
    TransformGraph,
    TuningStudy,
)
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config, Problem
from components.core.filesystem import content_digest
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.tuning.search_space import Range, check_space, grid, values_of, with_values
from components.trainer import TrainerConfig

if TYPE_CHECKING:
    from components.modeling.training.result import Epoch
    from components.modeling.tuning.study import Report, Study
    from components.modeling.tuning.trials import Trial

__all__ = ["TunerConfig", "tuner"]


class TunerConfig(Config):
    """What is searched, and how long."""

    search_space: Mapping[str, Range] = Field(min_length=1)
    """Where the values of each setting are taken from, by its keys in the trainer's section, joined by dots:
    `learning_rate: {log_uniform: [1.0e-5, 5.0e-4]}`, `loss.name: {choice: [cross_entropy, focal]}`."""

    trials: int = Field(default=20, ge=1)
    """Trainings to make, those that other machines make on the same study included. The first one has the configured
    values, so that the best is never worse than they are, but by chance."""

    timeout_s: float | None = Field(default=None, gt=0)
    """No trial is begun after this many seconds; None, the default, makes all of them."""

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """What chooses values: `tpe` learns from the trials before (Bergstra et al., 2011; the first ten are drawn at
    random), `random` does not, `grid` tries every combination of what is `choice` or `int_uniform`."""

    pruner: Literal["median", "hyperband", "none"] = "median"
    """What ends trials early, by the validation metric of each epoch: `median` those below the median of the trials
    before, from the fifth trial on; `hyperband` in brackets of different patience (Li et al., 2018), for many trials of
    many epochs; `none` lets all end."""

    train_share: float = Field(default=1.0, gt=0, le=1)
    """Share (0-1) of the rows of `train` that trials are trained on. Fewer rows are cheaper and prefer settings for
    small data: higher rates, more epochs. All rows of `validation` are scored in any case."""

    study: str = Field(default="tuner", min_length=1)
    """Name of the study in the storage."""

    storage: str | None = None
    """Database of the study as an SQLAlchemy URL (`sqlite:////data/study.db`, `postgresql://host/optuna`). Machines
    that name the same study share its trials, and a study can be given more `trials` later. None, the default, is an
    SQLite file of the stage's own, which lives until the stage is complete. A password is kept out of what is
    written."""

    seed: int = Field(default=0, ge=0)
    """Seed of the sampler where the study is the stage's own; machines that share one are random."""

    trainer: TrainerConfig = TrainerConfig()
    """What trials are trained with, but for what is searched: the trainer's own section, and what is set here goes
    before it (`epochs: 2`)."""

    @field_serializer("storage", when_used="json-unless-none")
    def _hide_password(self, url: str) -> str:
        from sqlalchemy import make_url

        return make_url(url).render_as_string(hide_password=True)

    @field_validator("storage")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            return url if url is None else make_url(url).render_as_string(hide_password=False)
        except ArgumentError:
            raise ValueError(
                "expected a URL such as sqlite:////data/study.db or postgresql://host/optuna"
            ) from None

    @model_validator(mode="after")
    def _check_space(self) -> "TunerConfig":
        if self.trainer.ensemble is not None:
            raise ValueError("trials train one network each; leave trainer.ensemble out")
        if self.trainer.warm_start is not None:
            raise ValueError(
                "trials start from the encoder, and what suits them need not suit a warm start; leave it out of the "
                "trainer's section, or set `trainer: {warm_start: null}` here to search all the same"
            )
        check_space(self.search_space, self.trainer)
        if self.sampler == "grid":
            grid(self.search_space)
        return self

    def problems(self) -> Iterator[Problem]:
        if importlib.util.find_spec("optuna") is None:
            yield Problem(
                "", "needs Optuna: pip install 'emotion-pipeline[tuning]', or leave the section out"
            )
        yield from super().problems()

    def external_versions(self) -> Mapping[str, str]:
        """Another version of the sampler may choose other values."""
        return {"optuna": metadata.version("optuna")}


@component()
def tuner(
    *,
    config: TunerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: PretrainedEncoder | None = None,
    examples: Examples | None = None,
    hyperparameters: Output[Hyperparameters],
    study: Output[TuningStudy],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    """Trains again and again, each time with other settings, and keeps those of the highest validation metric.

    1. Opens the study, or goes on with one that was stopped.
    2. Makes trials: trains as the Trainer does, tells the pruner of every epoch, records what fails and goes on.
    3. Writes the best values for the Trainer; and the trials, what mattered, and TensorBoard's HParams for people.

    Raises:
        ConfigError: Optuna or the database cannot be had, or the study is of other data or settings.
        DataError: the data do not fit the task.
        StageError: no trial came to its end.
        StoppedError: the process was told to stop; the study goes on with the next run.
    """
    from components.modeling.tuning.hparams import write_hparams

    with _working_dir(scratch) as directory:
        search = _open_study(config, transformed, transform_graph, pretrained, directory)
        inputs = {
            "transformed": transformed,
            "transform_graph": transform_graph,
            "pretrained": pretrained,
            "examples": examples,
        }
        trials = _Trials(config, inputs, directory, search, progress)
        search.run(
            trials.make,
            # A grid has the configured values among its points.
            first=None if config.sampler == "grid" else values_of(config.search_space, config.trainer),
            trials=config.trials,
            timeout_s=config.timeout_s,
            on_trial=trials.tell,
        )
        best, made, importances = search.best(), search.trials(), search.importances()

    metric = trials.metric or "validation metric"
    hyperparameters.best_path.write_text(_json(best.values), encoding="utf-8")
    document = {
        "metric": metric,
        "keys": {key: _describe(found) for key, found in config.search_space.items()},
        "best": best.number,
        "importances": importances,
        "trials": [asdict(trial) for trial in made],
    }
    study.study_path.write_text(_json(document), encoding="utf-8")
    write_hparams(study.logs_dir, config.search_space, made, metric=metric)
    return {
        "trials": len(made),
        "pruned": sum(trial.state == "pruned" for trial in made),
        "failed": sum(trial.state == "failed" for trial in made),
        "best trial": best.number,
        f"validation {metric}": round(best.metric or 0.0, 4),
        **{key: _plain(value) for key, value in best.values.items()},
    }


class _Trials:
    """Makes the trials and tells of them."""

    def __init__(
        self,
        config: TunerConfig,
        inputs: Mapping[str, Any],
        directory: Path,
        search: "Study",
        progress: Progress,
    ) -> None:
        self._config = config
        self._inputs = inputs
        self._directory = directory
        self._search = search
        self._progress = progress
        self.metric = ""

    def make(self, number: int, values: Mapping[str, Any], report: "Report") -> float:
        """Trains once; returns the best epoch's validation metric."""
        import gc

        import keras

        from components.modeling.training.train_model import train_model

        metrics: list[float] = []

        def on_epoch(epoch: "Epoch") -> None:
            metrics.append(epoch.validation_metric)
            report(epoch.epoch, epoch.validation_metric)

        model = Model(self._directory / f"trial-{number}")
        model.path.mkdir(parents=True, exist_ok=True)
        try:
            summary = train_model(
                config=with_values(self._config.trainer, values),
                **self._inputs,
                model=model,
                progress=self._part(),
                answers_in=self._directory,
                train_share=self._config.train_share,
                on_epoch=on_epoch,
            )
        finally:
            shutil.rmtree(model.path)
            # Keras and TensorFlow keep graphs of networks that are gone.
            keras.backend.clear_session()
            gc.collect()
        self.metric = next(key for key in summary if key.startswith("validation ")).removeprefix(
            "validation "
        )
        return metrics[int(summary["best epoch"] or 0) - 1]

    def tell(self, trial: "Trial") -> None:
        """Leaves a line about a trial that is over."""
        values = ", ".join(f"{key} {_short(value)}" for key, value in trial.values.items())
        match trial.state:
            case "complete":
                is_best = self._search.best().number == trial.number
                outcome = f"{self.metric} {trial.metric:.4f}{' (best)' if is_best else ''}"
            case "pruned":
                epochs = len(trial.epochs)
                outcome = f"pruned after epoch {epochs} at {trial.epochs[-1]:.4f}"
            case _:
                outcome = f"failed: {trial.error}"
        over = len(self._search.trials())
        self._progress.log(f"trial {over}/{self._config.trials}: {outcome}; {values}")

    def _part(self) -> Progress:
        """Where a trial tells how far it is."""
        over = self._search.trials()
        metrics = [trial.metric for trial in over if trial.metric is not None]
        best = f" · best {max(metrics):.4f}" if metrics else ""
        return _TrialProgress(self._progress, len(over), self._config.trials, best)


class _TrialProgress:
    """What a trial tells, as a part of the whole search."""

    def __init__(self, progress: Progress, over: int, trials: int, best: str) -> None:
        self._progress = progress
        self._over, self._trials, self._best = over, trials, best

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        share = completed / total if completed is not None and total else 0.0
        self._progress.update(
            f"trial {self._over + 1}/{self._trials}  {message}{self._best}",
            completed=self._over + share,
            total=self._trials,
        )

    def log(self, message: str) -> None:
        """Says nothing: a trial has one line, at its end."""


def _open_study(
    config: TunerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: PretrainedEncoder | None,
    directory: Path,
) -> "Study":
    from components.modeling.tuning.study import Study

    rows = {split: counts["rows"] for split, counts in transformed.summary()["splits"].items()}
    trainer = config.trainer.without_places()
    return Study(
        name=config.study,
        url=config.storage or f"sqlite:///{directory / 'study.db'}",
        shared=config.storage is not None,
        space=config.search_space,
        settings={
            "search_space": {
                key: found.model_dump(mode="json", exclude_none=True)
                for key, found in config.search_space.items()
            },
            "train_share": config.train_share,
            "encoder": transform_graph.encoder_digest() or transform_graph.encoder(),
            "pretraining": None if pretrained is None else content_digest(str(pretrained.weights_path)),
            "number of rows": rows,
            **{f"trainer.{key}": value for key, value in trainer.items()},
        },
        sampler=config.sampler,
        pruner=config.pruner,
        max_epochs=config.trainer.epochs,
        seed=config.seed,
    )


@contextmanager
def _working_dir(scratch: Scratch | None) -> Iterator[Path]:
    """Where the study and the models of trials are: in the scratch directory, which outlives a stop."""
    if scratch is not None:
        yield scratch.path
        return
    with tempfile.TemporaryDirectory(prefix="emotion-tuner-") as directory:
        yield Path(directory)


def _describe(found: Range) -> dict[str, Any]:
    choices = None if found.choice is None else [_short(value) for value in found.choice]
    return {"logarithmic": found.is_logarithmic, "choices": choices}


def _plain(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, (str, int, float, bool)) else json.dumps(value)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(_plain(value))


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
