"""The command line is tensorflow_model_server's."""

import re
from dataclasses import fields
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from serving.config import ServerConfig
from serving.errors import ServerStartError
from serving.flags import parse_flags
from serving.guard.config import GuardConfig
from serving.metrics import Metrics
from serving.setup import load_options

BASE = "--model_base_path=/models/emotion"

TENSORFLOW_SERVING = """
allow_version_labels_for_unavailable_models batching_parameters_file enable_batching
enable_grpc_healthcheck_service enable_model_warmup enable_per_model_batching_parameters enable_profiler
enable_serialization_as_tensor_content enable_signature_method_name_check file_system_poll_wait_seconds
flush_filesystem_caches grpc_channel_arguments grpc_max_threads grpc_socket_path load_retry_interval_micros
max_num_load_retries mixed_precision model_base_path model_config_file model_config_file_poll_wait_seconds
model_name monitoring_config_file num_load_threads num_request_iterations_for_warmup
num_tflite_interpreters_per_pool num_tflite_pools num_unload_threads per_process_gpu_memory_fraction
platform_config_file port prefer_tflite_model remove_unused_fields_from_bundle_metagraph
rest_api_enable_cors_support rest_api_num_threads rest_api_port rest_api_timeout_in_ms saved_model_tags
skip_initialize_tpu ssl_config_file tensorflow_inter_op_parallelism tensorflow_intra_op_parallelism
tensorflow_session_config_file tensorflow_session_parallelism thread_pool_factory_config_file
use_alts_credentials version xla_cpu_compilation_enabled xla_gpu_compilation_enabled
"""
"""Every flag of model_servers/main.cc, July 2026."""


def test_defaults() -> None:
    config = parse_flags([BASE])
    assert config == ServerConfig(model_base_path=Path("/models/emotion"))
    assert (config.port, config.rest_api_port) == (8500, None)
    assert (config.max_num_load_retries, config.load_retry_interval_micros) == (5, 60_000_000)
    assert (config.rest_api_timeout_in_ms, config.file_system_poll_wait_seconds) == (30_000, 1.0)
    assert config.enable_model_warmup
    assert config.model_config_file_poll_wait_seconds == 0


def test_flags_win_over_defaults_of_the_caller() -> None:
    defaults = {"model_base_path": Path("/models/emotion"), "port": 0, "rest_api_port": 0, "model_name": "a"}
    config = parse_flags(["--model_name=b", "--max_in_flight=7"], **defaults)
    assert (config.port, config.rest_api_port, config.model_name) == (0, 0, "b")
    assert config.guard.max_in_flight == 7
    assert parse_flags(["--rest_api_port=0"], **defaults).rest_api_port is None


def test_every_flag_of_tensorflow_serving_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    for name in TENSORFLOW_SERVING.split():
        try:
            parse_flags([BASE, f"--{name}="])
        except (SystemExit, ServerStartError):
            assert "unrecognized" not in capsys.readouterr().err, name


def test_every_setting_has_a_flag() -> None:
    given = {
        "port": "1",
        "rest_api_port": "2",
        "grpc_channel_arguments": "a=1",
        "batching_parameters_file": "",
        "auth_exempt": "/healthz",
    }
    for field in (*fields(ServerConfig), *fields(GuardConfig)):
        if field.name == "guard":
            continue
        value = given.get(field.name, "false" if field.type == "bool" or field.type is bool else "0")
        parse_flags([BASE, "--model_config_file=/m", f"--{field.name}={value}"])


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--enable_model_warmup", True),
        ("--enable_model_warmup=true", True),
        ("--enable_model_warmup=false", False),
    ],
)
def test_booleans(flag: str, value: bool) -> None:
    assert parse_flags([BASE, flag]).enable_model_warmup is value


def test_values() -> None:
    config = parse_flags(
        [
            "--model_config_file=/m.txt",
            "--port=0",
            "--grpc_socket_path=/tmp/s",
            "--rest_api_port=8501",
            "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb",
            "--prefer_tflite_model",
            "--api_keys_file=/keys.toml",
            "--auth_exempt=/healthz,/monitoring*",
            "--request_log_formats=json,prediction_log",
        ]
    )
    assert config.port is None
    assert config.rest_api_port == 8501
    assert config.grpc_channel_arguments == (
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.lb_policy_name", "grpclb"),
    )
    assert config.prefer_tflite_model
    assert config.guard == GuardConfig(
        api_keys_file=Path("/keys.toml"),
        auth_exempt=("/healthz", "/monitoring*"),
        request_log_formats=("json", "prediction_log"),
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (["--model_base_path="], "Both server_options.model_base_path and"),
        ([BASE, "--port=0"], "At least one of server_options.grpc_port or server_options.grpc_socket_path"),
        ([BASE, "--batching_parameters_file=/b"], "without setting server_options.enable_batching to true"),
        ([BASE, "--rest_api_port=8500"], "--rest_api_port must be another than --port"),
        ([BASE, "--use_alts_credentials"], "--use_alts_credentials is not supported; use --ssl_config_file"),
        ([BASE, "--platform_config_file=/p"], "--platform_config_file is not supported"),
        (
            [
                BASE,
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            "You cannot configure all",
        ),
    ],
)
def test_contradictions_stop_the_start(flags: list[str], message: str) -> None:
    with pytest.raises(ServerStartError, match=re.escape(message)):
        parse_flags(flags)


def test_an_unknown_mixed_precision_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    config = parse_flags([BASE, "--mixed_precision=float16"])
    options = load_options(config, Metrics())
    assert not options.session_config.graph_options.HasField("rewrite_options")
    assert [record.message for record in caplog.records] == [
        "float16 auto mixed precision is not supported. Valid option: bfloat16"
    ]


def test_what_has_no_effect_says_so(caplog: pytest.LogCaptureFixture) -> None:
    parse_flags([BASE, "--num_load_threads=2", "--enable_profiler=false", "--use_alts_credentials=false"])
    assert [record.message for record in caplog.records] == [
        "--num_load_threads has no effect: models are loaded one after the other, beside the requests"
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--ports=1"], "unrecognized arguments: --ports=1"),
        (["--rest_api_por=1"], "unrecognized arguments: --rest_api_por=1"),
        (["--port=many"], "argument --port: invalid int value: 'many'"),
        (["--enable_batching=maybe"], "expected true or false, got 'maybe'"),
        (["--grpc_channel_arguments=age"], "expected name=value, got 'age'"),
    ],
)
def test_wrong_flags_show_the_usage(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_flags([BASE, *flags])
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert "usage: python -m serving" in shown
    assert message in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_flags(["--version"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert re.match(r"TensorFlow ModelServer: \S+ [\d.]+\S*\s+TensorFlow Library: 2\.", shown)


def test_it_starts_where_only_the_package_was_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("serving.flags.version", nothing_installed)
    with pytest.raises(SystemExit) as exit_:
        parse_flags(["--version"])
    assert exit_.value.code == 0
    assert "emotion-pipeline of unknown version" in capsys.readouterr().out
