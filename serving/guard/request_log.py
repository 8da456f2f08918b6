"""Writes calls down beside the requests, and never at their cost."""

import logging
import queue
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.guard.config import GuardConfig
from serving.guard.log_records import json_line, prediction_record
from serving.guard.logged_call import LoggedCall
from serving.guard.redaction import MaskText, Redaction
from serving.guard.rotated_files import RotatedFiles
from serving.metrics import Metrics

__all__ = ["RequestLog"]

_log = logging.getLogger(__name__)

_MAX_PENDING = 10_000
_MAX_PENDING_BYTES = 64 * 2**20
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class _Sink:
    files: RotatedFiles
    encode: Callable[[LoggedCall, Redaction], bytes]


class RequestLog:
    """A thread that masks, encodes and writes; requests only hand over to it. Close it at the end.

    What it cannot take or write is counted, in TensorFlow Serving's `request_log_count`, and lost; the request is not.

    Args:
        config: where, what and how much.
        metrics: counts what was logged and what was lost.
        mask: of texts; None = texts are left out.
    """

    def __init__(self, config: GuardConfig, metrics: Metrics, *, mask: MaskText | None = None) -> None:
        self._sample_rate = config.request_log_sample_rate
        self._sinks = _sinks(config)
        self._redaction = Redaction(mask)
        self._metrics = metrics
        self._counts = metrics.counter(
            ":tensorflow:serving:request_log_count",
            "The total number of requests that were logged, or should have been.",
            ["model_name", "status_code"],
        )
        self._pending: queue.SimpleQueue[LoggedCall | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="request log", daemon=True)
        self._thread.start()

    def offer(self, call: LoggedCall) -> None:
        """Takes a call to be written down, or not, as the sample has it."""
        if random.random() >= self._sample_rate:
            return
        with self._lock:
            full = self._pending.qsize() >= _MAX_PENDING or self._pending_bytes > _MAX_PENDING_BYTES
            if not full:
                self._pending_bytes += call.size
        if full:
            self._count(call, "RESOURCE_EXHAUSTED")
        else:
            self._pending.put(call)

    def close(self) -> None:
        """Writes down what was taken, for some seconds at most."""
        self._pending.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (call := self._pending.get()) is not None:
            with self._lock:
                self._pending_bytes -= call.size
            self._count(call, self._write(call))
        for sink in self._sinks:
            sink.files.close()

    def _write(self, call: LoggedCall) -> str:
        status = "OK"
        for sink in self._sinks:
            try:
                if record := sink.encode(call, self._redaction):
                    sink.files.append(record)
            except OSError:
                status = "UNAVAILABLE"
            except Exception as err:
                # Its message may hold the text.
                _log.error("a call could not be logged: %s", type(err).__name__)
                status = "INTERNAL"
        return status

    def _count(self, call: LoggedCall, status: str) -> None:
        self._counts.labels(self._metrics.known(call.spec.name), status).inc()


def _sinks(config: GuardConfig) -> Sequence[_Sink]:
    directory = config.request_log_directory
    assert directory is not None

    def files(stem: str, suffix: str) -> RotatedFiles:
        return RotatedFiles(
            directory,
            stem,
            suffix,
            max_bytes=config.request_log_max_bytes,
            max_files=config.request_log_max_files,
        )

    known = {
        "json": lambda: _Sink(files("requests", "jsonl"), json_line),
        "prediction_log": lambda: _Sink(files("predictions", "tfrecord"), prediction_record),
    }
    return [known[name]() for name in config.request_log_formats]
