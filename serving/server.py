"""`python -m serving`: a server that answers like `tensorflow_model_server`, from start to drained stop."""

import argparse
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.data_plane import DataPlane
from serving.errors import SavedModelError, ServerStartError
from serving.grpc_service import start_grpc_server
from serving.repository import ModelRepository
from serving.rest_server import RestServer

__all__ = ["ModelServer", "ServerConfig", "main", "serve_until_signal"]

_log = logging.getLogger(__name__)

_CPUS = os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How to serve; names and defaults are TensorFlow Serving's where it has them.

    Attributes:
        model_base_path: directory of version directories (`<number>/saved_model.pb`).
        model_name: name in requests.
        host: address to listen on; `0.0.0.0` is every interface.
        port: gRPC port; 0 takes a free one.
        rest_api_port: REST port; 0 takes a free one, None = no REST.
        grpc_max_threads: gRPC calls answered at a time.
        rest_api_num_threads: REST calls answered at a time.
        file_system_poll_wait_seconds: between looks for a new version; 0 = never look again.
        grace_seconds: how long calls that run may take to finish after the server was told to stop.
    """

    model_base_path: Path
    model_name: str = "default"
    host: str = "0.0.0.0"
    port: int = 8500
    rest_api_port: int | None = None
    grpc_max_threads: int = 4 * _CPUS
    rest_api_num_threads: int = 4 * _CPUS
    file_system_poll_wait_seconds: float = 1.0
    grace_seconds: float = 30.0


class ModelServer:
    """A running server: its ports open when the model is loaded and warmed up; `stop` drains it.

    Raises:
        ServerStartError: there is no model that can be loaded, or a port is taken.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None
        self._rest: RestServer | None = None
        self._repository = ModelRepository(config.model_name, config.model_base_path)
        try:
            self._repository.load_newest()
            self._open_ports()
        except SavedModelError as err:
            raise ServerStartError(f"Failed to start server. Error: {err}") from err
        except BaseException:
            self._finish()
            raise
        if config.file_system_poll_wait_seconds > 0:
            self._poller = threading.Thread(target=self._poll, name="poll", daemon=True)
            self._poller.start()

    @property
    def rest_port(self) -> int | None:
        """The REST port; None without REST."""
        return self._rest.port if self._rest else None

    def stop(self) -> None:
        """Takes no new calls, lets running ones finish within the grace period, frees the model."""
        self._stopping.set()
        if self._rest:
            self._rest.begin_stop()
        self._grpc.stop(self.config.grace_seconds).wait()
        self._finish()

    def __enter__(self) -> "ModelServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _open_ports(self) -> None:
        config, plane = self.config, DataPlane([self._repository])
        if config.rest_api_port is not None:
            self._rest = RestServer(
                plane,
                host=config.host,
                port=config.rest_api_port,
                max_threads=config.rest_api_num_threads,
                grace_seconds=config.grace_seconds,
            )
        self._grpc, self.port = start_grpc_server(
            plane, f"{config.host}:{config.port}", max_threads=config.grpc_max_threads
        )
        _log.info("Running gRPC ModelServer at %s:%d ...", config.host, self.port)
        if self._rest:
            _log.info("Exporting HTTP/REST API at:%s:%d ...", config.host, self._rest.port)

    def _finish(self) -> None:
        if self._rest:
            self._rest.wait_stopped()
        if self._poller:
            self._poller.join()
        self._repository.close()

    def _poll(self) -> None:
        while not self._stopping.wait(self.config.file_system_poll_wait_seconds):
            try:
                self._repository.refresh()
            except Exception:
                _log.exception("looking for new versions of %s failed", self.config.model_name)


def serve_until_signal(
    config: ServerConfig, *, on_start: Callable[[ModelServer], None] | None = None
) -> None:
    """Serves until SIGTERM or SIGINT (Ctrl-C), then drains. Must be called from the main thread.

    Args:
        config: what to serve.
        on_start: is called once the ports are open.

    Raises:
        ServerStartError: the server cannot start.
    """
    told = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        with ModelServer(config) as server:
            if on_start:
                on_start(server)
            told.wait()
            _log.info("stopping: running requests have %.0f s to finish", config.grace_seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves as the flags say; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Answers TensorFlow Serving's gRPC and REST API. Flags and defaults are tensorflow_model_server's.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=8500, help="gRPC port; 0 takes a free one")
    parser.add_argument("--rest_api_port", type=int, default=0, help="REST port; 0 = no REST")
    parser.add_argument("--model_name", default="default", help="name in requests")
    parser.add_argument(
        "--model_base_path", type=Path, required=True, help="directory of <number>/saved_model.pb"
    )
    parser.add_argument(
        "--grpc_max_threads", type=int, default=4 * _CPUS, help="gRPC calls answered at a time"
    )
    parser.add_argument(
        "--rest_api_num_threads", type=int, default=4 * _CPUS, help="REST calls answered at a time"
    )
    parser.add_argument(
        "--file_system_poll_wait_seconds",
        type=float,
        default=1.0,
        help="seconds between looks for a new version; 0 = never look again",
    )
    flags = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        serve_until_signal(ServerConfig(**{**flags, "rest_api_port": flags["rest_api_port"] or None}))
    except ServerStartError as err:
        _log.error("%s", err)
        return 1
    return 0
