"""What the watch has counted, as gauges for Prometheus."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.distances import Counts, jensen_shannon_divergence, l_infinity_distance
from serving.models import Models
from serving.watch.counts import TrafficCounts
from serving.watch.engine import WatchedEngine

__all__ = ["TrafficCollector"]

_GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "traffic_texts": ("Texts that were looked at in the window.", ()),
    "words_per_text": ("Mean number of words, in the window.", ()),
    "script_share": ("Share of texts in a script, in the window.", ("script",)),
    "unknown_token_share": ("Share of tokens that the vocabulary does not know, in the window.", ()),
    "label_share": ("Share of answers in which a label applies, in the window.", ("label",)),
    "score_mean": ("Mean score of an output, in the window.", ("output",)),
    "reference_words_per_text": ("Mean number of words in the training data.", ()),
    "reference_unknown_token_share": ("Share of unknown tokens in the training data.", ()),
    "reference_label_share": ("Share of evaluation texts to which a label applies.", ("label",)),
    "reference_score_mean": ("Mean score of an output on evaluation texts.", ("output",)),
    "drift": (
        "Distance (0-1) of the window from what is usual for the model: labels, scripts, or words per text.",
        ("feature", "measure"),
    ),
    "score_drift": (
        "Jensen-Shannon divergence (0-1) of an output's scores from those on evaluation texts.",
        ("output",),
    ),
}


@dataclass(frozen=True)
class _Sample:
    """One value of a gauge."""

    gauge: str
    value: float
    labels: tuple[str, ...] = ()


class TrafficCollector(Collector):
    """Compares the window with the reference at every look.

    Args:
        models: whose engines are watched, or are not.
        min_texts: a gauge is not shown while the window holds fewer texts, or answers of its output.
    """

    def __init__(self, models: Models, *, min_texts: int) -> None:
        self._models = models
        self._min_texts = min_texts

    def describe(self) -> Iterator[Metric]:
        """The metrics without values, so that registering does not look."""
        yield from self._families().values()

    def collect(self) -> Iterator[Metric]:
        """The metrics of every version that is watched."""
        families = self._families()
        for name, repository in self._models.repositories.items():
            for version in repository.available:
                engine = repository.engine(version)
                if not isinstance(engine, WatchedEngine):
                    continue
                model = [name, str(version)]
                families["traffic_skipped_texts"].add_metric(model, engine.skipped)
                for sample in self._samples(engine):
                    families[sample.gauge].add_metric([*model, *sample.labels], sample.value)
        yield from families.values()

    def _families(self) -> dict[str, GaugeMetricFamily | CounterMetricFamily]:
        model = ["model_name", "version"]
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            name: GaugeMetricFamily(f"emotion_serving_{name}", text, labels=[*model, *labels])
            for name, (text, labels) in _GAUGES.items()
        }
        families["traffic_skipped_texts"] = CounterMetricFamily(
            "emotion_serving_traffic_skipped_texts",
            "Texts that were not looked at, since more came than the watch has time for.",
            labels=model,
        )
        return families

    def _samples(self, engine: WatchedEngine) -> Iterator[_Sample]:
        live = engine.counts()
        usual = engine.reference.counts if engine.reference else None
        labels = engine.description.labels
        yield _Sample("traffic_texts", live.texts)
        yield from self._of_texts(live, usual)
        yield from self._of_answers(live, usual, labels)
        if usual:
            yield from self._of_reference(usual, labels)

    def _of_texts(self, live: TrafficCounts, usual: TrafficCounts | None) -> Iterator[_Sample]:
        if live.texts < max(1, self._min_texts):
            return
        if live.tokens and usual:
            yield _Sample("unknown_token_share", live.unknown_tokens / live.tokens)
        yield _Sample("words_per_text", live.total_words / live.texts)
        for script, count in sorted(live.scripts.items()):
            yield _Sample("script_share", count / live.texts, (script,))
        if usual:
            yield from _drift("scripts", live.scripts, usual.scripts)
            yield from _drift("words", live.word_counts(), usual.word_counts())

    def _of_answers(
        self, live: TrafficCounts, usual: TrafficCounts | None, labels: tuple[str, ...]
    ) -> Iterator[_Sample]:
        decided: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for column, label in enumerate(labels):
            answers = int(live.answers[column])
            if answers < max(1, self._min_texts):
                continue
            yield _Sample("score_mean", live.total_scores[column] / answers, (label,))
            yield _Sample("label_share", live.decided[column] / answers, (label,))
            if usual and usual.answers[column]:
                distance = jensen_shannon_divergence(live.score_counts(column), usual.score_counts(column))
                yield _Sample("score_drift", distance, (label,))
                # As shares of each label's own answers: a client may ask for one head more often than for another.
                decided[0][label] = live.decided[column] / answers
                decided[1][label] = usual.decided[column] / usual.answers[column]
        yield from _drift("labels", *decided)

    def _of_reference(self, usual: TrafficCounts, labels: tuple[str, ...]) -> Iterator[_Sample]:
        if usual.texts:
            yield _Sample("reference_words_per_text", usual.total_words / usual.texts)
        if usual.tokens:
            yield _Sample("reference_unknown_token_share", usual.unknown_tokens / usual.tokens)
        for column, label in enumerate(labels):
            if answers := int(usual.answers[column]):
                yield _Sample("reference_label_share", usual.decided[column] / answers, (label,))
                yield _Sample("reference_score_mean", usual.total_scores[column] / answers, (label,))


def _drift(feature: str, live: Counts, usual: Counts) -> Iterator[_Sample]:
    """Both distances; nothing where a side is empty."""
    divergence = jensen_shannon_divergence(live, usual)
    if not math.isnan(divergence):
        yield _Sample("drift", divergence, (feature, "jensen_shannon"))
        yield _Sample("drift", l_infinity_distance(live, usual)[1], (feature, "l_infinity"))
