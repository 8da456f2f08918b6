"""How to serve: the settings of the embedded server."""

from dataclasses import dataclass, field
from pathlib import Path

from serving.cpus import available_cpus
from serving.guard.config import GuardConfig

__all__ = ["CPUS", "ServerConfig"]

CPUS = available_cpus()


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Names and defaults are those of `tensorflow_model_server`'s flags where it has them.

    Attributes:
        model_base_path: directory of version directories (`<number>/saved_model.pb`) of the one model.
        model_name: its name in requests; None = `default`, or the pushed model's own.
        model_config_file: a `ModelServerConfig` in text form that lists the models; in place of the two above.
        model_config_file_poll_wait_seconds: between looks whether that file has changed; 0 = never look again.
        pushed_model_dir: the Pusher's destination, if none of the above says what to serve (`PushedModel`).
        host: address to listen on; `0.0.0.0` is every interface, `::` also those of IPv6.
        port: gRPC port; 0 takes a free one, None = no TCP.
        grpc_socket_path: UNIX socket for gRPC; None = none.
        grpc_max_threads: gRPC calls answered at a time, those included that wait for a batch; None = 4 a CPU, or 64
            where requests are batched.
        grpc_channel_arguments: of gRPC itself, by name.
        ssl_config_file: an `SSLConfig` in text form with the PEM texts of key and certificate, for gRPC alone.
        rest_api_port: REST port; 0 takes a free one, None = no REST.
        rest_api_num_threads: the same of REST calls.
        rest_api_timeout_in_ms: after which a REST call is answered with 504; 0 = never.
        rest_api_enable_cors_support: whether web pages of other origins may call.
        enable_web_page: whether there is a page for people at `/` of the REST port.
        monitoring_config_file: a `MonitoringConfig` in text form; without it, metrics are not shown.
        traffic_window_seconds: of live traffic that is compared with the training data; 0 = traffic is not watched.
        traffic_min_texts: in that window, from which on something is said about them.
        file_system_poll_wait_seconds: between looks for new versions, and what the Pusher says of them; 0 = never look
            again.
        max_num_load_retries: how often a new version that cannot be loaded is tried again.
        load_retry_interval_micros: between these tries.
        trusted_keys_file: PEM of public keys; only versions whose manifest one of them signed are served.
        allow_version_labels_for_unavailable_models: whether a new label may be given to a version that is not loaded.
        enable_batching: whether requests of several callers are computed together.
        batching_parameters_file: `BatchingParameters` in text form.
        max_batch_tokens: of a batch, padding included.
        enable_model_warmup: whether a model answers the warm-up requests that came with it before it is available.
        num_request_iterations_for_warmup: how often it answers each; used if greater than 0.
        enable_signature_method_name_check: whether Classify and Regress refuse signatures not made for them.
        enable_grpc_healthcheck_service: whether the health service answers.
        enable_serialization_as_tensor_content: whether Predict answers in `tensor_content`.
        prefer_tflite_model: whether `model.tflite` of a version is taken where there is one.
        saved_model_tags: of the meta graph to load, comma-separated.
        tensorflow_session_config_file: a TensorFlow `ConfigProto` in text form.
        tensorflow_session_parallelism: threads of a session, within and between operations; 0 = as the next two say.
        tensorflow_intra_op_parallelism: threads within an operation; 0 = the CPUs that a batch has for itself.
        tensorflow_inter_op_parallelism: threads between operations.
        per_process_gpu_memory_fraction: of the GPU's memory; 0 = chosen by TensorFlow.
        mixed_precision: `bfloat16` has the matrices of float32 models multiplied in bfloat16; "" = as exported.
        lame_duck_seconds: how long requests are still answered after SIGTERM, while probes say not ready.
        grace_seconds: how long accepted requests may take to finish after that.
        guard: TLS, keys, limits, request log and traces.
    """

    model_base_path: Path | None = None
    model_name: str | None = None
    model_config_file: Path | None = None
    model_config_file_poll_wait_seconds: float = 0
    pushed_model_dir: Path | None = None
    host: str = "0.0.0.0"
    port: int | None = 8500
    grpc_socket_path: Path | None = None
    grpc_max_threads: int | None = None
    grpc_channel_arguments: tuple[tuple[str, str | int], ...] = ()
    ssl_config_file: Path | None = None
    rest_api_port: int | None = None
    rest_api_num_threads: int | None = None
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    enable_web_page: bool = True
    monitoring_config_file: Path | None = None
    traffic_window_seconds: float = 1800.0
    traffic_min_texts: int = 200
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    trusted_keys_file: Path | None = None
    allow_version_labels_for_unavailable_models: bool = False
    enable_batching: bool = False
    batching_parameters_file: Path | None = None
    max_batch_tokens: int = 512
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    enable_signature_method_name_check: bool = False
    enable_grpc_healthcheck_service: bool = True
    enable_serialization_as_tensor_content: bool = False
    prefer_tflite_model: bool = False
    saved_model_tags: str = "serve"
    tensorflow_session_config_file: Path | None = None
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    per_process_gpu_memory_fraction: float = 0.0
    mixed_precision: str = ""
    lame_duck_seconds: float = 3.0
    grace_seconds: float = 25.0
    guard: GuardConfig = field(default_factory=GuardConfig)
