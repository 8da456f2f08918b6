"""How far the texts that a served model is asked about are from what is usual for it, as its server counts them."""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from components.core.errors import TransientError, UserError

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

__all__ = ["LiveShift", "read_live_shifts"]

_TIMEOUT_S = 10.0
_KEY_VARIABLE = "EMOTION_API_KEY"
_WORD_BUCKETS = 16
"""Of `serving.watch.counts`; the page tells their distance, not their number."""


@dataclass(frozen=True)
class LiveShift:
    """The distance of one feature of live traffic from what is usual for the model.

    Attributes:
        model: `name version`.
        feature: `labels` (of the answers), `scripts` or `words` (of the texts).
        texts: how many were looked at.
        value: largest difference of two shares (L-infinity, 0-1).
        limit: the largest value that is either a trifle or chance.
    """

    model: str
    feature: str
    texts: int
    value: float
    limit: float

    @property
    def exceeded(self) -> bool:
        return self.value > self.limit


def read_live_shifts(url: str, *, max_shift: float, false_alarms: float) -> list[LiveShift]:
    """Asks an embedded server (docs/serving.md, "Watching live traffic"); empty while it has seen too few texts.

    Args:
        url: of the server's REST port, or of its page of metrics. `EMOTION_API_KEY` is sent along if it is set.
        max_shift: the largest difference of shares that is a trifle, 0-1.
        false_alarms: how often traffic as usual may exceed any limit, 0-1.

    Raises:
        UserError: the URL is none, or what is there are no metrics of an embedded server.
        TransientError: nobody answers.
    """
    page = _fetch(url)
    models: dict[str, list[Sample]] = {}
    for sample in _samples(page, url):
        if "model_name" in sample.labels and "version" in sample.labels:
            models.setdefault("{model_name} {version}".format(**sample.labels), []).append(sample)
    if not any(
        sample.name == "emotion_serving_traffic_texts" for samples in models.values() for sample in samples
    ):
        raise UserError(
            f"{url}: watches no traffic; start the server with --monitoring_config_file and without "
            "--traffic_window_seconds=0, and export the model by a pipeline run"
        )
    distances = [one for model, samples in models.items() for one in _distances(model, samples)]
    each = false_alarms / max(1, len(distances))
    return [
        LiveShift(
            one.model,
            one.feature,
            one.texts,
            one.value,
            max(max_shift, _by_chance(one.draws, one.values, each)),
        )
        for one in distances
    ]


class _Distance(NamedTuple):
    """A distance, and of how many draws from how many values its shares are."""

    model: str
    feature: str
    texts: int
    value: float
    draws: float
    values: int


def _distances(model: str, samples: Iterable["Sample"]) -> Iterator[_Distance]:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name.removeprefix("emotion_serving_"), []).append(sample)
    texts = sum(int(sample.value) for sample in by_name.get("traffic_texts", ()))
    label_shares = [sample.value for sample in by_name.get("label_share", ())]
    counted = {
        # Of labels that apply to few texts there are fewer draws than texts; those of one text are not independent.
        "labels": (texts * min(1.0, sum(label_shares)), len(label_shares)),
        "scripts": (texts, len(by_name.get("script_share", ()))),
        "words": (texts, _WORD_BUCKETS),
    }
    for sample in by_name.get("drift", ()):
        feature = sample.labels["feature"]
        if sample.labels["measure"] == "l_infinity" and feature in counted:
            yield _Distance(model, feature, texts, sample.value, *counted[feature])


def _by_chance(draws: float, values: int, false_alarms: float) -> float:
    """What the largest difference exceeds that seldom (Hoeffding 1963, theorem 1, over all values and both signs)."""
    return math.sqrt(math.log(2 * max(values, 1) / false_alarms) / (2 * draws)) if draws else math.inf


def _fetch(url: str) -> str:
    from serving.metrics import METRICS_PATH

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"--live {url}: expected the URL of a server, such as http://127.0.0.1:8501")
    place = url if parts.path.strip("/") else f"{url.rstrip('/')}{METRICS_PATH}"
    key = os.environ.get(_KEY_VARIABLE)
    request = Request(place, headers={"x-api-key": key} if key else {})
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:
            return str(answer.read().decode("utf-8"))
    except HTTPError as err:
        hint = {401: f"set {_KEY_VARIABLE}", 404: "start the server with --monitoring_config_file"}
        raise UserError(
            f"{place}: answered {err.code} {err.reason}; {hint.get(err.code, 'look into its log')}"
        ) from err
    except (OSError, HTTPException) as err:
        raise TransientError(f"{place}: does not answer ({err}); is the server there?") from err


def _samples(page: str, url: str) -> Iterator["Sample"]:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(page):
            yield from family.samples
    except ValueError as err:
        raise UserError(
            f"{url}: is no page of metrics ({err}); name the REST port of an embedded server"
        ) from err
