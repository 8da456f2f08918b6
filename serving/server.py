"""`python -m serving`: a server that answers like `tensorflow_model_server`, from start to drained stop."""

import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from serving.compute_threads import start_compute_threads
from serving.config import ServerConfig
from serving.errors import ServerStartError, ServingError
from serving.flags import parse_flags
from serving.grpc_server import GrpcServer
from serving.guard.guard import Guard
from serving.guard.redaction import MaskText
from serving.leaving import leave
from serving.lifecycle import Lifecycle, Phase
from serving.metrics import Metrics
from serving.models import Models
from serving.polling import Poller
from serving.setup import (
    check_ports,
    grpc_server,
    load_options,
    model_loader,
    models_of,
    pushed_model,
    retries,
    session_config,
    start_rest_server,
    watches_traffic,
)
from serving.watch.collector import TrafficCollector

if TYPE_CHECKING:
    from serving.rest_server import RestServer

__all__ = ["ModelServer", "ServerConfig", "main", "serve_until_signal"]

_log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.001
"""After so long a thread gives the interpreter to one that waits for it."""
_LOOK_SECONDS = 0.2
"""The most that a signal waits to be seen."""


class ModelServer:
    """A running server: its ports open when every model is loaded and warmed up; `stop` drains it.

    Args:
        config: what to serve, and how.
        mask_text: how personal data is masked in the texts of the request log; None = texts are not logged.

    Raises:
        ServerStartError: a setting is wrong, a model cannot be loaded, or a port is taken.
    """

    def __init__(self, config: ServerConfig, *, mask_text: MaskText | None = None) -> None:
        self.config = config
        check_ports(config)
        self.lifecycle = Lifecycle()
        self.metrics = Metrics(lambda name: name in self.models.repositories)
        self._pushed = pushed_model(config)
        self.models = Models(
            load=model_loader(config, load_options(config, self.metrics), self.metrics),
            retries=retries(config),
            labels_before_versions=self._pushed is not None
            or config.allow_version_labels_for_unavailable_models,
        )
        self._guard = Guard(
            config.guard,
            ssl_config_file=config.ssl_config_file,
            lifecycle=self.lifecycle,
            metrics=self.metrics,
            mask_text=mask_text,
        )
        self.plane = self._guard.data_plane(
            self.models, check_method_names=config.enable_signature_method_name_check
        )
        self._pollers: list[Poller] = []
        self._rest: RestServer | None = None
        self._grpc: GrpcServer | None = None
        self._watch()
        try:
            if self._pushed:
                self._pushed.follow(self.models)
            else:
                self.models.configure(models_of(config))
            self.lifecycle.enter(Phase.SERVING)
            self._open_ports()
        except ServingError as err:
            self._close()
            raise ServerStartError(f"Failed to start server. Error: {err}") from err
        except BaseException:
            self._close()
            raise
        self._poll_files()

    def stop(self, *, lame_duck_seconds: float = 0.0, hurry: threading.Event | None = None) -> None:
        """Answers every request that was accepted, then closes the ports and frees the models.

        Args:
            lame_duck_seconds: how long to go on as before while probes say not ready.
            hurry: once set, nothing is waited for any longer.
        """
        for poller in self._pollers:
            poller.stop()
        deadline = time.monotonic() + lame_duck_seconds + self.config.grace_seconds
        drained = self.lifecycle.drain(
            lame_duck_seconds=lame_duck_seconds, grace_seconds=self.config.grace_seconds, hurry=hurry
        )
        if not drained:
            _log.warning("stopping with %d requests unanswered", self.lifecycle.in_flight)
        # A large REST answer counts as answered when it begins to be sent.
        self._close(seconds=deadline - time.monotonic(), hurry=hurry)

    def __enter__(self) -> "ModelServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _open_ports(self) -> None:
        config = self.config
        self._rest = start_rest_server(config, self.plane, self.lifecycle, self._guard)
        self.rest_port = self._rest.port if self._rest else None
        """The REST port; None without REST."""
        self._grpc = grpc = grpc_server(config, self.plane, self.lifecycle, self._guard)
        self.port = grpc.port
        """The gRPC port; None without TCP."""
        self.lifecycle.on_change(grpc.update_health)
        self.models.on_change(grpc.update_health)

    def _watch(self) -> None:
        self.metrics.watch(self.models)
        if watches_traffic(self.config):
            self.metrics.registry.register(
                TrafficCollector(self.models, min_texts=self.config.traffic_min_texts)
            )
        self.metrics.gauge(
            "emotion_serving_requests_in_flight",
            "Requests that were accepted and have no answer yet.",
            lambda: self.lifecycle.in_flight,
        )
        self.metrics.gauge(
            "emotion_serving_ready",
            "1 while probes say ready.",
            lambda: float(self.lifecycle.serving and self.models.ready),
        )

    def _poll_files(self) -> None:
        config = self.config
        if config.file_system_poll_wait_seconds > 0:
            look = partial(self._pushed.follow, self.models) if self._pushed else self.models.refresh
            self._pollers.append(Poller("versions", config.file_system_poll_wait_seconds, look))
        if config.model_config_file and config.model_config_file_poll_wait_seconds > 0:
            self._pollers.append(
                Poller(
                    "model config",
                    config.model_config_file_poll_wait_seconds,
                    lambda: self.models.follow(models_of(config)),
                )
            )

    def _close(self, *, seconds: float = 0.0, hurry: threading.Event | None = None) -> None:
        self.lifecycle.enter(Phase.STOPPED)
        if self._rest:
            self._rest.stop(seconds=seconds, hurry=hurry)
        if self._grpc:
            self._grpc.stop()
        for poller in self._pollers:
            poller.join()
        self.models.close()
        self._guard.close()


