"""Runs a SavedModel in a TensorFlow session."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from serving.engine import LoadOptions, Tensors
from serving.errors import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    SavedModelError,
    ServingError,
    UnavailableError,
    UnimplementedError,
)
from serving.text_operations import register_text_operations

__all__ = ["SavedModelEngine"]

_CALLERS_THREAD = -1
"""A `RunOptions.inter_op_thread_pool`: requests run beside each other, not their parts."""


class SavedModelEngine:
    """An `Engine` that is loaded the way TensorFlow Serving does it, into a session.

    A call through a session costs a fraction of a call of a restored function.

    Raises:
        SavedModelError: the directory holds no SavedModel, or one that cannot be loaded.
    """

    def __init__(self, directory: Path, options: LoadOptions) -> None:
        register_text_operations()
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=options.session_config)
        self._has_own_threads = bool(
            options.session_config and options.session_config.inter_op_parallelism_threads
        )
        self._callables: dict[tuple[str, tuple[str, ...]], Callable[..., list[npt.NDArray[Any]]]] = {}
        self._lock = threading.Lock()
        try:
            with self._graph.as_default(), _no_deprecation_notes():
                meta_graph = tf.compat.v1.saved_model.load(self._session, list(options.tags), str(directory))
        except Exception as err:
            self.close()
            reason = str(err).splitlines()[0] if str(err) else type(err).__name__
            raise SavedModelError(
                f"{directory}: cannot be loaded as a SavedModel ({reason}); export it again"
            ) from err
        self.signature_defs: Mapping[str, Any] = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if not name.startswith("__")
        }

    def close(self) -> None:
        """Frees the model."""
        self._session.close()

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs a signature in the session."""
        call = self._callable(signature_name, outputs)
        try:
            values = call(*(inputs[name] for name in sorted(inputs)))
        except tf.errors.OpError as err:
            raise _ERRORS.get(err.error_code, InternalError)(_clean_message(err.message)) from err
        except UnicodeDecodeError as err:
            # The graph's message quotes malformed bytes, and the binding cannot make a Python string of it.
            message = err.object.decode("utf-8", errors="backslashreplace")
            raise InvalidArgumentError(_clean_message(message)) from err
        except ValueError as err:
            raise InvalidArgumentError(str(err)) from err
        return dict(zip(outputs, values, strict=True))

    def _callable(
        self, signature_name: str, outputs: tuple[str, ...]
    ) -> Callable[..., list[npt.NDArray[Any]]]:
        key = (signature_name, outputs)
        with self._lock:
            if key not in self._callables:
                definition = self.signature_defs[signature_name]
                options = CallableOptions()
                options.feed.extend(definition.inputs[alias].name for alias in sorted(definition.inputs))
                options.fetch.extend(definition.outputs[alias].name for alias in outputs)
                if not self._has_own_threads:
                    options.run_options.inter_op_thread_pool = _CALLERS_THREAD
                # The public `make_callable` checks the shapes of feeds, which TensorFlow Serving leaves to the graph,
                # and takes ten times as long.
                self._callables[key] = self._session._make_callable_from_options(options)
            return self._callables[key]


@contextmanager
def _no_deprecation_notes() -> Iterator[None]:
    """The loader of sessions is announced as deprecated at every call; TensorFlow Serving has no other."""

    def is_other(record: logging.LogRecord) -> bool:
        return "deprecated" not in str(record.msg)

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


_ERRORS: Mapping[int, type[ServingError]] = {
    tf.errors.INVALID_ARGUMENT: InvalidArgumentError,
    tf.errors.OUT_OF_RANGE: InvalidArgumentError,
    tf.errors.FAILED_PRECONDITION: FailedPreconditionError,
    tf.errors.UNIMPLEMENTED: UnimplementedError,
    tf.errors.RESOURCE_EXHAUSTED: UnavailableError,
    tf.errors.CANCELLED: UnavailableError,
}


def _clean_message(message: str) -> str:
    """The graph's own words, without what the Python binding puts before and after them."""
    return message.removeprefix("Graph execution error:\n\n").split("\n\nOriginal stack trace", 1)[0]
