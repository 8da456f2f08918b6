"""TensorFlow Serving's configuration files: protocol buffers in text form.

Three of its schemas are not in the `tensorflow-serving-api` package and are restated here, field by field and with
the numbers of tensorflow_serving/config/*.proto and servables/tensorflow/session_bundle_config.proto.
"""

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from serving.errors import ServerStartError
from serving.proto_schemas import Field, message_classes

__all__ = ["BatchingParameters", "MonitoringConfig", "SSLConfig", "read_text_proto"]

_WRAPPED = ".google.protobuf."
_SCHEMAS: dict[str, list[Field]] = {
    "PrometheusConfig": [(1, "enable", "bool"), (2, "path", "string")],
    "MonitoringConfig": [(1, "prometheus_config", ".tensorflow.serving.PrometheusConfig")],
    "SSLConfig": [
        (1, "server_key", "string"),
        (2, "server_cert", "string"),
        (3, "custom_ca", "string"),
        (4, "client_verify", "bool"),
    ],
    "BatchingParameters": [
        (1, "max_batch_size", f"{_WRAPPED}Int64Value"),
        (2, "batch_timeout_micros", f"{_WRAPPED}Int64Value"),
        (3, "max_enqueued_batches", f"{_WRAPPED}Int64Value"),
        (4, "num_batch_threads", f"{_WRAPPED}Int64Value"),
        (5, "thread_pool_name", f"{_WRAPPED}StringValue"),
        (6, "allowed_batch_sizes", "repeated int64"),
        (7, "pad_variable_length_inputs", "bool"),
        (8, "enable_large_batch_splitting", f"{_WRAPPED}BoolValue"),
        (9, "max_execution_batch_size", f"{_WRAPPED}Int64Value"),
    ],
}


_CLASSES = message_classes("tensorflow.serving", _SCHEMAS)
BatchingParameters = _CLASSES["BatchingParameters"]
MonitoringConfig = _CLASSES["MonitoringConfig"]
SSLConfig = _CLASSES["SSLConfig"]


def read_text_proto(path: Path, message_class: Any) -> Any:
    """The message that a file holds in protobuf's text form.

    Raises:
        ServerStartError: the file cannot be read or does not fit the message.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), message_class())
    except (OSError, UnicodeDecodeError) as err:
        raise ServerStartError(f"{path}: cannot be read ({err})") from err
    except text_format.ParseError as err:
        name = message_class.DESCRIPTOR.full_name
        # The first words are TensorFlow Serving's: scripts look for them.
        raise ServerStartError(f"Error parsing text-format {name}: {path}:{err}") from err