def serve_until_signal(
    config: ServerConfig,
    *,
    on_start: Callable[[ModelServer], None] | None = None,
    mask_text: MaskText | None = None,
) -> bool:
    """Serves until SIGTERM or SIGINT (Ctrl-C), then drains; a second signal stops at once.

    Must be called from the main thread.

    Args:
        config: what to serve.
        on_start: is called once the ports are open.
        mask_text: see `ModelServer`.

    Returns:
        Whether computations still run, though nobody waits for them: only `leave` ends the process before they end.

    Raises:
        ServerStartError: the server cannot start.
    """
    # Of what imports leave nothing is garbage: to look through it would hold up every thread for 0.23 s.
    gc.freeze()
    # A thread that has to refuse waits for the interpreter behind those that parse; Python's own 5 ms add up.
    sys.setswitchinterval(_SWITCH_SECONDS)
    signals: list[int] = []
    told, told_again = threading.Event(), threading.Event()

    def on_signal(number: int, _: object) -> None:
        signals.append(number)
        (told_again if told.is_set() else told).set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        start_compute_threads(session_config(config))
        server = ModelServer(config, mask_text=mask_text)
        try:
            if on_start:
                on_start(server)
            # A signal that comes when this thread, about to wait, waits for the interpreter does not wake it: Python's
            # handlers run between two steps of the main thread.
            while not told.wait(_LOOK_SECONDS):
                pass
        finally:
            # Whoever presses Ctrl-C has no balancer that needs time.
            lame_duck = config.lame_duck_seconds if signals[:1] == [signal.SIGTERM] else 0.0
            _log.info(
                "stopping: probes say not ready for %g s, then requests have %g s to finish",
                lame_duck,
                config.grace_seconds,
            )
            server.stop(lame_duck_seconds=lame_duck, hurry=told_again)
        return server.plane.computing > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves as the flags say; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        still_computes = serve_until_signal(parse_flags(arguments))
    except ServerStartError as err:
        _log.error("%s", err)
        return 1
    if still_computes:
        leave(0)
    return 0
