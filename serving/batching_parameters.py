"""How requests are gathered into batches: TensorFlow Serving's `BatchingParameters`, checked."""

from dataclasses import dataclass
from pathlib import Path

from serving.config import CPUS
from serving.errors import ServerStartError
from serving.text_protos import BatchingParameters, read_text_proto

__all__ = ["BatchingSettings", "read_batching_settings"]


@dataclass(frozen=True, kw_only=True)
class BatchingSettings:
    """Defaults are TensorFlow Serving's (batching/basic_batch_scheduler.h).

    Attributes:
        max_batch_size: rows computed at a time.
        batch_timeout_micros: how long the first request of a batch waits for others.
        max_enqueued_batches: that wait, before requests are refused.
        num_batch_threads: batches computed at a time.
        allowed_batch_sizes: a batch is filled up to the next of these, ascending; empty = any size.
        pad_variable_length_inputs: whether inputs of different lengths share a batch.
        enable_large_batch_splitting: whether a request of more rows is split rather than refused.
        max_execution_batch_size: rows computed at a time where requests are split; 0 = `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = CPUS
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    @property
    def execution_batch_size(self) -> int:
        """Rows computed at a time."""
        split = self.enable_large_batch_splitting and self.max_execution_batch_size
        return split or self.max_batch_size


_WRAPPED = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "enable_large_batch_splitting",
    "max_execution_batch_size",
)


def read_batching_settings(path: Path | None) -> BatchingSettings:
    """The settings of a `--batching_parameters_file`; the defaults without one.

    Raises:
        ServerStartError: the file cannot be read, or its values contradict each other.
    """
    if path is None:
        return BatchingSettings()
    message = read_text_proto(path, BatchingParameters)
    settings = BatchingSettings(
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        **{name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)},
    )
    if reason := _fault(settings):
        raise ServerStartError(f"{path}: {reason}")
    return settings


def _fault(settings: BatchingSettings) -> str:
    for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
        if (value := getattr(settings, name)) < 1:
            return f"{name} must be positive; was {value}"
    if settings.batch_timeout_micros < 0:
        return f"batch_timeout_micros must be non-negative; was {settings.batch_timeout_micros}"
    largest = settings.max_batch_size
    if settings.enable_large_batch_splitting:
        largest = settings.max_execution_batch_size or largest
        if largest > settings.max_batch_size:
            return f"max_execution_batch_size {largest} must not be larger than max_batch_size"
    sizes = settings.allowed_batch_sizes
    if list(sizes) != sorted(set(sizes)):
        return f"allowed_batch_sizes entries must be monotonically increasing; were {list(sizes)}"
    if sizes and sizes[-1] != largest:
        return (
            "Last entry in allowed_batch_sizes must match max_batch_size (max_execution_batch_size where requests "
            f"are split); last entry was {sizes[-1]}; expected {largest}"
        )
    return ""
