"""Gathers rows of requests that run at the same time into batches.

A thread that waits for its request's answer computes the next batch, whoever's rows are in it. So a request that comes
alone is computed at once where it is, nothing has to be stopped, and what waits is answered as long as those who asked
are there. Only where more batches could be computed than threads wait do helpers take some: a large request that comes
alone is spread over all places.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from serving.batch_queue import BatchQueue, Row
from serving.batching_parameters import BatchingSettings
from serving.call import current_call
from serving.engine import Tensors
from serving.errors import InvalidArgumentError, ServingError, UnavailableError

__all__ = ["BatchFailedError", "BatchObserver", "Batcher", "ComputeBatch", "Request"]

_log = logging.getLogger(__name__)


class BatchFailedError(Exception):
    """A batch failed; not every request in it has to be the cause."""


class Request:
    """Rows that one caller wants computed.

    Args:
        inputs: arrays whose first dimension is that of the rows.
        lengths: tokens of each row, or what stands for them.
    """

    def __init__(self, inputs: Tensors, lengths: Sequence[int]) -> None:
        self.inputs = inputs
        self.call = current_call()
        self.arrived = time.monotonic()
        self.rows = [Row(self, index, length) for index, length in enumerate(lengths)]
        self.queued = self.missing = len(self.rows)
        self.outputs: dict[str, npt.NDArray[Any]] = {}
        self.failed = False
        self.leads = False
        self.awake = threading.Event()

    @property
    def finished(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.failed or not self.missing

    @property
    def gone(self) -> bool:
        """Whether its thread has no reason to stay."""
        return self.finished or self.call.over

    def receive(self, indices: Sequence[int], outputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes the outputs of some of its rows."""
        for name, values in outputs.items():
            if name not in self.outputs:
                self.outputs[name] = np.empty((len(self.rows), *values.shape[1:]), values.dtype)
            self.outputs[name][indices] = values
        self.missing -= len(indices)


ComputeBatch: TypeAlias = Callable[[Sequence[Row[Request]]], Mapping[str, npt.NDArray[Any]]]
"""From the rows of a batch to outputs whose first rows are theirs."""


class BatchObserver(Protocol):
    """What is told of every request and every batch."""

    def took(self, rows: int) -> None:
        """A request of so many rows was taken."""

    def started(self, rows: Sequence[Row[Request]]) -> None:
        """A batch goes to the model; its rows are sorted by length."""

    def started_alone(self, length: int) -> None:
        """A row of that length goes to the model, and waited for nothing."""


class _Lane:
    """Rows that can be computed together."""

    def __init__(
        self, key: tuple[object, Hashable], compute: ComputeBatch, queue: BatchQueue[Request]
    ) -> None:
        self.key = key
        self.compute = compute
        self.queue = queue


