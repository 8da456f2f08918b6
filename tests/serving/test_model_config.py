"""TensorFlow Serving's configuration files."""

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import InvalidArgumentError, ServerStartError
from serving.model_config import model_settings, read_model_config
from serving.text_protos import BatchingParameters, MonitoringConfig, SSLConfig, read_text_proto

FOUND = {number: Path(str(number)) for number in (1, 2, 3)}

GOOD = """
model_config_list {
  config { name: "emotion" base_path: "/m/emotion" model_platform: "tensorflow"
           model_version_policy { specific { versions: 1 versions: 3 } }
           version_labels { key: "stable" value: 1 } }
  config { name: "tone" base_path: "/m/tone" model_type: TENSORFLOW model_version_policy { latest { num_versions: 2 } } }
  config { name: "old" base_path: "/m/old" model_platform: "tensorflow" model_version_policy { all {} } }
  config { name: "new" base_path: "/m/new" model_platform: "tensorflow" }
}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.txt"
    path.write_text(text)
    return path


def test_models_policies_and_labels(tmp_path: Path) -> None:
    models = read_model_config(write(tmp_path, GOOD))
    assert [(model.name, str(model.base_path)) for model in models] == [
        ("emotion", "/m/emotion"),
        ("tone", "/m/tone"),
        ("old", "/m/old"),
        ("new", "/m/new"),
    ]
    assert [list(model.policy(FOUND)) for model in models] == [[1, 3], [2, 3], [1, 2, 3], [3]]
    assert models[0].labels == {"stable": 1}


def test_a_bad_text_is_named_as_tensorflow_serving_does(tmp_path: Path) -> None:
    path = write(tmp_path, "improper_config {}")
    message = f"Error parsing text-format tensorflow.serving.ModelServerConfig: {path}:1:1"
    with pytest.raises(ServerStartError, match=re.escape(message)):
        read_model_config(path)
    with pytest.raises(ServerStartError, match="cannot be read"):
        read_model_config(tmp_path / "missing.txt")


def model(fields: str) -> str:
    return f'model_config_list {{ config {{ name: "n" base_path: "/m" {fields} }} }}'


TENSORFLOW = 'model_platform: "tensorflow"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is"),
        (
            f'model_config_list {{ config {{ name: "n" base_path: "/m" {TENSORFLOW} }}'
            f' config {{ name: "n" base_path: "/o" {TENSORFLOW} }} }}',
            "Illegal to list model n multiple times in config list",
        ),
        (
            f'model_config_list {{ config {{ name: "n" base_path: "m" {TENSORFLOW} }} }}',
            "Expected model n to have an absolute path or URI; got base_path()=m",
        ),
        (
            model(""),
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is n",
        ),
        (
            model(f"model_type: TENSORFLOW {TENSORFLOW}"),
            "Illegal setting both ModelServerConfig::model_type (deprecated) and",
        ),
        (model("model_type: OTHER"), "ModelServerConfig::model_type choice 2 not supported."),
        (model('model_platform: "onnx"'), "Model n requests unsupported platform onnx"),
        (model(f"{TENSORFLOW} logging_config {{}}"), "No request-logger-creator provided."),
    ],
)
def test_what_cannot_be_served(text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        model_settings(text_format.Parse(text, ModelServerConfig()))


def test_the_restated_schemas(tmp_path: Path) -> None:
    batching = read_text_proto(
        write(
            tmp_path,
            "max_batch_size { value: 128 } batch_timeout_micros { value: 0 } max_enqueued_batches { value: 9 }"
            'num_batch_threads { value: 8 } thread_pool_name { value: "p" } allowed_batch_sizes: 64'
            " allowed_batch_sizes: 128 pad_variable_length_inputs: true",
        ),
        BatchingParameters,
    )
    assert (batching.max_batch_size.value, batching.num_batch_threads.value) == (128, 8)
    assert batching.HasField("batch_timeout_micros")
    assert list(batching.allowed_batch_sizes) == [64, 128]
    monitoring = read_text_proto(write(tmp_path, 'prometheus_config: { enable: true, path: "/p" }'), MonitoringConfig)
    assert (monitoring.prometheus_config.enable, monitoring.prometheus_config.path) == (True, "/p")
    ssl = read_text_proto(write(tmp_path, 'server_key: "k" server_cert: "c" client_verify: true'), SSLConfig)
    assert (ssl.server_key, ssl.server_cert, ssl.custom_ca, ssl.client_verify) == ("k", "c", "", True)
