"""Where a client sends its requests, and which version it wants."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model of a server.

    Attributes:
        url: `grpc://host:8500`, `http://host:8501`, or with TLS `grpcs://` and `https://`; a path before `/v1` is kept.
        model: its name.
        version: a number; None = the newest.
        version_label: a label of the server's, `stable`, in place of a number.
        token: sent as `Authorization: Bearer`, visible ASCII; None = none. In the clear unless the URL is one with TLS.
        ca_file: PEM certificates that the server's must come from; None = those that the system trusts.
        client_certificate: PEM files of certificate and key, for servers that ask for them.

    Raises:
        ValueError: URL or token cannot be used, or both a version and a label are given.
    """

    url: str
    model: str = "emotion"
    version: int | None = None
    version_label: str | None = None
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    client_certificate: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("grpc", "grpcs", "http", "https") or not parts.hostname:
            raise ValueError(
                f"url is {self.url!r}; expected grpc://HOST:PORT, grpcs://, http:// or https://, as http://localhost:8501"
            )
        if self.is_grpc and parts.port is None:
            raise ValueError(f"url is {self.url!r}; gRPC needs a port, as grpc://localhost:8500")
        if self.version is not None and self.version_label is not None:
            raise ValueError("give version or version_label, not both")
        if not re.fullmatch(r"[!-~]*", self.token or ""):
            raise ValueError("token has a space, a line break or another character that is not visible ASCII")
        if not self.has_tls and (self.ca_file or self.client_certificate):
            raise ValueError(f"url is {self.url!r}, without TLS; certificates need grpcs:// or https://")

    @property
    def is_grpc(self) -> bool:
        """Whether it speaks gRPC; else REST."""
        return urlsplit(self.url).scheme in ("grpc", "grpcs")

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme in ("grpcs", "https")

    @property
    def address(self) -> str:
        """`host:port`."""
        return urlsplit(self.url).netloc
