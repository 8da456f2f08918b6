"""What a destination writes beside the versions, for servers and for apps."""

from datetime import date

from pydantic import Field

from components.core.config import Config

__all__ = ["AppConfig", "KServeConfig", "PublishingSettings", "ServedAsConfig"]

_KUBERNETES_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class ServedAsConfig(Config):
    """`models.config`, the `--model_config_file` of TensorFlow Serving and of the embedded server."""

    name: str = Field(default="emotion", min_length=1)
    """Name of the model in requests."""

    base_path: str | None = None
    """The directory `saved_model` as the server sees it, absolute or a URI; the destination's own if None."""

    settle_seconds: float = Field(default=60.0, ge=0)
    """How long to wait between telling servers to load a new version and giving it a label: longer than their
    `--model_config_file_poll_wait_seconds`, or TensorFlow Serving refuses the label. The embedded server needs no
    wait."""


class KServeConfig(Config):
    """`inference_service.yaml`, an InferenceService of KServe 0.16 or later."""

    name: str = Field(default="emotion", pattern=_KUBERNETES_NAME, max_length=63)
    """Name of the InferenceService."""

    namespace: str | None = Field(default=None, pattern=_KUBERNETES_NAME, max_length=63)
    """Its namespace; that of `kubectl`'s context if None."""

    storage_uri: str | None = None
    """The directory `saved_model` as the cluster sees it (`gs://`, `s3://`, `pvc://`); the destination's if None."""

    canary_traffic_percent: int = Field(default=10, ge=1, le=99)
    """Share of the requests, in percent, that a canary gets."""


class AppConfig(Config):
    """What `update.json` tells apps beside the files."""

    minimum_app_version: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]+){0,3}$")
    """The oldest version of the app that can use the model, such as `2.3.0`: raise it when labels change in a way that
    the app must know. None asks for none."""

    released: date | None = None
    """Date of the release; the day of the push (UTC) if None."""


class PublishingSettings(Config):
    """All of it; a destination remembers it, so that a rollback needs no configuration."""

    served_as: ServedAsConfig | None = None
    """Writes `models.config` with the versions to load and the labels `stable` and `canary`. Without it a server takes
    the version with the highest number, as TensorFlow Serving does by default."""

    kserve: KServeConfig | None = None
    """Writes `inference_service.yaml`; apply it with `kubectl apply -f`. None by default."""

    app: AppConfig = AppConfig()
    """What apps are told in `tflite/update.json`."""

    @property
    def names_versions(self) -> bool:
        """Whether servers are told which version to serve; else they take the one with the highest number."""
        return self.served_as is not None or self.kserve is not None
