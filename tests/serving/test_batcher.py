"""Real threads around a computation that the test holds up."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from serving.batch_queue import Row
from serving.batcher import Batcher, BatchFailedError, Request
from serving.batching_parameters import BatchingSettings
from serving.call import Call, running
from serving.errors import (
    CancelledError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    UnavailableError,
)
from tests.waiting import until

TIMEOUT_S = 60.0


class Doubling:
    """Doubles numbers in batches; holds each batch up while the gate is shut; refuses negative numbers."""

    def __init__(self, **settings: int) -> None:
        self.batcher = Batcher(BatchingSettings(**{"num_batch_threads": 1, **settings}), max_tokens=512)
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[list[float]] = []
        self.threads: list[threading.Thread] = []
        self.seconds = 0.0

    def compute(self, rows: Sequence[Row[Request]]) -> dict[str, npt.NDArray[Any]]:
        values = np.array([row.request.inputs["x"][row.index] for row in rows])
        self.batches.append(sorted(values.tolist()))
        self.threads.append(threading.current_thread())
        assert self.gate.wait(TIMEOUT_S)
        time.sleep(self.seconds)
        if values.min() < 0:
            raise InternalError("negative")
        return {"y": 2 * values}

    def ask(
        self, *values: float, call: Call | None = None, key: str = "", owner: str = "", length: int = 1
    ) -> list[float]:
        with running(call or Call()):
            request = Request({"x": np.array(values)}, [length] * len(values))
            found = self.batcher.run(request, owner=owner, key=key, compute=self.compute)
        return found["y"].tolist()  # type: ignore[no-any-return]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def hold_up(doubling: Doubling, pool: ThreadPoolExecutor) -> "Future[list[float]]":
    """Starts a batch that runs until the gate opens."""
    doubling.gate.clear()
    first = pool.submit(doubling.ask, 1.0)
    until(lambda: len(doubling.batches) == 1)
    return first


def enqueue(
    doubling: Doubling, pool: ThreadPoolExecutor, *values: float, **options: Any
) -> "Future[list[float]]":
    before = doubling.batcher.queued_rows
    future = pool.submit(doubling.ask, *values, **options)
    until(lambda: doubling.batcher.queued_rows == before + len(values))
    return future


def test_a_request_alone_is_computed_at_once_where_it_is() -> None:
    doubling = Doubling()
    assert doubling.ask(1.0, 2.0) == [2.0, 4.0]
    assert doubling.threads == [threading.current_thread()]


def test_what_comes_meanwhile_is_computed_together(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    others = [enqueue(doubling, pool, value) for value in (2.0, 3.0, 4.0)]
    doubling.gate.set()
    assert [future.result(TIMEOUT_S) for future in (first, *others)] == [[2.0], [4.0], [6.0], [8.0]]
    assert doubling.batches == [[1.0], [2.0, 3.0, 4.0]]


def test_keys_keep_apart_and_the_oldest_goes_first(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    others = [enqueue(doubling, pool, value, key=key) for value, key in ((2.0, "b"), (3.0, "a"), (4.0, "b"))]
    doubling.gate.set()
    assert [future.result(TIMEOUT_S) for future in (first, *others)] == [[2.0], [4.0], [6.0], [8.0]]
    assert doubling.batches == [[1.0], [2.0, 4.0], [3.0]]


def test_as_many_batches_at_a_time_as_there_are_places(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(num_batch_threads=2)
    doubling.gate.clear()
    futures = [pool.submit(doubling.ask, 1.0)]
    until(lambda: len(doubling.batches) == 1)
    futures.append(pool.submit(doubling.ask, 2.0))
    until(lambda: len(doubling.batches) == 2)
    futures += [enqueue(doubling, pool, value) for value in (3.0, 4.0)]
    assert len(doubling.batches) == 2
    doubling.gate.set()
    assert [future.result(TIMEOUT_S) for future in futures] == [[2.0], [4.0], [6.0], [8.0]]


def test_a_large_request_is_split_and_rejoined(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(max_batch_size=10, enable_large_batch_splitting=True, max_execution_batch_size=4)
    values = [float(value) for value in range(10)]
    assert doubling.ask(*values) == [2 * value for value in values]
    assert [len(batch) for batch in doubling.batches] == [4, 4, 2]


def test_a_large_request_alone_is_spread_over_all_places(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(num_batch_threads=3, max_batch_size=64)
    doubling.gate.clear()
    values = [float(value) for value in range(9)]
    large = pool.submit(doubling.ask, *values, length=50)
    until(lambda: len(doubling.batches) == 3)
    assert len(set(doubling.threads)) == 3
    assert [len(batch) for batch in doubling.batches] == [3, 3, 3]
    doubling.gate.set()
    assert large.result(TIMEOUT_S) == [2 * value for value in values]
    assert doubling.ask(1.0, 2.0) == [2.0, 4.0], "no place was lost"
    assert len(doubling.batches) == 4, "a small one is not worth it"


def test_the_end_of_a_call_takes_what_no_place_has_taken(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(num_batch_threads=2, max_batch_size=64)
    doubling.gate.clear()
    others = [pool.submit(doubling.ask, 1.0, length=50)]
    until(lambda: len(doubling.batches) == 1)
    call = Call()
    late = pool.submit(doubling.ask, *(float(value) for value in range(12)), length=100, call=call)
    until(lambda: len(doubling.batches) == 2)
    call.cancel()
    doubling.gate.set()
    with pytest.raises(CancelledError):
        late.result(TIMEOUT_S)
    assert [future.result(TIMEOUT_S) for future in others] == [[2.0]]
    assert (doubling.batcher.queued_rows, len(doubling.batches)) == (0, 2)


def test_too_large_a_request_is_refused() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"^Task size 3 is larger than maximum input batch size 2$"
    ):
        Doubling(max_batch_size=2).ask(1.0, 2.0, 3.0)


def test_a_full_queue_refuses_in_tensorflow_servings_words(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(max_batch_size=2, max_enqueued_batches=2)
    futures = [hold_up(doubling, pool), *(enqueue(doubling, pool, 2.0, 3.0) for _ in range(2))]
    with pytest.raises(UnavailableError) as error:
        doubling.ask(4.0)
    assert str(error.value) == (
        "The batch scheduling queue to which this task was submitted is full; task size is 1 but scheduling capacity "
        "is only 0 (num_enqueued_batches=2, max_enqueued_batches=2, open_batch_size=0, max_execution_batch_size=2)"
    )
    other = enqueue(doubling, pool, 5.0, owner="another model")
    doubling.gate.set()
    assert [future.result(TIMEOUT_S) for future in (*futures, other)] == [
        [2.0],
        [4.0, 6.0],
        [4.0, 6.0],
        [10.0],
    ]
    assert doubling.ask(4.0) == [8.0], "there is room again"


def test_work_whose_deadline_has_passed_is_never_run(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    late = pool.submit(doubling.ask, 2.0, call=Call(0.05))
    with pytest.raises(DeadlineExceededError):
        late.result(TIMEOUT_S)
    assert doubling.batcher.queued_rows == 0
    doubling.gate.set()
    assert first.result(TIMEOUT_S) == [2.0]
    assert doubling.ask(3.0) == [6.0]
    assert doubling.batches == [[1.0], [3.0]]


def test_cancelled_work_is_dropped(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    call = Call()
    gone, stays = enqueue(doubling, pool, 2.0, 3.0, call=call), enqueue(doubling, pool, 4.0)
    call.cancel()
    with pytest.raises(CancelledError):
        gone.result(TIMEOUT_S)
    doubling.gate.set()
    assert (first.result(TIMEOUT_S), stays.result(TIMEOUT_S)) == ([2.0], [8.0])
    assert doubling.batches == [[1.0], [4.0]]


def test_rows_of_a_call_that_ends_while_they_run_are_not_waited_for(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    call = Call()
    leader, gone = enqueue(doubling, pool, 2.0), enqueue(doubling, pool, 3.0, call=call)
    doubling.batches.clear()
    # The batch of both starts behind the first one, and is held up in turn.
    gates = doubling.gate, threading.Event()
    doubling.gate = gates[1]
    gates[0].set()
    until(lambda: doubling.batches == [[2.0, 3.0]])
    call.cancel()
    with pytest.raises(CancelledError):
        gone.result(TIMEOUT_S)
    gates[1].set()
    assert (first.result(TIMEOUT_S), leader.result(TIMEOUT_S)) == ([2.0], [4.0])


def test_a_batch_that_fails_fails_all_that_is_in_it_and_no_more(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling()
    first = hold_up(doubling, pool)
    others = [enqueue(doubling, pool, -1.0), enqueue(doubling, pool, 2.0)]
    apart = enqueue(doubling, pool, 3.0, key="apart")
    doubling.gate.set()
    for future in others:
        with pytest.raises(BatchFailedError):
            future.result(TIMEOUT_S)
    assert (first.result(TIMEOUT_S), apart.result(TIMEOUT_S)) == ([2.0], [6.0])
    assert doubling.ask(4.0) == [8.0]


def test_the_first_request_waits_for_others_until_the_timeout(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(batch_timeout_micros=1_000_000, max_batch_size=8)
    started = time.monotonic()
    futures = [pool.submit(doubling.ask, float(value)) for value in range(3)]
    assert [future.result(TIMEOUT_S) for future in futures] == [[0.0], [2.0], [4.0]]
    assert time.monotonic() - started >= 1.0
    assert sorted(len(batch) for batch in doubling.batches)[-1] > 1


def test_a_full_batch_does_not_wait(pool: ThreadPoolExecutor) -> None:
    doubling = Doubling(batch_timeout_micros=2**40, max_batch_size=3)
    futures = [pool.submit(doubling.ask, float(value)) for value in range(3)]
    assert [future.result(TIMEOUT_S) for future in futures] == [[0.0], [2.0], [4.0]]
    assert doubling.batches == [[0.0, 1.0, 2.0]]


def test_a_deadline_ends_the_wait_for_others() -> None:
    doubling = Doubling(batch_timeout_micros=2**40)
    with pytest.raises(DeadlineExceededError):
        doubling.ask(1.0, call=Call(0.05))
    assert doubling.batches == []
    assert doubling.batcher.queued_rows == 0


@pytest.mark.parametrize("timeout_micros", [0, 2000])
def test_nothing_is_lost_or_mixed_up_in_a_crowd(pool: ThreadPoolExecutor, timeout_micros: int) -> None:
    doubling = Doubling(
        num_batch_threads=2, max_batch_size=8, max_enqueued_batches=6, batch_timeout_micros=timeout_micros
    )
    doubling.seconds = 0.002
    ends = {"answered": 0, "refused": 0, "over": 0}
    lock = threading.Lock()

    def client(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            values = rng.integers(-1 if rng.random() < 0.1 else 0, 1000, rng.integers(1, 9)).astype(float)
            call = Call(float(rng.choice([0.0005, 0.01, TIMEOUT_S])))
            if rng.random() < 0.2:
                threading.Timer(rng.random() / 500, call.cancel).start()
            try:
                answer = doubling.ask(*values, call=call, key=str(rng.integers(2)))
                end = "answered"
                assert answer == (2 * values).tolist()
            except UnavailableError:
                end = "refused"
            except (DeadlineExceededError, CancelledError, BatchFailedError):
                end = "over"
            with lock:
                ends[end] += 1

    for future in [pool.submit(client, seed) for seed in range(24)]:
        future.result(TIMEOUT_S)
    assert sum(ends.values()) == 24 * 30
    assert min(ends.values()) > 0, ends
    assert doubling.batcher.queued_rows == 0
    assert doubling.ask(1.0) == [2.0], "no place was lost"
