"""Looks at the requests and answers of a model, beside the requests."""

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.description import Description
from serving.engine import Engine, Tensors
from serving.watch.counts import Reference, TrafficCounts
from serving.watch.window import SlidingWindow

__all__ = ["WatchedEngine"]

_log = logging.getLogger(__name__)

_MAX_WAITING = 64
_MAX_ROWS = 64
_MAX_BYTES = 4096
"""Of a request that many rows are looked at, of a text that many bytes, and that many requests can wait: 16 MB at most.
What does not fit is skipped, and counted."""

_SHARE_OF_A_CPU = 0.05
"""So much time the watch takes; with more traffic than fits, it sees a sample."""

_TOKENIZE = "tokenize"
_EXAMPLES = "inputs"
"""The input of Classify and Regress: serialized tf.Examples."""


@dataclass(frozen=True)
class _Seen:
    """Rows of a request, copied, so that the rest of it can be freed."""

    signature_name: str
    inputs: Mapping[str, Any]
    scores: npt.NDArray[Any] | None


class WatchedEngine:
    """An `Engine` around another that counts what passes through. A request waits for nothing but a copy of its rows.

    Args:
        engine: what computes.
        description: of the model.
        reference: what is usual for it; None if it came without.
        window_seconds: how long counts are kept.
    """

    def __init__(
        self, engine: Engine, description: Description, reference: Reference | None, *, window_seconds: float
    ) -> None:
        self.signature_defs = engine.signature_defs
        self.description = description
        self.reference = reference
        self._engine = engine
        self._columns = dict(_answered_columns(description))
        self._window = SlidingWindow(len(description.labels), seconds=window_seconds)
        self._lock = threading.Lock()
        self._skipped = 0
        self._waiting: queue.Queue[_Seen | None] = queue.Queue(_MAX_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self._thread.start()

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs a signature in the engine inside, and has its inputs and outputs looked at later."""
        answers = self._engine.compute(signature_name, inputs, outputs)
        if signature_name in self._columns:
            self._offer(signature_name, inputs, answers)
        return answers

    def close(self) -> None:
        """Stops looking, then frees the model."""
        self._stopping.set()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join()
        self._engine.close()

    @property
    def skipped(self) -> int:
        """How many rows nobody has looked at, since the model was loaded."""
        return self._skipped

    def counts(self) -> TrafficCounts:
        """What was counted in the window."""
        with self._lock:
            return self._window.total()

    def _offer(self, signature_name: str, inputs: Tensors, answers: Tensors) -> None:
        scores = answers.get("scores", answers.get("outputs"))
        rows = max(map(len, inputs.values()))
        try:
            self._waiting.put_nowait(
                _Seen(
                    signature_name,
                    {name: _first_rows(name, array) for name, array in inputs.items()},
                    None if scores is None else scores[:_MAX_ROWS].copy(),
                )
            )
        except queue.Full:
            looked_at = 0
        else:
            looked_at = _MAX_ROWS
        if rows > looked_at:
            with self._lock:
                self._skipped += rows - looked_at

    def _work(self) -> None:
        # `close` sets the event before it sends None, which `_rest` may take as well.
        while not self._stopping.is_set():
            if (seen := self._waiting.get()) is None:
                return
            started = time.thread_time()
            try:
                self._look_at([seen, *self._rest()])
            except Exception:  # whatever the watch stumbles over, the model answers on
                _log.exception("live traffic could not be counted")
            self._stopping.wait((time.thread_time() - started) * (1 / _SHARE_OF_A_CPU - 1))

    def _rest(self) -> Iterator[_Seen]:
        with suppress(queue.Empty):
            for _ in range(_MAX_WAITING):
                if (seen := self._waiting.get_nowait()) is None:
                    return
                yield seen

    def _look_at(self, batch: list[_Seen]) -> None:
        found = TrafficCounts(len(self.description.labels))
        texts = [text for seen in batch for text in _texts(seen.inputs)]
        found.add_texts([text.decode("utf-8", "ignore") for text in texts])
        if self.reference:
            unknown = self.reference.unknown_token_id
            if texts and _TOKENIZE in self.signature_defs:
                tokens = self._tokenize(texts)
                found.add_tokens(tokens["token_ids"], tokens["padding_mask"], unknown)
            for seen in batch:
                if "token_ids" in seen.inputs:
                    found.add_tokens(seen.inputs["token_ids"], seen.inputs["padding_mask"], unknown)
        scores: dict[str, list[npt.NDArray[Any]]] = {}
        for seen in batch:
            if seen.scores is not None:
                width = len(self._columns[seen.signature_name])
                scores.setdefault(seen.signature_name, []).append(seen.scores.reshape(-1, width))
        for name, answers in scores.items():
            # All at once: one by one, the interpreter is kept from those who answer for tens of milliseconds.
            found.add_answers(
                np.concatenate(answers),
                self._columns[name],
                self.description.heads,
                self.description.thresholds,
            )
        with self._lock:
            self._window.current().add(found)

    def _tokenize(self, texts: list[bytes]) -> dict[str, npt.NDArray[Any]]:
        column = np.array(texts, dtype=object)
        nothing = np.full(len(texts), b"", dtype=object)
        names = self.description.signatures[_TOKENIZE].inputs
        inputs = {name: column if name == "text" else nothing for name in names}
        return self._engine.compute(_TOKENIZE, inputs, ("padding_mask", "token_ids"))


def _answered_columns(description: Description) -> Iterator[tuple[str, tuple[int, ...]]]:
    """For each signature that scores, which columns of all scores it gives (`serving.exported_model`)."""
    columns: dict[str, int] = {}
    labels: list[int] = []
    for head in description.heads:
        for name in head.outputs:
            columns[name] = len(columns)
            if not head.is_regression:
                labels.append(columns[name])
    everything = tuple(range(len(columns)))
    yield from (("serving_default", everything), ("tokens", everything), ("classify", tuple(labels)))
    for head in description.heads:
        own = tuple(columns[name] for name in head.outputs)
        if not head.is_regression:
            yield f"classify_{head.name}", own
            continue
        yield "regress", own[:1]
        yield from ((f"regress_{name}", (columns[name],)) for name in head.outputs)


def _first_rows(name: str, array: npt.NDArray[Any]) -> Any:
    if array.dtype != object:
        return array[:_MAX_ROWS].copy()
    rows = array[:_MAX_ROWS].tolist()
    if name == _EXAMPLES:  # cut off, they could not be read
        return [value for value in rows if len(value) <= _MAX_BYTES]
    return [bytes(value[:_MAX_BYTES]) for value in rows]


def _texts(inputs: Mapping[str, Any]) -> list[bytes]:
    """The texts of a request: a column of its own, or a feature of tf.Examples."""
    if _EXAMPLES not in inputs:
        return list(inputs.get("text", ()))
    found: list[bytes] = []
    for serialized in inputs[_EXAMPLES]:
        values = tf.train.Example.FromString(serialized).features.feature["text"].bytes_list.value
        found += values[:1]
    return found
