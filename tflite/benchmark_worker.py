"""The child of `tflite.benchmark`: runs models on ids that it is given, and times them.

One JSON request comes on stdin, one JSON answer goes to stdout. A process of its own is what a cold start and a memory
peak can be told of, and what a damaged file may crash.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tflite.errors import ModelFileError
from tflite.isolated_worker import limit_memory
from tflite.session import Session

__all__ = ["measure_cold_start", "measure_speed"]

_WARM_UP_RUNS = 3

Row: TypeAlias = Mapping[str, Any]
"""{"ids": token ids of a text, "text": one of as many tokens}: each model takes one of them."""


class _OnnxSession:
    """A BERT in ONNX: `input_ids`, `attention_mask` and, where it has them, `token_type_ids`, int64 [1, tokens]."""

    def __init__(self, path: str, num_threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as err:
            raise ModelFileError(f"{path}: ONNX files need onnxruntime; `pip install onnxruntime`") from err
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as err:  # the runtime's errors have no public common base
            raise ModelFileError(f"{path}: ONNX Runtime cannot load it ({err})") from err
        self._names = [one.name for one in self._session.get_inputs()]

    def run(self, ids: Sequence[int]) -> Any:
        row = np.asarray([ids], np.int64)
        values = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
        }
        if unknown := set(self._names) - set(values):
            raise ModelFileError(f"the ONNX model wants {sorted(unknown)}; expected {sorted(values)}")
        return self._session.run(None, {name: values[name] for name in self._names})


def _open(path: str, num_threads: int) -> Callable[[Row], object]:
    """What runs a model on a row."""
    if path.endswith(".onnx"):
        onnx = _OnnxSession(path, num_threads)
        return lambda row: onnx.run(row["ids"])
    session = Session(Path(path), num_threads=num_threads)
    if session.takes_text:
        return lambda row: session.run_text(row["text"].encode())
    return lambda row: session.run(row["ids"])


def measure_speed(
    models: Sequence[str], threads: Sequence[int], rows: Sequence[Row], rounds: int, runs: int
) -> list[dict[str, Any]]:
    """Times of warm inferences, by threads and length; models take turns, so that noise meets all of them.

    Returns:
        per threads and row: {"threads", "tokens", "median_ms", "p90_ms"}, the times one a model.
    """
    found = []
    for num_threads in threads:
        opened = [_open(path, num_threads) for path in models]
        for row in rows:
            times: list[list[float]] = [[] for _ in models]
            for _ in range(rounds):
                for run, own in zip(opened, times, strict=True):
                    own += _timed_runs(run, row, runs)
            found.append(
                {
                    "threads": num_threads,
                    "tokens": len(row["ids"]),
                    "median_ms": [statistics.median(own) for own in times],
                    "p90_ms": [float(np.quantile(own, 0.9)) for own in times],
                }
            )
    return found


def _timed_runs(run: Callable[[Row], object], row: Row, runs: int) -> list[float]:
    """Milliseconds of each run, after some that bring the model's weights back into the caches."""
    times = []
    for number in range(_WARM_UP_RUNS + runs):
        started = time.perf_counter()
        run(row)
        if number >= _WARM_UP_RUNS:
            times.append(1000 * (time.perf_counter() - started))
    return times


def measure_cold_start(model: str, first: Row, longest: Row) -> dict[str, float]:
    """Times of the first opening and the first answer of this process, and what memory the model takes at most."""
    before_mb = _memory_mb("VmRSS")
    started = time.perf_counter()
    run = _open(model, 1)
    opened = time.perf_counter()
    run(first)
    answered = time.perf_counter()
    run(longest)
    peak_mb = _memory_mb("VmHWM")
    return {
        "open_ms": 1000 * (opened - started),
        "first_answer_ms": 1000 * (answered - opened),
        "process_peak_mb": peak_mb,
        "model_peak_mb": peak_mb - before_mb,
    }


def _memory_mb(field: str) -> float:
    """VmRSS (resident now) or VmHWM (at most so far) of this process, in MB; NaN where there is no /proc."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(field + ":"))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request: Mapping[str, Any] = json.load(sys.stdin)
    measures: dict[str, Callable[..., Any]] = {"speed": measure_speed, "cold_start": measure_cold_start}
    limit_memory(request["file_bytes"])
    try:
        answer: Any = {"found": measures[request["what"]](**request["arguments"])}
    except (ModelFileError, RuntimeError, ValueError, MemoryError) as err:
        answer = {"error": str(err) or type(err).__name__}
    json.dump(answer, answers)
    answers.flush()


if __name__ == "__main__":
    main()
