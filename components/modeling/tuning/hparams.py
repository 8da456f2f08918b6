"""The trials as TensorBoard's HParams shows them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2, summary

from components.modeling.tuning.search_space import Range

if TYPE_CHECKING:
    from components.modeling.tuning.trials import Trial

__all__ = ["write_hparams"]

_METRIC, _BEST = "validation_metric", "best_validation_metric"


def write_hparams(
    directory: Path, space: Mapping[str, Range], trials: Sequence["Trial"], *, metric: str
) -> None:
    """Writes what is searched into `directory`, and into a directory a trial what became of it.

    Args:
        directory: for TensorBoard's `--logdir`.
        space: what is searched, by dotted key.
        trials: those that are over.
        metric: what the validation metric is called.
    """
    with tf.summary.create_file_writer(str(directory)).as_default():
        api.hparams_config(
            hparams=[api.HParam(key, _domain(found)) for key, found in space.items()],
            metrics=[
                api.Metric(_BEST, display_name=f"{metric}, best epoch"),
                api.Metric(_METRIC, display_name=metric),
            ],
        )
    for trial in trials:
        _write_trial(directory / f"trial-{trial.number:04}", space, trial)


def _write_trial(directory: Path, space: Mapping[str, Range], trial: "Trial") -> None:
    writer = tf.summary.create_file_writer(str(directory))
    with writer.as_default():
        values = {key: _shown(space[key], value) for key, value in trial.values.items()}
        api.hparams(values, trial_id=f"trial {trial.number}")
        for epoch, value in enumerate(trial.epochs, start=1):
            tf.summary.scalar(_METRIC, value, step=epoch)
        if trial.epochs:
            tf.summary.scalar(_BEST, max(trial.epochs), step=len(trial.epochs))
        status = api_pb2.STATUS_FAILURE if trial.state == "failed" else api_pb2.STATUS_SUCCESS
        tf.summary.experimental.write_raw_pb(summary.session_end_pb(status).SerializeToString(), step=0)
    writer.close()


def _domain(found: Range) -> Any:
    if found.choice is not None:
        return api.Discrete([_shown(found, value) for value in found.choice])
    if found.int_uniform is not None:
        return api.IntInterval(*found.int_uniform)
    return api.RealInterval(*map(float, found.bounds))


def _shown(found: Range, value: Any) -> bool | int | float | str:
    """TensorBoard's values of one parameter are of one plain type; others are shown as JSON."""
    kinds = {type(choice) for choice in found.choice or (value,)}
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:
        shown: bool | int | float | str = value
        return shown
    return value if isinstance(value, str) else json.dumps(value)
