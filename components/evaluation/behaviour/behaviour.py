"""The behavioural part of `metrics.json`."""

from typing import TYPE_CHECKING, Any

from components.core.progress import Progress
from components.evaluation.behaviour.behaviour_config import FairnessConfig, RobustnessConfig
from components.evaluation.behaviour.fairness import measure_fairness
from components.evaluation.behaviour.robustness import measure_robustness
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["measure_behaviour"]


def measure_behaviour(
    robustness: RobustnessConfig | None,
    fairness: FairnessConfig | None,
    model: "LoadedModel",
    texts: LabelledTexts,
    answers: Answers,
    *,
    resamples: int,
    seed: int,
    batch_size: int,
    progress: Progress,
) -> dict[str, Any]:
    """`robustness` and `fairness` as `measure_robustness` and `measure_fairness` return them, each if configured."""
    document = {}
    if robustness is not None:
        document["robustness"] = measure_robustness(
            robustness,
            model,
            texts,
            answers,
            resamples=resamples,
            seed=seed,
            batch_size=batch_size,
            progress=progress,
        )
    if fairness is not None:
        document["fairness"] = measure_fairness(
            fairness, model, texts, resamples=resamples, seed=seed, batch_size=batch_size, progress=progress
        )
    return document