class Batcher:
    """Decides for all models of a server which batch is computed when. Thread-safe.

    Args:
        settings: TensorFlow Serving's.
        max_tokens: of a batch, padding included.
        observer: is told of what happens.
    """

    def __init__(
        self, settings: BatchingSettings, *, max_tokens: int, observer: BatchObserver | None = None
    ) -> None:
        self.settings = settings
        self._max_tokens = max_tokens
        self._observer = observer
        self._lock = threading.Lock()
        self._arrival = threading.Condition(self._lock)
        self._lanes: dict[tuple[object, Hashable], _Lane] = {}
        self._idle: OrderedDict[Request, None] = OrderedDict()
        """Requests with queued rows whose threads only wait, the oldest first."""
        self._free_places = settings.num_batch_threads
        self._helpers = ThreadPoolExecutor(settings.num_batch_threads, thread_name_prefix="batch helper")
        self._gathering = False
        """Whether a leader was named that has not taken its batch yet."""

    @property
    def queued_rows(self) -> int:
        """How many rows wait for a batch."""
        with self._lock:
            return sum(len(lane.queue) for lane in self._lanes.values())

    @contextmanager
    def alone(self, length: int) -> Iterator[bool]:
        """Inside the block, whether a row may be computed by itself: it has a place, and nobody waits to join it.

        Whoever asks a server that does nothing else waits for every line of Python, so this is far less than `run`.

        Args:
            length: of the row, for the observer.
        """
        settings = self.settings
        with self._lock:
            idle = self._free_places and not self._gathering and not self._lanes
            alone = bool(idle) and not settings.batch_timeout_micros and not settings.allowed_batch_sizes
            if alone:
                self._free_places -= 1
        if not alone:
            yield False
            return
        try:
            if self._observer:
                self._observer.took(1)
                self._observer.started_alone(length)
            yield True
        finally:
            with self._lock:
                self._free_places += 1
                self._appoint()

    def run(
        self,
        request: Request,
        *,
        owner: object,
        key: Hashable,
        compute: ComputeBatch,
        skips_padding: bool = False,
    ) -> Tensors:
        """Waits for the outputs of a request, and computes batches meanwhile.

        Args:
            request: is computed together with others of the same owner and key.
            owner: the limit of what is queued is its own.
            key: what rows of a batch have in common.
            compute: computes a batch of such rows.
            skips_padding: see `BatchQueue`.

        Raises:
            InvalidArgumentError: the request has too many rows.
            UnavailableError: too many rows are queued already.
            DeadlineExceededError: the deadline has passed.
            CancelledError: the client has gone.
            BatchFailedError: a batch failed; compute the request alone, to see whether it is the cause.
        """
        with self._lock:
            self._admit(request, owner)
            lane = self._enqueue(request, (owner, key), compute, skips_padding=skips_padding)
        if self._observer:
            self._observer.took(len(request.rows))
        with request.call.on_cancel(lambda: self._wake(request)):
            self._wait(request, lane)
        if request.failed:
            raise BatchFailedError
        if request.missing:
            request.call.check()
        return request.outputs

    def _admit(self, request: Request, owner: object) -> None:
        settings, count = self.settings, len(request.rows)
        if count > settings.max_batch_size:
            raise InvalidArgumentError(
                f"Task size {count} is larger than maximum input batch size {settings.max_batch_size}"
            )
        size = settings.execution_batch_size
        queued = sum(len(lane.queue) for lane in self._lanes.values() if lane.key[0] is owner)
        capacity = settings.max_enqueued_batches * size - queued
        if count > capacity:
            raise UnavailableError(
                "The batch scheduling queue to which this task was submitted is full; task size is "
                f"{count} but scheduling capacity is only {capacity} (num_enqueued_batches={-(-queued // size)}, "
                f"max_enqueued_batches={settings.max_enqueued_batches}, open_batch_size={queued % size}, "
                f"max_execution_batch_size={size})"
            )

    def _enqueue(
        self, request: Request, key: tuple[object, Hashable], compute: ComputeBatch, *, skips_padding: bool
    ) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            max_rows = self.settings.execution_batch_size
            queue = BatchQueue[Request](
                max_rows=max_rows, max_tokens=self._max_tokens, skips_padding=skips_padding
            )
            lane = self._lanes[key] = _Lane(key, compute, queue)
        for row in request.rows:
            lane.queue.add(row)
        self._idle[request] = None
        self._appoint()
        self._arrival.notify_all()
        return lane

    def _wait(self, request: Request, lane: _Lane) -> None:
        """Returns when the request is finished or its call is over, and it leads no more."""
        while request.leads or not request.finished:
            if request.leads:
                self._lead(request, lane)
                continue
            request.awake.wait(request.call.seconds_left)
            with self._lock:
                request.awake.clear()
                if request.call.over and not request.leads:
                    self._withdraw(request, lane)
                    return

    def _wake(self, request: Request) -> None:
        """Lets a request see that its call is over, whatever it waits for."""
        with self._lock:
            request.awake.set()
            self._arrival.notify_all()

    def _appoint(self) -> None:
        """Has the next batch computed by the thread of the oldest idle request, if there is a place for it.

        Where rows wait and no such thread does, a helper takes it.
        """
        if not self._free_places or self._gathering or not self._lanes:
            return
        self._free_places -= 1
        self._gathering = True
        if self._idle:
            request, _ = self._idle.popitem(last=False)
            request.leads = True
            request.awake.set()
        else:
            self._helpers.submit(self._help)

    def _help(self) -> None:
        try:
            self._compute_next(None)
        finally:
            with self._lock:
                self._free_places += 1
                self._appoint()

    def _lead(self, request: Request, own_lane: _Lane) -> None:
        """Computes the next batch and gives the place back."""
        try:
            self._compute_next(request)
        finally:
            with self._lock:
                request.leads = False
                self._free_places += 1
                if request.call.over:
                    self._withdraw(request, own_lane)
                elif request.queued:
                    self._idle[request] = None
                    self._idle.move_to_end(request, last=False)
                self._appoint()

    def _compute_next(self, leader: Request | None) -> None:
        with self._lock:
            lane, rows = self._next_batch(leader)
        if lane:
            self._compute(lane, rows)

    def _next_batch(self, leader: Request | None) -> tuple[_Lane | None, list[Row[Request]]]:
        """The batch with the oldest row, without those rows for which nobody waits any more.

        A leader that was answered or given up meanwhile goes home instead.
        """
        lane, rows = None, list[Row[Request]]()
        while not rows and not (leader and leader.gone) and (lane := self._oldest_lane()):
            waited = time.monotonic() - lane.queue.oldest.request.arrived
            left = self.settings.batch_timeout_micros / 1e6 - waited
            if left > 0 and not lane.queue.full:
                leader_left = leader.call.seconds_left if leader else None
                self._arrival.wait(left if leader_left is None else min(left, leader_left))
                continue
            for row in self._take(lane):
                if row.request.call.over:
                    self._withdraw(row.request, lane)
                else:
                    rows.append(row)
        self._gathering = False
        self._appoint()
        return (lane, rows) if rows else (None, [])

    def _oldest_lane(self) -> _Lane | None:
        return min(self._lanes.values(), key=lambda lane: lane.queue.oldest.number, default=None)

    def _take(self, lane: _Lane) -> list[Row[Request]]:
        rows = lane.queue.take(1 + self._free_places)
        for row in rows:
            row.request.queued -= 1
            if not row.request.queued:
                self._idle.pop(row.request, None)
        self._drop_if_empty(lane)
        return rows

    def _withdraw(self, request: Request, lane: _Lane) -> None:
        """Takes out what is still queued of a request."""
        if request.queued:
            for row in request.rows:
                lane.queue.remove(row)
            request.queued = 0
            self._idle.pop(request, None)
            self._drop_if_empty(lane)

    def _drop_if_empty(self, lane: _Lane) -> None:
        # Keys hold shapes that clients choose: they must not fill the memory.
        if not len(lane.queue):
            self._lanes.pop(lane.key, None)

    def _compute(self, lane: _Lane, rows: Sequence[Row[Request]]) -> None:
        if self._observer:
            self._observer.started(rows)
        positions: dict[Request, list[int]] = {}
        for position, row in enumerate(rows):
            positions.setdefault(row.request, []).append(position)
        try:
            outputs = lane.compute(rows)
        except Exception as err:  # those who waited compute alone, and see what is theirs
            if not isinstance(err, ServingError):
                _log.exception("a batch of %d rows failed", len(rows))
            with self._lock:
                for request in positions:
                    request.failed = True
                    self._withdraw(request, lane)
                    request.awake.set()
            return
        with self._lock:
            for request, own in positions.items():
                indices = [rows[position].index for position in own]
                request.receive(indices, {name: values[own] for name, values in outputs.items()})
                if request.finished:
                    request.awake.set()
