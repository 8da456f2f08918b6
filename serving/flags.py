"""The command line of `tensorflow_model_server`: its flags, its defaults, and what of it is not done here."""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from serving.config import CPUS, ServerConfig
from serving.errors import ServerStartError
from serving.guard.config import GuardConfig

__all__ = ["parse_flags"]

_log = logging.getLogger(__name__)

_NOT_DONE = {
    "enable_per_model_batching_parameters": "parameters come from --batching_parameters_file alone",
    "use_alts_credentials": "use --ssl_config_file",
    "platform_config_file": "use the flags that it would replace",
    "thread_pool_factory_config_file": "use --tensorflow_session_config_file",
    "xla_cpu_compilation_enabled": "export the model with jit_compile",
    "xla_gpu_compilation_enabled": "export the model with jit_compile",
}
"""Flags that would change answers or safety: given, they stop the start; with what to do instead."""

_WITHOUT_EFFECT = {
    "num_load_threads": "models are loaded one after the other, beside the requests",
    "num_unload_threads": "models are unloaded one after the other, beside the requests",
    "flush_filesystem_caches": "file caches are left to the kernel",
    "remove_unused_fields_from_bundle_metagraph": "the meta graph is not kept",
    "num_tflite_pools": "a model has one interpreter",
    "num_tflite_interpreters_per_pool": "a model has one interpreter",
    "enable_profiler": "there is no profiler service",
    "skip_initialize_tpu": "there is no TPU",
}
"""Flags that only tune what is done otherwise here: given, they leave a warning; with the reason."""


def parse_flags(arguments: Sequence[str] | None, **defaults: Any) -> ServerConfig:
    """The settings that a command line asks for.

    Args:
        arguments: the flags; None = those of this process.
        defaults: settings in place of `ServerConfig`'s own defaults, where no flag is given.

    Raises:
        ServerStartError: flags contradict each other, or one is not done here.
        SystemExit: a flag is unknown or malformed (2), or only help or the version was asked for (0).
    """
    given = vars(_parser().parse_args(arguments))
    for name, instead in _NOT_DONE.items():
        if given.pop(name, None):
            raise ServerStartError(f"--{name} is not supported; {instead}")
    for name, reason in _WITHOUT_EFFECT.items():
        if given.pop(name, None) is not None:
            _log.warning("--%s has no effect: %s", name, reason)
    for name in ("port", "rest_api_port"):
        if name in given:
            # In flags 0 turns a port off, in settings it takes a free one.
            given[name] = given[name] or None
    guard = {field.name: given.pop(field.name) for field in fields(GuardConfig) if field.name in given}
    config = ServerConfig(**{**defaults, **given, "guard": GuardConfig(**guard)})
    _check(config)
    return config


