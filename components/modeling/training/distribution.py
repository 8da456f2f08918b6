"""The devices that share a training step: Keras 3 networks under TensorFlow's strategies, by a loop of our own.

Keras's `fit` fails under MultiWorkerMirroredStrategy, and its optimizers know no lazy embedding rows. Here every
replica computes the gradients of its part, the sums go to all replicas, and each makes the same update on its own copy.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.modeling.training.distribution_config import DistributionConfig, StrategyName
from components.modeling.training.gradients import Gradient

__all__ = ["Distribution"]

T = TypeVar("T")

_SUM = tf.distribute.ReduceOp.SUM


class Distribution:
    """A strategy, and what a training needs of it.

    Attributes:
        replicas: devices that share a step, on all machines.
        local_replicas: numbers of this machine's among them.
        is_chief: whether this process is the one that writes: the only one, or the first of several machines.
        needs_static_shapes: whether every new shape of a batch costs a compilation, and some operations are missing.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        """`strategy` is None for one device."""
        self._strategy = strategy or tf.distribute.get_strategy()
        self.replicas: int = self._strategy.num_replicas_in_sync
        here = len(self._strategy.extended.worker_devices) if strategy is not None else 1
        worker = _worker_index(strategy)
        self.local_replicas = range(worker * here, (worker + 1) * here)
        self.is_chief = worker == 0
        self.needs_static_shapes = isinstance(strategy, tf.distribute.TPUStrategy)

    @classmethod
    def of(cls, config: DistributionConfig) -> "Distribution":
        """The configured one; before TensorFlow has computed anything, if there are several machines.

        Raises:
            ConfigError: the devices or machines are not there.
        """
        return cls(_make_strategy(_choose(config.strategy)))

    def scope(self) -> AbstractContextManager[Any]:
        """Variables that are created in this context have a copy on every replica."""
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def run(self, function: Callable[[], tf.Tensor]) -> tf.Tensor:
        """Calls a function on every replica, while a tf.function is traced; returns the mean of what they return."""
        if self.replicas == 1:
            return function()
        return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, self._strategy.run(function), axis=None)

    def own(self, parts: Sequence[T]) -> T:
        """In `run`: the one among this machine's parts, one a local replica, that is this replica's."""
        if len(parts) == 1:
            return parts[0]
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        static = tf.get_static_value(number)
        if static is not None:
            return parts[int(static) - self.local_replicas.start]
        chosen: T = tf.nest.map_structure(lambda *values: tf.stack(values)[number], *parts)
        return chosen

    def sum(self, gradients: Sequence[Gradient]) -> list[Gradient]:
        """In `run`: gradients added up over the replicas; those of embedding rows are gathered."""
        if self.replicas == 1:
            return list(gradients)
        if self.needs_static_shapes:
            gradients = [None if item is None else tf.convert_to_tensor(item) for item in gradients]
        present = [item for item in gradients if item is not None]
        summed = iter(tf.distribute.get_replica_context().all_reduce(_SUM, present))
        return [None if item is None else next(summed) for item in gradients]

    def part_random_states(self, network: keras.Model) -> None:
        """Lets every replica draw dropout masks of its own: Keras gives all of them the same random state."""
        if self.replicas == 1:
            return
        states = [variable.value for variable in network.variables if variable.name == "seed_generator_state"]

        @tf.function(autograph=False)
        def part() -> tf.Tensor:
            return self.run(_add_replica_number)

        def _add_replica_number() -> tf.Tensor:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            for state in states:
                seed, count = tf.unstack(tf.convert_to_tensor(state))
                moved = tf.stack([seed + tf.cast(number, seed.dtype), count])
                tf.raw_ops.AssignVariableOp(resource=state.handle, value=moved)
            return tf.constant(0.0)

        part()

    @property
    def is_alone(self) -> bool:
        """Whether this process has all the replicas."""
        return self.replicas == len(self.local_replicas)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any machine; all must ask at the same step."""
        return bool(self._add_up(np.array(flag, np.int64)))

    def from_chief(self, value: NDArray[Any]) -> NDArray[Any]:
        """The chief's value on every machine; all must call it with values of one shape and type."""
        return self._add_up(value if self.is_chief else np.zeros_like(value))

    def _add_up(self, value: NDArray[Any]) -> NDArray[Any]:
        """The sum of the machines' values."""
        if self.is_alone:
            return value
        wide = tf.constant(value.astype(np.float64 if value.dtype.kind == "f" else np.int64))

        def share() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            is_first = context.replica_id_in_sync_group == self.local_replicas.start
            return context.all_reduce(_SUM, tf.where(is_first, wide, tf.zeros_like(wide)))

        (found, *_) = self._strategy.experimental_local_results(
            tf.function(lambda: self._strategy.run(share), autograph=False)()
        )
        return found.numpy().astype(value.dtype)  # type: ignore[no-any-return]


def _choose(name: StrategyName) -> StrategyName:
    """The strategy that `auto` stands for here."""
    if name != "auto":
        return name
    if len(_cluster_addresses()) > 1:
        return "multi_worker"
    if tf.config.list_logical_devices("TPU") or os.environ.get("TPU_NAME"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _make_strategy(name: StrategyName) -> tf.distribute.Strategy | None:
    match name:
        case "mirrored":
            return _mirrored()
        case "multi_worker":
            return _multi_worker()
        case "tpu":
            return _tpu()
    return None


def _mirrored() -> tf.distribute.Strategy:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise ConfigError(
            f"trainer.distribution: `mirrored` needs several GPUs, but TensorFlow sees {len(devices)} device; `emotion "
            "doctor` shows what it sees; set `none` or `auto`"
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker() -> tf.distribute.Strategy:
    if len(_cluster_addresses()) < 2:
        raise ConfigError(
            "trainer.distribution: `multi_worker` needs the environment variable TF_CONFIG with the addresses of at "
            'least two workers, such as {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", '
            '"index": 0}}'
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as err:
        raise ConfigError(
            "trainer.distribution: `multi_worker` must come first, but this process has used TensorFlow already; run "
            f"the stages before with `--to transform` and then this again ({err})"
        ) from err


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, tf.errors.OpError) as err:
        raise ConfigError(
            f"trainer.distribution: no TPU can be reached ({err}); set `none` or `auto`"
        ) from err
    return tf.distribute.TPUStrategy(resolver)


def _cluster_addresses() -> list[str]:
    """Addresses of the workers that TF_CONFIG names, the chief first."""
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    except ValueError as err:
        raise ConfigError(
            f"the environment variable TF_CONFIG is no JSON ({err}); correct it or unset it"
        ) from err
    return [*cluster.get("chief", []), *cluster.get("worker", [])]


def _worker_index(strategy: tf.distribute.Strategy | None) -> int:
    """The number of this process among the workers; the chief is 0."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", []))
    return int(resolver.task_id) + (chiefs if resolver.task_type == "worker" else 0)
