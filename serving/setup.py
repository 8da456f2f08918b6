"""What the settings mean for each part of the server."""

import errno
import logging
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from serving.batcher import Batcher
from serving.batching_engine import BatchingEngine
from serving.batching_metrics import BatchingMetrics
from serving.batching_parameters import BatchingSettings, read_batching_settings
from serving.config import CPUS, ServerConfig
from serving.data_plane import DataPlane
from serving.engine import EngineWrapper, LoadOptions
from serving.errors import ServerStartError
from serving.grpc_server import GrpcOptions, GrpcServer
from serving.guard.guard import Guard
from serving.guard.tls import grpc_credentials, rest_context
from serving.lifecycle import Lifecycle
from serving.manifest import MANIFEST_FILE, check_manifest
from serving.metrics import METRICS_PATH, Metrics
from serving.model_config import ModelSettings, read_model_config
from serving.predictor import Predictor
from serving.public_keys import SignatureError, read_public_keys
from serving.pushed_model import PushedModel
from serving.repository import Retries
from serving.text_protos import MonitoringConfig, read_text_proto
from serving.warmup import load_warm
from serving.watch.setup import watch

if TYPE_CHECKING:
    from serving.rest_server import RestServer

__all__ = [
    "grpc_server",
    "host_port",
    "load_options",
    "model_loader",
    "models_of",
    "pushed_model",
    "retries",
    "session_config",
    "start_rest_server",
    "watches_traffic",
]

_log = logging.getLogger(__name__)

_MAX_PORT = 2**16 - 1
_BATCHING_THREADS = 64
"""How many requests can wait for a batch together."""


def models_of(config: ServerConfig) -> list[ModelSettings]:
    """The models to serve.

    Raises:
        ServerStartError: the model configuration cannot be read.
        InvalidArgumentError: it lists what cannot be served.
    """
    if config.model_config_file is not None:
        return read_model_config(config.model_config_file)
    if config.model_base_path is None:
        raise ServerStartError(
            "there is no model to serve: name model_base_path, model_config_file or pushed_model_dir"
        )
    return [ModelSettings(name=config.model_name or "default", base_path=config.model_base_path)]


