"""How the server is guarded: the settings."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GuardConfig"]


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """Who may call, how much, and what is written down about it. TensorFlow Serving has none of it.

    The defaults change nothing for anybody who calls within reason: everything is off but the three limits that keep
    the memory bounded.

    Attributes:
        tls_certificate_file: PEM of the server's certificate and those between it and the root, for gRPC and REST;
            None = plain text. It, the key and the clients' authorities are read again when they change.
        tls_key_file: PEM of its key, not encrypted.
        tls_client_ca_file: PEM of the authorities of clients, who must show a certificate; None = need not.
        api_keys_file: TOML of hashed keys (`serving.guard.keys`), read again when it changes; None = everybody may
            call.
        auth_exempt: paths that need no key, of REST (`/readyz`) and of gRPC (`/grpc.health.v1.Health/Check`); `*` at
            the end stands for anything.
        max_in_flight: requests accepted and not answered, waiting ones included, from which on more are refused;
            0 = no limit. 1024 is far more than wait on a server that keeps up.
        max_request_bytes: of a message or a body, packed or unpacked; 0 = no limit. The default, 100 MiB, is also the
            most that TensorFlow Serving unpacks.
        max_batch_texts: rows of one request; 0 = no limit. A body of 100 MiB can hold millions of short texts, and a
            network needs megabytes for each.
        max_text_bytes: UTF-8 bytes of each text, or of each serialized tf.Example; 0 = no limit.
        request_log_directory: where requests are written down; None = nowhere.
        request_log_formats: `json` for JSON Lines, `prediction_log` for TFRecords of `PredictionLog`, or both.
        request_log_sample_rate: share of the requests that are logged, 0-1.
        request_log_max_bytes: after which a new file begins.
        request_log_max_files: of each format that are kept; the oldest are deleted.
        enable_tracing: whether OpenTelemetry spans are sent as the OTEL_ environment variables say.
    """

    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None
    api_keys_file: Path | None = None
    auth_exempt: tuple[str, ...] = ("/", "/page/*", "/healthz", "/readyz*", "/grpc.health.v1.Health/*")
    max_in_flight: int = 1024
    max_request_bytes: int = 100 * 2**20
    max_batch_texts: int = 4096
    max_text_bytes: int = 0
    request_log_directory: Path | None = None
    request_log_formats: tuple[str, ...] = ("json",)
    request_log_sample_rate: float = 1.0
    request_log_max_bytes: int = 100 * 2**20
    request_log_max_files: int = 10
    enable_tracing: bool = False
