"""TLS for both transports, with certificates that are replaced while the server runs."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from serving.errors import ServerStartError
from serving.guard.config import GuardConfig
from serving.guard.watched_files import WatchedFiles
from serving.text_protos import SSLConfig, read_text_proto

__all__ = ["Tls", "grpc_credentials", "rest_context", "watch_certificates", "watch_ssl_config"]


@dataclass(frozen=True)
class Tls:
    """What the server shows, and whom it believes.

    Attributes:
        key: PEM.
        chain: PEM of the server's certificate, then of those that vouch for it.
        client_ca: PEM of the authorities of clients, who must show a certificate; None = need not.
        context: the same for the `ssl` module, which has checked it.
    """

    key: bytes
    chain: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


def watch_certificates(config: GuardConfig) -> WatchedFiles[Tls] | None:
    """What the three files of the settings hold; None if there are none.

    Raises:
        ServerStartError: a file is not named, cannot be read, or does not belong to the others.
    """
    chain, key, client_ca = config.tls_certificate_file, config.tls_key_file, config.tls_client_ca_file
    if chain is None and key is None and client_ca is None:
        return None
    if chain is None or key is None:
        missing = "tls_certificate_file" if chain is None else "tls_key_file"
        raise ServerStartError(f"TLS takes a certificate and its key; name {missing}, too")

    def read() -> Tls:
        authorities = None if client_ca is None else _read(client_ca)
        return _checked(_read(key), _read(chain), authorities, names=(str(key), str(chain), str(client_ca)))

    return WatchedFiles([path for path in (chain, key, client_ca) if path is not None], read)


def watch_ssl_config(file: Path) -> WatchedFiles[Tls]:
    """What TensorFlow Serving's `SSLConfig` holds.

    Raises:
        ServerStartError: it cannot be read, or its parts do not belong to each other.
    """

    first: bool | None = None

    def read() -> Tls:
        nonlocal first
        ssl_config = read_text_proto(file, SSLConfig)
        if first not in (None, ssl_config.client_verify):
            raise ServerStartError(f"{file}: a change of client_verify takes a restart of the server")
        if ssl_config.client_verify and not ssl_config.custom_ca:
            raise ServerStartError(f"{file}: client_verify takes the authorities of clients in custom_ca")
        tls = _checked(
            ssl_config.server_key.encode(),
            ssl_config.server_cert.encode(),
            ssl_config.custom_ca.encode() if ssl_config.client_verify else None,
            names=(f"{file}: server_key", f"{file}: server_cert", f"{file}: custom_ca"),
        )
        first = ssl_config.client_verify
        return tls

    return WatchedFiles([file], read)


def grpc_credentials(watched: WatchedFiles[Tls]) -> grpc.ServerCredentials:
    """For gRPC, which asks before every handshake whether there is something new."""
    told = watched.current()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal told
        if (now := watched.current()) is told:
            return None
        told = now
        return _for_grpc(now)

    return grpc.dynamic_ssl_server_credentials(_for_grpc(told), changed, told.client_ca is not None)


def rest_context(watched: WatchedFiles[Tls]) -> ssl.SSLContext:
    """For asyncio: hands every connection over to the context of the moment."""
    tls = watched.current()
    context = _context(tls.key, tls.chain, tls.client_ca)

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = watched.current().context

    context.sni_callback = choose
    return context


def _for_grpc(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.chain)], root_certificates=tls.client_ca)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise ServerStartError(f"{path}: cannot be read ({err.strerror})") from err


def _checked(key: bytes, chain: bytes, client_ca: bytes | None, *, names: tuple[str, str, str]) -> Tls:
    """gRPC says nothing of what is wrong with a certificate, OpenSSL only numbers: so here it is said."""
    key_name, chain_name, ca_name = names
    for content, mark, name, what in (
        (chain, b"-----BEGIN CERTIFICATE-----", chain_name, "a certificate"),
        (key, b"PRIVATE KEY-----", key_name, "a private key"),
        (client_ca, b"-----BEGIN CERTIFICATE-----", ca_name, "the certificate of an authority"),
    ):
        if content is not None and mark not in content:
            raise ServerStartError(f"{name}: expected {what} in PEM form (-----BEGIN ...)")
    try:
        context = _context(key, chain, client_ca)
    except _EncryptedKeyError as err:
        raise ServerStartError(
            f"{key_name}: the key is encrypted; store it without a password: openssl pkey -in KEY -out PLAIN"
        ) from err
    except ssl.SSLError as err:
        if err.reason == "KEY_VALUES_MISMATCH":
            raise ServerStartError(
                f"{key_name}: is not the key of the first certificate in {chain_name}; the server's own comes first"
            ) from err
        raise ServerStartError(f"{key_name}, {chain_name}: OpenSSL refuses them ({err})") from err
    return Tls(key, chain, client_ca, context)


def _context(key: bytes, chain: bytes, client_ca: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _as_file(chain) as chain_file, _as_file(key) as key_file:
        context.load_cert_chain(chain_file, key_file, password=_refuse_password)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode("ascii", errors="replace"))
        # A session that is taken up again would outlive the authority that vouched for its client.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


class _EncryptedKeyError(Exception):
    pass


def _refuse_password() -> str:
    """Instead of OpenSSL's question on the terminal."""
    raise _EncryptedKeyError


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A file in memory alone: what was read once is checked and used, and a key is never written to a disk."""
    descriptor = os.memfd_create("pem")
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(content)
        yield Path(f"/proc/self/fd/{descriptor}")