def host_port(host: str, port: int | None) -> str:
    """As in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_ports(config: ServerConfig) -> None:
    """Finds out before models are loaded what would fail afterwards.

    Raises:
        ServerStartError: a port is taken or none at all, or a number of threads is negative.
    """
    for name in ("grpc_max_threads", "rest_api_num_threads"):
        if (threads := getattr(config, name) or 0) < 0:
            raise ServerStartError(f"{name} must not be negative, 0 = as many as fit the CPUs; got {threads}")
    for protocol, port, flag in (
        ("gRPC", config.port, "--port"),
        ("REST", config.rest_api_port, "--rest_api_port (of `emotion serve`: --rest-port)"),
    ):
        if port and not 0 < port <= _MAX_PORT:
            raise ServerStartError(f"{flag}: expected a port from 0 to {_MAX_PORT}; got {port}")
        if port and _is_taken(config.host, port):
            raise ServerStartError(
                f"cannot listen on {host_port(config.host, port)} for {protocol}: the port is taken; "
                f"choose another {flag}"
            )


def _is_taken(host: str, port: int) -> bool:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return False
    except OSError as err:
        # All else shows when the server itself listens.
        return err.errno == errno.EADDRINUSE


def pushed_model(config: ServerConfig) -> PushedModel | None:
    """The model that is served as the Pusher says; None if the settings name others."""
    if config.pushed_model_dir is None or config.model_config_file or config.model_base_path:
        return None
    return PushedModel(config.pushed_model_dir, config.model_name)


def load_options(config: ServerConfig, metrics: Metrics) -> LoadOptions:
    """How models are loaded.

    Raises:
        ServerStartError: the configuration of sessions or of batching cannot be read.
    """
    if config.mixed_precision not in ("", "bfloat16"):
        _log.warning(
            "%s auto mixed precision is not supported. Valid option: bfloat16", config.mixed_precision
        )
    batching = _batching_settings(config)
    return LoadOptions(
        tags=tuple(config.saved_model_tags.split(",")),
        session_config=session_config(config),
        prefer_tflite=config.prefer_tflite_model,
        wrap=_batching(config, batching, metrics) if batching else None,
    )


def _batching(config: ServerConfig, settings: BatchingSettings, metrics: Metrics) -> EngineWrapper:
    if config.max_batch_tokens < 1:
        raise ServerStartError(f"max_batch_tokens must be positive; was {config.max_batch_tokens}")
    batcher = Batcher(settings, max_tokens=config.max_batch_tokens, observer=BatchingMetrics(metrics))
    metrics.gauge(
        "emotion_serving_batch_queue_rows", "Rows that wait for a batch.", lambda: batcher.queued_rows
    )
    return partial(BatchingEngine, batcher)


def model_loader(config: ServerConfig, options: LoadOptions, metrics: Metrics) -> Callable[[Path], Predictor]:
    """Makes a ready predictor of a version directory, if that is what was pushed.

    Raises:
        ServerStartError: the trusted keys cannot be read.
    """
    iterations = max(1, config.num_request_iterations_for_warmup) if config.enable_model_warmup else 0
    try:
        keys = read_public_keys(config.trusted_keys_file) if config.trusted_keys_file else None
    except SignatureError as err:
        raise ServerStartError(str(err)) from err

    watches = watches_traffic(config)

    def load(directory: Path) -> Predictor:
        if keys or (directory / MANIFEST_FILE).is_file():
            check_manifest(directory, keys)
        with metrics.warmup(str(directory)):
            predictor = load_warm(directory, options, iterations=iterations)
        if watches:
            watch(predictor, config)
        return predictor

    return load


def watches_traffic(config: ServerConfig) -> bool:
    """Whether there is a page to show it on, and it is wanted."""
    return config.traffic_window_seconds > 0 and _metrics_path(config.monitoring_config_file) is not None


def retries(config: ServerConfig) -> Retries:
    """Of versions that cannot be loaded."""
    return Retries(config.max_num_load_retries, config.load_retry_interval_micros / 1e6)


def grpc_server(config: ServerConfig, plane: DataPlane, lifecycle: Lifecycle, guard: Guard) -> GrpcServer:
    """Starts answering over gRPC.

    Raises:
        ServerStartError: an address cannot be listened on.
    """
    size = guard.config.max_request_bytes
    size_limit = (("grpc.max_receive_message_length", size),) if size else ()
    options = GrpcOptions(
        address=None if config.port is None else host_port(config.host, config.port),
        socket_path=config.grpc_socket_path,
        max_threads=config.grpc_max_threads or _threads(config),
        credentials=grpc_credentials(guard.grpc_tls) if guard.grpc_tls else None,
        channel_arguments=(*size_limit, *config.grpc_channel_arguments),
        admit=guard.admit_grpc,
        health=config.enable_grpc_healthcheck_service,
        as_tensor_content=config.enable_serialization_as_tensor_content,
    )
    return GrpcServer(plane, lifecycle, options)


def start_rest_server(
    config: ServerConfig, plane: DataPlane, lifecycle: Lifecycle, guard: Guard
) -> "RestServer | None":
    """Starts answering over REST; None without a REST port.

    Raises:
        ServerStartError: the port is taken, or the `serving` extra is not installed.
    """
    if config.rest_api_port is None:
        return None
    try:
        from serving.guard.rest_admission import rest_admission
        from serving.rest import RestOptions, rest_application
        from serving.rest_server import RestServer
        from serving.web_page import page_routes
    except ModuleNotFoundError as err:
        raise ServerStartError(
            f"REST needs {err.name}; `pip install 'emotion-pipeline[serving]'`, or serve without a REST port"
        ) from err

    options = RestOptions(
        max_threads=config.rest_api_num_threads or _threads(config),
        timeout_seconds=config.rest_api_timeout_in_ms / 1000 if config.rest_api_timeout_in_ms > 0 else None,
        cors=config.rest_api_enable_cors_support,
        metrics_path=_metrics_path(config.monitoring_config_file),
        max_unzipped_bytes=guard.config.max_request_bytes or None,
        middleware=(rest_admission(guard.admission, lifecycle, max_bytes=guard.config.max_request_bytes),),
        routes=page_routes(plane) if config.enable_web_page else (),
    )
    return RestServer(
        rest_application(plane, lifecycle, options),
        host=config.host,
        port=config.rest_api_port,
        tls=rest_context(guard.rest_tls) if guard.rest_tls else None,
    )


def _threads(config: ServerConfig) -> int:
    # A thread that waits for a batch holds its request: fewer threads would make smaller batches.
    return max(4 * CPUS, _BATCHING_THREADS if config.enable_batching else 0)


def session_config(config: ServerConfig) -> ConfigProto:
    """A TensorFlow `ConfigProto`: threads and precision.

    Raises:
        ServerStartError: the configuration of sessions or of batching cannot be read, or asks for what TensorFlow ends
            the process for.
    """
    file = config.tensorflow_session_config_file
    session = read_text_proto(file, ConfigProto) if file else ConfigProto()
    session.gpu_options.per_process_gpu_memory_fraction = config.per_process_gpu_memory_fraction
    intra, inter = config.tensorflow_intra_op_parallelism, config.tensorflow_inter_op_parallelism
    if not (intra or inter):
        intra = inter = config.tensorflow_session_parallelism
    batching = _batching_settings(config)
    batches = batching.num_batch_threads if batching else 1
    # Each batch gets its part of the CPUs: the threads of one operation are worth less than those of two batches.
    # TensorFlow itself would take all of the machine's, whatever the container may use.
    intra = intra or session.intra_op_parallelism_threads or max(1, CPUS // batches)
    if intra < 0:
        raise ServerStartError(
            f"{intra} threads within an operation: give --tensorflow_intra_op_parallelism or the session's "
            "configuration a positive number, or 0 for the CPUs that a batch has for itself"
        )
    session.intra_op_parallelism_threads = intra
    session.inter_op_parallelism_threads = inter or session.inter_op_parallelism_threads
    if config.mixed_precision == "bfloat16":
        rewrites = session.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    return session


def _batching_settings(config: ServerConfig) -> BatchingSettings | None:
    return read_batching_settings(config.batching_parameters_file) if config.enable_batching else None


def _metrics_path(monitoring_config_file: Path | None) -> str | None:
    if monitoring_config_file is None:
        return None
    prometheus = read_text_proto(monitoring_config_file, MonitoringConfig).prometheus_config
    return (prometheus.path or METRICS_PATH) if prometheus.enable else None