def _check(config: ServerConfig) -> None:
    if config.port is None and config.grpc_socket_path is None:
        raise ServerStartError(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set: --port or "
            "--grpc_socket_path"
        )
    if not (config.model_base_path or config.model_config_file or config.pushed_model_dir):
        raise ServerStartError(
            "Both server_options.model_base_path and server_options.model_config_file are empty! Name a directory "
            "of <number>/saved_model.pb with --model_base_path"
        )
    if config.batching_parameters_file and not config.enable_batching:
        raise ServerStartError(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    if config.rest_api_port and config.rest_api_port == config.port:
        raise ServerStartError("--rest_api_port must be another than --port")
    if config.tensorflow_session_parallelism and (
        config.tensorflow_intra_op_parallelism and config.tensorflow_inter_op_parallelism
    ):
        raise ServerStartError(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Answers TensorFlow Serving's gRPC and REST API. Flags and defaults are tensorflow_model_server's.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    for title, flags in _FLAGS.items():
        group = parser.add_argument_group(title)
        for name, read, text in flags:
            if read is _bool:
                # `--flag` and `--flag=true`, as in TensorFlow; argparse alone would take the next word as the value.
                group.add_argument(f"--{name}", type=_bool, nargs="?", const=True, help=text, metavar="BOOL")
            else:
                group.add_argument(
                    f"--{name}", type=read, help=text, metavar=read.__name__.strip("_").upper()
                )
    for name in (*_NOT_DONE, *_WITHOUT_EFFECT):
        parser.add_argument(f"--{name}", nargs="?", const="true", type=_unless_false, help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=_versions(), help="print the versions")
    return parser


def _path(value: str) -> Path | None:
    """Empty is as good as not given, as in TensorFlow Serving."""
    return Path(value) if value else None


def _strings(value: str) -> tuple[str, ...]:
    return tuple(filter(None, value.split(",")))


def _bool(value: str) -> bool:
    if value not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, got {value!r}")
    return value == "true"


def _unless_false(value: str) -> str | None:
    return None if value in ("", "false", "0") else value


def _arguments(value: str) -> tuple[tuple[str, str | int], ...]:
    """`name=value,name=value`; values that look like integers are integers."""
    found: list[tuple[str, str | int]] = []
    for item in filter(None, value.split(",")):
        name, equals, text = item.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"expected name=value, got {item!r}")
        found.append((name, int(text) if text.lstrip("-").isdigit() else text))
    return tuple(found)


def _versions() -> str:
    ours, tensorflow = _installed("emotion-pipeline"), _installed("tensorflow")
    return f"TensorFlow ModelServer: emotion-pipeline {ours}\nTensorFlow Library: {tensorflow}"


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # the image holds this package without its distribution
        return "of unknown version"


_THREADS = f"calls answered at a time; default {4 * CPUS} = 4 a CPU, or 64 with --enable_batching"
_FLAGS: dict[str, list[tuple[str, Callable[[str], Any], str]]] = {
    "models": [
        (
            "model_base_path",
            _path,
            "directory of <number>/saved_model.pb; required without --model_config_file",
        ),
        ("model_name", str, 'name in requests; default "default"'),
        ("model_config_file", _path, "ModelServerConfig that lists models, in place of the two above"),
        (
            "model_config_file_poll_wait_seconds",
            float,
            "between looks at that file; default 0 = never look again",
        ),
        (
            "pushed_model_dir",
            _path,
            "the Pusher's destination, in place of these: serve what its models.config says (not TensorFlow Serving's)",
        ),
        (
            "file_system_poll_wait_seconds",
            float,
            "between looks for new versions; default 1, 0 = never look again",
        ),
        (
            "allow_version_labels_for_unavailable_models",
            _bool,
            "a new label may name a version not loaded yet",
        ),
        (
            "trusted_keys_file",
            _path,
            "PEM of Ed25519 public keys: serve only what one of them signed (not TensorFlow Serving's)",
        ),
        ("max_num_load_retries", int, "tries of a new version that cannot be loaded; default 5"),
        ("load_retry_interval_micros", int, "between these tries; default 60000000"),
        (
            "enable_model_warmup",
            _bool,
            "answer the model's own warm-up requests before it is served; default true",
        ),
        ("num_request_iterations_for_warmup", int, "how often each; used if greater than 0"),
        ("saved_model_tags", str, 'of the meta graph to load; default "serve"'),
        ("prefer_tflite_model", _bool, "take model.tflite of a version where there is one"),
    ],
    "gRPC": [
        ("host", str, "address to listen on, for REST too; default 0.0.0.0 (not TensorFlow Serving's)"),
        ("port", int, "default 8500; 0 = no TCP"),
        ("grpc_socket_path", _path, "UNIX socket to listen on"),
        (
            "grpc_max_threads",
            int,
            _THREADS,
        ),
        ("grpc_channel_arguments", _arguments, "of gRPC itself: name=value,name=value"),
        ("ssl_config_file", _path, "SSLConfig with the PEM texts of key and certificate"),
        ("enable_grpc_healthcheck_service", _bool, "default true (TensorFlow Serving's is false)"),
        ("enable_serialization_as_tensor_content", _bool, "Predict answers in tensor_content"),
        (
            "enable_signature_method_name_check",
            _bool,
            "Classify and Regress refuse signatures not made for them",
        ),
    ],
    "REST": [
        ("rest_api_port", int, "default 0 = no REST"),
        (
            "rest_api_num_threads",
            int,
            _THREADS,
        ),
        ("rest_api_timeout_in_ms", int, "after which a call is answered with 504; default 30000, 0 = never"),
        ("rest_api_enable_cors_support", _bool, "pages of other origins may call"),
        ("enable_web_page", _bool, "a page for people at /; default true (not TensorFlow Serving's)"),
        ("monitoring_config_file", _path, "MonitoringConfig; without it, metrics are not shown"),
    ],
    "computing": [
        ("enable_batching", _bool, "compute requests of several callers together"),
        ("batching_parameters_file", _path, "BatchingParameters"),
        (
            "max_batch_tokens",
            int,
            "of a batch, padding included; default 512 (not TensorFlow Serving's)",
        ),
        ("tensorflow_session_config_file", _path, "TensorFlow's ConfigProto"),
        (
            "tensorflow_session_parallelism",
            int,
            "threads within and between operations; default 0 = automatic",
        ),
        ("tensorflow_intra_op_parallelism", int, "threads within an operation"),
        ("tensorflow_inter_op_parallelism", int, "threads between operations"),
        ("per_process_gpu_memory_fraction", float, "of the GPU's memory; default 0 = automatic"),
        ("mixed_precision", str, "bfloat16: multiply the matrices of float32 models in bfloat16"),
    ],
    "watching live traffic, with --monitoring_config_file (not TensorFlow Serving's)": [
        (
            "traffic_window_seconds",
            float,
            "of traffic that is compared with the training data; default 1800, 0 = do not watch",
        ),
        ("traffic_min_texts", int, "in that window, from which on gauges speak; default 200"),
    ],
    "guard (not TensorFlow Serving's)": [
        (
            "tls_certificate_file",
            _path,
            "PEM chain for gRPC and REST; it and the next two are read anew when changed",
        ),
        ("tls_key_file", _path, "PEM of its key, not encrypted"),
        ("tls_client_ca_file", _path, "PEM of authorities: clients must show a certificate of one of them"),
        (
            "api_keys_file",
            _path,
            "TOML of hashed keys (python -m serving.guard.keys NAME); default: none needed",
        ),
        (
            "auth_exempt",
            _strings,
            "paths that need no key, * at the end stands for anything; default "
            + ",".join(GuardConfig.auth_exempt),
        ),
        (
            "max_in_flight",
            int,
            "unanswered requests from which on more are refused; default 1024, 0 = no limit",
        ),
        ("max_request_bytes", int, "of a message or a body; default 104857600, 0 = no limit"),
        ("max_batch_texts", int, "rows of one request; default 4096, 0 = no limit"),
        ("max_text_bytes", int, "of each text or tf.Example; default 0 = no limit"),
        ("request_log_directory", _path, "write requests down there, without their texts; default: nowhere"),
        ("request_log_formats", _strings, 'json, prediction_log or both; default "json"'),
        ("request_log_sample_rate", float, "share of the requests that are logged; default 1"),
        ("request_log_max_bytes", int, "after which a new file begins; default 104857600"),
        ("request_log_max_files", int, "of each format that are kept; default 10"),
        ("enable_tracing", _bool, "send OpenTelemetry spans; needs the tracing extra"),
    ],
    "stopping (not TensorFlow Serving's)": [
        (
            "lame_duck_seconds",
            float,
            "after SIGTERM, answer on for so long while probes say not ready; default 3",
        ),
        ("grace_seconds", float, "after that, the most that accepted requests may take; default 25"),
    ],
}
