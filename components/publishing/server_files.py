"""The files that tell servers which versions to serve: TensorFlow Serving's model config, KServe's InferenceService."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.core.errors import ConfigError
from components.core.filesystem import is_remote
from components.publishing.history import State
from components.publishing.settings import KServeConfig, ServedAsConfig

__all__ = ["Served", "inference_service", "model_config"]


@dataclass(frozen=True)
class Served:
    """What a model config says: the versions to load, and the version of each label."""

    versions: frozenset[int]
    labels: Mapping[str, int]

    @classmethod
    def of(cls, state: State) -> "Served":
        """Beside what has a label, the version that a rollback would go back to stays loaded."""
        labels = {"stable": state.stable, "canary": state.canary}
        given = {label: version for label, version in labels.items() if version is not None}
        previous = state.previous()
        return cls(frozenset({*given.values(), *(() if previous is None else (previous,))}), given)

    @classmethod
    def read(cls, text: str) -> "Served":
        """From what `model_config` wrote."""
        labels = re.findall(r'key: "(\w+)" value: (\d+)', text)
        return cls(
            frozenset(map(int, re.findall(r"versions: (\d+)", text))),
            {label: int(version) for label, version in labels},
        )

    def before(self, new: "Served") -> "Served | None":
        """What servers must be told first: they move a label only to a version that is loaded already, and refuse the
        whole file otherwise. None if they have loaded all that `new` has labels for."""
        if new.labels.keys() and set(new.labels.values()) <= self.versions:
            return None
        return Served(self.versions | new.versions, self.labels)


def model_config(config: ServedAsConfig, served: Served, base_path: str) -> str:
    """A `ModelServerConfig` in protobuf's text form.

    Args:
        config: name and, if it is another one, the base path that the server sees.
        served: versions and labels.
        base_path: the directory `saved_model` of the destination.
    """
    # JSON writes strings as protobuf's text form reads them.
    lines = [
        "model_config_list {",
        "  config {",
        f"    name: {json.dumps(config.name)}",
        f"    base_path: {json.dumps(config.base_path or base_path)}",
        '    model_platform: "tensorflow"',
        "    model_version_policy {",
        f"      specific {{ {' '.join(f'versions: {version}' for version in sorted(served.versions))} }}",
        "    }",
        *(
            f'    version_labels {{ key: "{label}" value: {version} }}'
            for label, version in served.labels.items()
        ),
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def inference_service(config: KServeConfig, state: State, base_path: str, existing: str | None = None) -> str:
    """An InferenceService in YAML that serves the canary, if there is one, beside what KServe rolled out before.

    Args:
        config: names and share of the canary.
        state: which versions are stable and canary.
        base_path: the directory `saved_model` of the destination.
        existing: the file that is there: what it says about resources, scaling and so on stays.

    Raises:
        ConfigError: no cluster can read the base path.
    """
    import yaml

    base = (config.storage_uri or base_path).rstrip("/")
    if not is_remote(base):
        raise ConfigError(
            f"pusher.kserve: a cluster cannot read {base}; set pusher.kserve.storage_uri to what it reads (pvc://, "
            "s3://, gs://)"
        )
    version = state.stable if state.canary is None else state.canary
    document = _dictionary(yaml.safe_load(existing) if existing else None)
    document |= {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
    metadata = document.setdefault("metadata", {})
    metadata |= {"name": config.name, **({"namespace": config.namespace} if config.namespace else {})}
    predictor = document.setdefault("spec", {}).setdefault("predictor", {})
    model = predictor.setdefault("model", {})
    model["modelFormat"] = {"name": "tensorflow"}
    model.pop("storageUri", None)
    # KServe's TensorFlow runtime looks for <number>/saved_model.pb in /mnt/models.
    predictor["storageUris"] = [{"uri": f"{base}/{version}", "mountPath": f"/mnt/models/{version}"}]
    predictor.pop("canaryTrafficPercent", None)
    if state.canary is not None:
        predictor["canaryTrafficPercent"] = config.canary_traffic_percent
    return str(yaml.safe_dump(document, sort_keys=False))


def _dictionary(document: Any) -> dict[str, Any]:
    return dict(document) if isinstance(document, Mapping) else {}
