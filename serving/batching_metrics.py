"""What batching counts, under TensorFlow Serving's names (batching/batching_session.cc, batching_util.h)."""

import time
from collections.abc import Sequence

import prometheus_client

from serving.batch_queue import Row
from serving.batcher import Request
from serving.metrics import CounterWithoutTotal, Metrics

__all__ = ["BatchingMetrics"]

_PREFIX = ":tensorflow:serving:batching_session:"
_SIZES = [2**power for power in range(14)]
_QUEUING_MICROSECONDS = [100 * 1.2**power for power in range(52)]
_POOL = "batch_threads"
"""TensorFlow Serving's name where the batching parameters give none."""


class BatchingMetrics:
    """A `BatchObserver` that adds its metrics to those of a server."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._input_rows = prometheus_client.Histogram(
            f"{_PREFIX}input_batch_size",
            "Tracks the batch size distribution on the inputs.",
            buckets=_SIZES,
            registry=registry,
        )
        self._batch_rows = prometheus_client.Histogram(
            f"{_PREFIX}processed_batch_size",
            "Tracks the batch size distribution on processing.",
            buckets=_SIZES,
            registry=registry,
        )
        self._queuing = prometheus_client.Histogram(
            f"{_PREFIX}queuing_latency",
            "Distribution of wall time spent (in microseconds) in queuing",
            ["thread_pool_name"],
            buckets=_QUEUING_MICROSECONDS,
            registry=registry,
        ).labels(_POOL)
        self._runs = CounterWithoutTotal(
            f"{_PREFIX}wrapped_run_count",
            "Total count of run calls on the wrapped session",
            registry=registry,
        )
        tokens = prometheus_client.Counter(
            "emotion_serving_batch_tokens",
            "Tokens of rows in batches (of strings four bytes count as one), and padding.",
            ["kind"],
            registry=registry,
        )
        self._text_tokens, self._padding_tokens = tokens.labels("text"), tokens.labels("padding")

    def took(self, rows: int) -> None:
        """A request of so many rows was taken."""
        self._input_rows.observe(rows)

    def started(self, rows: Sequence[Row[Request]]) -> None:
        """A batch goes to the model; its rows are sorted by length."""
        now = time.monotonic()
        for request in {row.request for row in rows}:
            self._queuing.observe((now - request.arrived) * 1e6)
        tokens = sum(row.length for row in rows)
        self._count(len(rows), tokens)
        self._padding_tokens.inc(len(rows) * rows[-1].length - tokens)

    def started_alone(self, length: int) -> None:
        """A row of that length goes to the model, and waited for nothing."""
        self._queuing.observe(0)
        self._count(1, length)

    def _count(self, rows: int, tokens: int) -> None:
        self._runs.inc()
        self._batch_rows.observe(rows)
        self._text_tokens.inc(tokens)
