"""What the server counts, under TensorFlow Serving's names where it has them, for Prometheus.

Other parts add their own metrics to `Metrics.registry`.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import prometheus_client
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

from serving.errors import InternalError, ServingError
from serving.models import Models

__all__ = ["METRICS_PATH", "CounterWithoutTotal", "Metrics"]

METRICS_PATH = "/monitoring/prometheus/metrics"

_PREFIX = ":tensorflow:serving:"
_MICROSECONDS = [10 * 1.8**power for power in range(33)]
"""Upper bounds of TensorFlow Serving's latency buckets (servables/tensorflow/util.cc)."""
_EXAMPLES = [2**power for power in range(15)]

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one server. Thread-safe.

    Args:
        is_known: whether a model of that name is served; others are counted together, under an empty name, so that
            clients cannot fill the memory with names.
    """

    def __init__(self, is_known: Callable[[str], bool] = lambda _: True) -> None:
        self.registry = CollectorRegistry()
        self._is_known = is_known
        self._requests = CounterWithoutTotal(
            f"{_PREFIX}request_count",
            "The total number of requests.",
            ["model_name", "status"],
            registry=self.registry,
        )
        self._request_latency = prometheus_client.Histogram(
            f"{_PREFIX}request_latency",
            "Distribution of wall time (in microseconds) for requests that were answered.",
            ["model_name", "API", "entrypoint"],
            buckets=_MICROSECONDS,
            registry=self.registry,
        )
        self._runtime_latency = prometheus_client.Histogram(
            f"{_PREFIX}runtime_latency",
            "Distribution of wall time (in microseconds) for the TensorFlow runtime.",
            ["model_name", "API", "runtime"],
            buckets=_MICROSECONDS,
            registry=self.registry,
        )
        self._example_counts = prometheus_client.Histogram(
            f"{_PREFIX}request_example_counts",
            "The number of tensorflow.Examples per request.",
            ["model"],
            buckets=_EXAMPLES,
            registry=self.registry,
        )
        self._example_total = prometheus_client.Counter(
            f"{_PREFIX}request_example_count_total",
            "The total number of tensorflow.Examples.",
            ["model"],
            registry=self.registry,
        )
        self._warmup_latency = prometheus_client.Histogram(
            f"{_PREFIX}model_warmup_latency",
            "Distribution of wall time (in microseconds) for warming up the model.",
            ["model_path", "status"],
            buckets=_MICROSECONDS,
            registry=self.registry,
        )
        # To look a labelled metric up takes longer than to count with it; there is a handful of each.
        self._requests_of = functools.cache(self._requests.labels)
        self._request_latency_of = functools.cache(self._request_latency.labels)
        self._runtime_latency_of = functools.cache(self._runtime_latency.labels)

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        page = prometheus_client.generate_latest(self.registry)
        return _COUNTER_HEADS.sub(rb"\1", page)

    def value(self, name: str) -> int:
        """The first value of a metric by TensorFlow's name (`/tensorflow/serving/...`); 0 if there is none."""
        wanted = name.replace("/", ":")
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name == wanted:
                    return int(sample.value)
        return 0

    def known(self, model: str) -> str:
        """The name to count a model under; empty if it is not served."""
        return model if self._is_known(model) else ""

    @contextmanager
    def request(self, model: str, *, api: str, entrypoint: str) -> Iterator[None]:
        """Counts a request by its outcome; its time counts if it is answered.

        Args:
            model: as the request names it.
            api: `Predict`, `Classify`, `Regress`, in lower case for REST.
            entrypoint: `GRPC` or `REST`.
        """
        model = self.known(model)
        started = time.perf_counter()
        try:
            yield
        except Exception as err:
            code = err.code if isinstance(err, ServingError) else InternalError.code
            self._requests_of(model, code).inc()
            raise
        self._request_latency_of(model, api, entrypoint).observe(_microseconds(started))
        self._requests_of(model, "OK").inc()

    @contextmanager
    def runtime(self, model: str, api: str) -> Iterator[None]:
        """Measures the time inside the model; what fails does not count."""
        started = time.perf_counter()
        yield
        self._runtime_latency_of(model, api, "TF1").observe(_microseconds(started))

    @contextmanager
    def warmup(self, path: str) -> Iterator[None]:
        """Measures the warm-up of a model directory."""
        started = time.perf_counter()
        status = "OK"
        try:
            yield
        except ServingError as err:
            status = err.code
            raise
        finally:
            self._warmup_latency.labels(path, status).observe(_microseconds(started))

    def examples(self, model: str, count: int) -> None:
        """Counts the tf.Examples of a request."""
        self._example_counts.labels(model).observe(count)
        self._example_total.labels(model).inc(count)

    def watch(self, models: Models) -> None:
        """Reports, at every look, which versions are served and which are refused."""
        self.registry.register(_VersionCollector(models))

    def counter(self, name: str, documentation: str, labels: Sequence[str]) -> prometheus_client.Counter:
        """Adds a counter that has one of TensorFlow Serving's names, which do not end in `_total`."""
        return CounterWithoutTotal(name, documentation, labels, registry=self.registry)

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Adds a gauge without labels that is read at every look."""
        prometheus_client.Gauge(name, documentation, registry=self.registry).set_function(read)


class CounterWithoutTotal(prometheus_client.Counter):
    """A counter whose name does not end in `_total`, as TensorFlow Serving's do not."""

    def _child_samples(self) -> list[Sample]:
        return [Sample("", {}, self._value.get(), None, None)]


_COUNTER_HEADS = re.compile(
    rb"(?m)^(# (?:HELP|TYPE) :tensorflow:serving:(?:request_(?:log_)?count|batching_session:wrapped_run_count))_total\b"
)
"""The heads of `CounterWithoutTotal`s, to which the library adds `_total` nevertheless."""


class _VersionCollector(Collector):
    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        labels = ["model_name", "version"]
        available = GaugeMetricFamily(
            "emotion_serving_version_available", "1 for each version that is served.", labels=labels
        )
        refused = GaugeMetricFamily(
            "emotion_serving_version_refused",
            "1 for each version that should be served but cannot be loaded.",
            labels=labels,
        )
        for name, repository in self._models.repositories.items():
            for version in repository.available:
                available.add_metric([name, str(version)], 1)
            for version in repository.refused:
                refused.add_metric([name, str(version)], 1)
        yield available
        yield refused


def _microseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1e6
