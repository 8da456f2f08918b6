"""The guard of one server: what the settings of `GuardConfig` become."""

from functools import partial
from pathlib import Path
from typing import Any

import grpc

from serving.data_plane import DataPlane
from serving.errors import ServerStartError
from serving.guard.admission import Admission
from serving.guard.config import GuardConfig
from serving.guard.guarded_data_plane import GuardedDataPlane
from serving.guard.input_limits import InputLimits
from serving.guard.keys import watch_keys
from serving.guard.redaction import MaskText
from serving.guard.request_log import RequestLog
from serving.guard.tls import watch_certificates, watch_ssl_config
from serving.guard.tracing import Tracing
from serving.guard.watched_files import WatchedFiles
from serving.lifecycle import Lifecycle
from serving.metrics import Metrics
from serving.models import Models

__all__ = ["Guard"]

_FORMATS = ("json", "prediction_log")


class Guard:
    """Keys, certificates, limits and log; close it when no request runs any more.

    Args:
        config: the settings.
        ssl_config_file: TensorFlow Serving's, for gRPC alone.
        lifecycle: counts the requests.
        metrics: counts what is refused and what is logged.
        mask_text: how personal data is masked in logged texts; None = texts are left out.

    Raises:
        ServerStartError: a setting is wrong, or a file cannot be used.
    """

    def __init__(
        self,
        config: GuardConfig,
        *,
        ssl_config_file: Path | None,
        lifecycle: Lifecycle,
        metrics: Metrics,
        mask_text: MaskText | None = None,
    ) -> None:
        _check(config, ssl_config_file)
        self.config = config
        self._lifecycle = lifecycle
        self._metrics = metrics
        self.rest_tls = watch_certificates(config)
        """None = plain text."""
        self.grpc_tls = watch_ssl_config(ssl_config_file) if ssl_config_file else self.rest_tls
        """None = plain text."""
        keys = watch_keys(config.api_keys_file) if config.api_keys_file else None
        self._tracing = Tracing() if config.enable_tracing else None
        self.admission = Admission(
            keys=keys,
            exempt=config.auth_exempt,
            max_in_flight=config.max_in_flight,
            make_room=lifecycle.arrivals.make_room,
            metrics=metrics,
            trace_context=self._tracing.context if self._tracing else None,
        )
        for watched, what in ((self.grpc_tls, "certificate"), (keys, "api_keys")):
            if watched is not None:
                metrics.gauge(
                    f"emotion_serving_{what}_refused",
                    "1 while a changed file cannot be used and its former content goes on.",
                    partial(_is_refused, watched),
                )
        self._log = (
            RequestLog(config, metrics, mask=mask_text) if config.request_log_directory is not None else None
        )

    def data_plane(self, models: Models, *, check_method_names: bool) -> DataPlane:
        """What answers, guarded."""
        return GuardedDataPlane(
            models,
            metrics=self._metrics,
            check_method_names=check_method_names,
            limits=InputLimits(rows=self.config.max_batch_texts, text_bytes=self.config.max_text_bytes),
            observe=self._log.offer if self._log else None,
            trace=self._tracing.call if self._tracing else None,
        )

    def admit_grpc(self, details: grpc.HandlerCallDetails) -> None:
        """For `GrpcOptions.admit`."""
        headers = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
        in_flight = self._lifecycle.in_flight
        self.admission.admit(details.method, headers, transport="GRPC", in_flight=in_flight)

    def close(self) -> None:
        """Writes down what is still to be logged or sent."""
        if self._log:
            self._log.close()
        if self._tracing:
            self._tracing.close()


def _is_refused(watched: WatchedFiles[Any]) -> float:
    watched.current()
    return float(watched.refused)


def _check(config: GuardConfig, ssl_config_file: Path | None) -> None:
    if ssl_config_file is not None and (config.tls_certificate_file or config.tls_key_file):
        raise ServerStartError(
            "ssl_config_file is for gRPC alone, tls_certificate_file for gRPC and REST; name one of them"
        )
    if unknown := set(config.request_log_formats) - set(_FORMATS):
        raise ServerStartError(
            f"request_log_formats: expected some of {', '.join(_FORMATS)}; got {', '.join(sorted(unknown))}"
        )
    for path in config.auth_exempt:
        if not path.startswith("/"):
            raise ServerStartError(f"auth_exempt: expected paths that begin with /; got {path!r}")
    if not 0 <= config.request_log_sample_rate <= 1:
        raise ServerStartError(
            f"request_log_sample_rate must be from 0 to 1; got {config.request_log_sample_rate:g}"
        )
    for name in ("request_log_max_bytes", "request_log_max_files"):
        if getattr(config, name) < 1:
            raise ServerStartError(f"{name} must be greater than 0; got {getattr(config, name)}")
    for name in ("max_in_flight", "max_request_bytes", "max_batch_texts", "max_text_bytes"):
        if getattr(config, name) < 0:
            raise ServerStartError(f"{name} must not be negative, 0 = no limit; got {getattr(config, name)}")
