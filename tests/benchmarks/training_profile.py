"""Where the time of a training step goes, and how near it is to what the machine can multiply.

Trains MiniLM on GoEmotions as `pipeline/configs/goemotions.yaml` says and times, on the same batches, ever longer
parts of a step: the forward pass; forward and backward; and the whole step with clipping, AdamW and the average of
the weights. A part is the difference of two. What the token embedding takes of it is the difference to the same
without its gradient. The input is timed where it is made. All matrix products of a step, counted from the network's
shapes, over the speed of the largest of them alone give the least time that a step could take on this machine.

    python -m tests.benchmarks.training_profile [--batch-size 64] [--steps 60] [--shared-data DIR]

Nothing else should run meanwhile.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.batching import Step
from tests.benchmarks.trainer_step import TrainerStep
from tests.benchmarks.training_speed import write_tokens

_WARM_UP_STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tokens.npz"
        write_tokens(arguments.shared_data / "goemotions" / "train.tsv", path)
        with np.load(path) as arrays:
            data = {key: arrays[key] for key in ("tokens", "starts", "targets")}
    step = TrainerStep.of(data, batch_size=arguments.batch_size)
    steps, input_ms = timed_input(step, arguments.steps)
    report(step, steps, input_ms, timed_parts(step, steps))


def timed_input(step: TrainerStep, count: int) -> tuple[list[Step], float]:
    """The steps to measure with, and the mean milliseconds that it took to make one."""
    next(step.batches)
    started = time.perf_counter()
    steps = [next(step.batches) for _ in range(count)]
    return steps, (time.perf_counter() - started) * 1e3 / count


def timed_parts(step: TrainerStep, steps: Sequence[Step]) -> dict[str, float]:
    """Mean milliseconds over the same batches by part; the parts take turns at every batch."""
    embedding = next(index for index, variable in enumerate(step.variables) if is_token_table(variable))
    others = [variable for index, variable in enumerate(step.variables) if index != embedding]
    parts = {
        "forward": graph(step, []),
        "without embedding": graph(step, others),
        "backward": graph(step, step.variables),
        "step": step.train,
    }
    for part in parts.values():
        for one in steps[:_WARM_UP_STEPS]:
            run(part, one)
    times: dict[str, list[float]] = {name: [] for name in parts}
    for one in steps:
        for name, part in parts.items():
            started = time.perf_counter()
            run(part, one)
            times[name].append((time.perf_counter() - started) * 1e3)
    return {name: statistics.fmean(values) for name, values in times.items()}


def is_token_table(variable: tf.Variable) -> bool:
    """The largest variable: the vectors of all tokens."""
    return variable.shape.rank == 2 and variable.shape[0] > 8 * variable.shape[1]


def graph(step: TrainerStep, variables: Sequence[tf.Variable]) -> Callable[[Step], Any]:
    """Loss and gradients of the variables, summed up to a number so that nothing is left out."""

    labels = step.network.output.shape[-1]

    @tf.function(input_signature=[INPUT_SPEC, tf.TensorSpec([None, labels]), tf.TensorSpec([None])])
    def loss_and_gradients(inputs: Any, targets: Any, weights: Any) -> Any:
        loss, found = step.regular.gradients(step.regular.objective, variables, inputs, targets, weights)
        values = [item.values if isinstance(item, tf.IndexedSlices) else item for item in found]
        with tf.control_dependencies([value for value in values if value is not None]):
            return tf.identity(loss)

    def call(one: Step) -> Any:
        (batch,) = one.parts
        return loss_and_gradients(dict(batch.inputs), batch.targets, batch.weights)

    return call


def run(part: Callable[[Step], Any], one: Step) -> None:
    float(part(one))


def matmul_floor_ms(step: TrainerStep, steps: Sequence[Step]) -> tuple[float, float]:
    """The least mean milliseconds for the matrix products of a step, and the speed of the largest in GFLOP/s.

    A product with a weight matrix takes 2 x rows x size operations forward and twice that backward; the attention of a
    layer takes 4 x rows x length x width forward.
    """
    kernels = [
        variable.shape for variable in step.variables if variable.shape.rank >= 2 and not is_table(variable)
    ]
    weights = sum(int(np.prod(shape)) for shape in kernels)
    layers = sum(
        "query" in variable.path and "kernel" in variable.path for variable in step.network.variables
    )
    width = max(int(shape[0]) for shape in kernels if len(shape) == 3)
    flops = []
    for one in steps:
        rows, length = one.parts[0].inputs["token_ids"].shape
        flops.append(3 * rows * length * (2 * weights + 4 * layers * length * width))
    speed = multiply_speed(
        step, int(statistics.median(one.parts[0].inputs["token_ids"].size for one in steps))
    )
    return statistics.fmean(flops) / speed * 1e3, speed / 1e9


def is_table(variable: tf.Variable) -> bool:
    """Looked up, not multiplied: tokens, positions, segments."""
    return is_token_table(variable) or "embedding" in variable.name or variable.shape[0] in (2, 512)


def multiply_speed(step: TrainerStep, rows: int) -> float:
    """Operations a second of a batch's tokens times the first matrix of a feed-forward layer."""
    (backbone,) = (layer for layer in step.network.layers if hasattr(layer, "token_embedding"))
    dtype = keras.backend.standardize_dtype(backbone.compute_dtype)
    tokens = tf.cast(tf.random.normal([rows, 384]), dtype)
    matrix = tf.cast(tf.random.normal([384, 1536]), dtype)
    multiply = tf.function(lambda: tf.matmul(tokens, matrix))
    times = []
    for _ in range(50):
        started = time.perf_counter()
        multiply().numpy()
        times.append(time.perf_counter() - started)
    return float(2 * rows * 384 * 1536 / statistics.median(times))


def report(step: TrainerStep, steps: Sequence[Step], input_ms: float, parts: dict[str, float]) -> None:
    total = parts["step"] + input_ms
    examples = statistics.fmean(one.examples for one in steps)
    tokens = statistics.fmean(one.tokens for one in steps)
    padded = statistics.fmean(one.parts[0].inputs["token_ids"].size for one in steps)
    rows = {
        "input pipeline": input_ms,
        "forward": parts["forward"],
        "backward": parts["without embedding"] - parts["forward"],
        "gradient of the token embedding": parts["backward"] - parts["without embedding"],
        "clipping, AdamW, average of the weights": parts["step"] - parts["backward"],
    }
    for name, milliseconds in rows.items():
        print(f"{name:42s} {milliseconds:8.2f} ms  {100 * milliseconds / total:5.1f} %")
    print(f"{'step':42s} {total:8.2f} ms  {1e3 * examples / total:.1f} examples/s")
    floor, speed = matmul_floor_ms(step, steps)
    print(
        f"{'matrix products at full speed':42s} {floor:8.2f} ms  {100 * floor / total:5.1f} %  ({speed:.0f} GFLOP/s)"
    )
    print(f"padding: {100 * (1 - tokens / padded):.1f} % of the tokens")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
