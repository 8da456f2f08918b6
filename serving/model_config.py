"""Which models are served, and which of their versions: TensorFlow Serving's `ModelServerConfig`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import InvalidArgumentError
from serving.text_protos import read_text_proto
from serving.versions import VersionPolicy, all_versions, latest, specific

__all__ = ["ModelSettings", "model_settings", "read_model_config"]

_PLATFORM = "tensorflow"


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """One model.

    Attributes:
        name: in requests.
        base_path: directory of version directories.
        policy: which versions are served.
        labels: names that requests may use in place of version numbers.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=latest)
    labels: Mapping[str, int] = field(default_factory=dict)


def read_model_config(path: Path) -> list[ModelSettings]:
    """The models of a `--model_config_file`.

    Raises:
        ServerStartError: the file cannot be read or parsed.
        InvalidArgumentError: it lists what cannot be served.
    """
    return model_settings(read_text_proto(path, ModelServerConfig))


def model_settings(config: Any) -> list[ModelSettings]:
    """The models of a `ModelServerConfig` proto.

    Raises:
        InvalidArgumentError: it is no list of models, or lists what cannot be served.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise InvalidArgumentError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    models: dict[str, ModelSettings] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise InvalidArgumentError(f"Illegal to list model {model.name} multiple times in config list")
        models[model.name] = _settings(model)
    return list(models.values())


def _settings(model: Any) -> ModelSettings:
    if not Path(model.base_path).is_absolute():
        raise InvalidArgumentError(
            f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
        )
    _check_platform(model)
    if model.HasField("logging_config"):
        raise InvalidArgumentError("No request-logger-creator provided.")
    return ModelSettings(
        name=model.name,
        base_path=Path(model.base_path),
        policy=_policy(model.model_version_policy),
        labels=dict(model.version_labels),
    )


def _check_platform(model: Any) -> None:
    if model.model_type:
        if model.model_platform:
            raise InvalidArgumentError(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                f"ModelServerConfig::model_platform, model name is {model.name}"
            )
        if model.model_type != 1:
            raise InvalidArgumentError(
                f"ModelServerConfig::model_type choice {model.model_type} not supported."
            )
    elif not model.model_platform:
        raise InvalidArgumentError(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    elif model.model_platform != _PLATFORM:
        raise InvalidArgumentError(f"Model {model.name} requests unsupported platform {model.model_platform}")


def _policy(policy: Any) -> VersionPolicy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return all_versions()
        case "specific":
            return specific(frozenset(policy.specific.versions))
        case _:
            return latest(policy.latest.num_versions or 1)
