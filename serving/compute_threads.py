"""The threads that compute, and who goes before them."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

__all__ = ["start_compute_threads"]

_NICE = 10
"""Of two threads that want the same CPU, the one that is nice by this gets a tenth of it (sched(7))."""

_ONEDNN_CALLER = "TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD"
"""TensorFlow reads it at the first operation (tensorflow/core/util/onednn_env_vars.cc)."""


def start_compute_threads(session_config: Any) -> None:
    """Starts the threads that TensorFlow shares among all sessions of a process, at a lower priority than the others.

    Whoever takes a call, refuses it or answers a probe needs a CPU for less than a millisecond, and would wait for it
    behind those that compute for many. These never hold the interpreter's lock, so nobody waits for them in turn.

    Requests compute in these threads and in their own, which keep their priority; batches of one CPU each in the latter
    alone. oneDNN is told to let the thread that asks do its part, not only wait for two others: on two CPUs a single
    text takes a tenth less, and 4 to 11 % more are answered.

    Without effect if TensorFlow has its threads already. Their priority stays as it is on systems other than Linux,
    where a thread has none of its own.

    Args:
        session_config: a TensorFlow `ConfigProto`. How many threads there are is what the first session says.
    """
    os.environ.setdefault(_ONEDNN_CALLER, "true")
    with ThreadPoolExecutor(1, initializer=_give_way) as starter:
        starter.submit(_open_session, session_config).result()


def _give_way() -> None:
    """Lowers the priority of this thread; those that it starts inherit it."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)


def _open_session(session_config: Any) -> None:
    tf.compat.v1.Session(graph=tf.Graph(), config=session_config).close()
