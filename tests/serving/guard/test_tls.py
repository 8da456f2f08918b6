"""Certificates of both transports, and what happens when they change."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import serialization

from serving.errors import ServerStartError
from serving.guard.config import GuardConfig
from serving.guard.tls import watch_ssl_config
from serving.server import ModelServer
from tests.serving.conftest import publish
from tests.serving.operation import METRICS, TIMEOUT_S, Client, request, self_signed, serving
from tests.waiting import until


class Files:
    """Where the server's certificate lies, and that of the only client it believes."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key, self.client_ca = (
            directory / name for name in ("tls.crt", "tls.key", "clients.crt")
        )

    def write(self, key: bytes, certificate: bytes) -> None:
        self.key.write_bytes(key)
        self.certificate.write_bytes(certificate)

    def guard(self, *, mutual: bool) -> GuardConfig:
        return GuardConfig(
            tls_certificate_file=self.certificate,
            tls_key_file=self.key,
            tls_client_ca_file=self.client_ca if mutual else None,
        )


class TlsClient:
    """Trusts one certificate, and may show one of its own."""

    def __init__(self, server: ModelServer, trusted: bytes, own: tuple[bytes, bytes] | None = None) -> None:
        self._server = server
        self._trusted = trusted
        self._own = own

    def grpc(self) -> str:
        key, certificate = self._own or (None, None)
        credentials = grpc.ssl_channel_credentials(self._trusted, key, certificate)
        with grpc.secure_channel(f"127.0.0.1:{self._server.port}", credentials) as channel:
            try:
                Client(self._server, channel).predict(request(), TIMEOUT_S)
            except grpc.RpcError as err:
                return str(err.code().name)
            return "OK"

    def rest(self, tmp_path: Path, path: str = "/v1/models/half") -> str:
        """The answer; the error's type if there is no connection."""
        context = ssl.create_default_context(cadata=self._trusted.decode())
        if self._own:
            key, certificate = (tmp_path / "own.key"), (tmp_path / "own.crt")
            key.write_bytes(self._own[0])
            certificate.write_bytes(self._own[1])
            context.load_cert_chain(certificate, key)
        try:
            with (
                socket.create_connection(("127.0.0.1", self._server.rest_port or 0), TIMEOUT_S) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
            ):
                connection.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
                answer = b""
                while part := connection.recv(65536):
                    answer += part
        except ssl.SSLError as err:
            return type(err).__name__
        except ConnectionError:
            return "refused"
        return answer.decode()


def test_certificates_are_replaced_while_the_server_runs(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    files = Files(tmp_path)
    first, second = self_signed(), self_signed()
    files.write(*first)
    with serving(tmp_path, guard=files.guard(mutual=False)) as server:
        before, after = TlsClient(server, first[1]), TlsClient(server, second[1])
        assert (before.grpc(), after.grpc()) == ("OK", "UNAVAILABLE")
        assert before.rest(tmp_path).startswith("HTTP/1.1 200")
        assert after.rest(tmp_path) == "SSLCertVerificationError"
        files.key.write_bytes(second[0])
        until(lambda: "emotion_serving_certificate_refused 1.0" in before.rest(tmp_path, METRICS))
        assert before.grpc() == "OK", "a key without its certificate changes nothing"
        files.certificate.write_bytes(second[1])
        until(lambda: after.rest(tmp_path).startswith("HTTP/1.1 200"))
        assert (before.grpc(), after.grpc()) == ("UNAVAILABLE", "OK")
        assert before.rest(tmp_path) == "SSLCertVerificationError"
        assert "emotion_serving_certificate_refused 0.0" in after.rest(tmp_path, METRICS)
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            assert Client(server, channel).refusal()[0] == grpc.StatusCode.UNAVAILABLE


def test_clients_show_certificates_and_their_authority_changes(half_plus_two: Path, tmp_path: Path) -> None:
    publish(half_plus_two, tmp_path / "half" / "1")
    files = Files(tmp_path)
    own, alice, bob = self_signed(), self_signed(), self_signed()
    files.write(*own)
    files.client_ca.write_bytes(alice[1])
    with serving(tmp_path, guard=files.guard(mutual=True)) as server:

        def answered(client: TlsClient) -> tuple[bool, bool]:
            return client.grpc() == "OK", client.rest(tmp_path).startswith("HTTP/1.1 200")

        nobody, of_alice, of_bob = (TlsClient(server, own[1], who) for who in (None, alice, bob))
        assert [answered(one) for one in (nobody, of_alice, of_bob)] == [
            (False, False),
            (True, True),
            (False, False),
        ]
        files.client_ca.write_bytes(bob[1])
        until(lambda: answered(of_bob) == (True, True))
        assert answered(of_alice) == answered(nobody) == (False, False)


def test_whether_clients_show_certificates_takes_a_restart(tmp_path: Path) -> None:
    """gRPC is told once."""
    file = tmp_path / "ssl.txt"

    def write(key: bytes, certificate: bytes, *, client_verify: bool) -> None:
        fields = {"server_key": key, "server_cert": certificate, "custom_ca": certificate}
        lines = [f"{name}: {json.dumps(pem.decode())}" for name, pem in fields.items()]
        file.write_text("\n".join([*lines, f"client_verify: {str(client_verify).lower()}"]))

    write(KEY, CERTIFICATE, client_verify=False)
    watched = watch_ssl_config(file)
    write(KEY, CERTIFICATE, client_verify=True)
    until(lambda: watched.current().client_ca is None and watched.refused)
    renewed = self_signed()
    write(*renewed, client_verify=False)
    until(lambda: watched.current().key == renewed[0])
    assert not watched.refused


KEY, CERTIFICATE = self_signed()
ENCRYPTED = serialization.load_pem_private_key(KEY, None).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"tls.key": None}, r"tls\.key: cannot be read \(No such file"),
        ({"tls.key": self_signed()[0]}, r"tls\.key: is not the key of the first certificate in .*tls\.crt"),
        ({"tls.key": ENCRYPTED}, r"tls\.key: the key is encrypted; store it without a password"),
        ({"tls.key": CERTIFICATE}, r"tls\.key: expected a private key in PEM form"),
        ({"tls.crt": KEY}, r"tls\.crt: expected a certificate in PEM form"),
        ({"tls.crt": CERTIFICATE[:200]}, r"tls\.crt: OpenSSL refuses them"),
        ({"clients.crt": b""}, r"clients\.crt: expected the certificate of an authority in PEM form"),
    ],
)
def test_what_is_wrong_with_the_files_is_said(
    tmp_path: Path, contents: dict[str, bytes | None], message: str
) -> None:
    files = Files(tmp_path)
    files.write(KEY, CERTIFICATE)
    files.client_ca.write_bytes(CERTIFICATE)
    for name, content in contents.items():
        (tmp_path / name).unlink()
        if content is not None:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(ServerStartError, match=message):
        serving(tmp_path, guard=files.guard(mutual=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guard": GuardConfig(tls_certificate_file=Path("/c"))}, "name tls_key_file, too"),
        ({"guard": GuardConfig(tls_client_ca_file=Path("/c"))}, "name tls_certificate_file, too"),
        (
            {"guard": GuardConfig(tls_certificate_file=Path("/c")), "ssl_config_file": Path("/s")},
            "ssl_config_file is for gRPC alone, tls_certificate_file for gRPC and REST; name one of them",
        ),
    ],
)
def test_half_of_the_settings_stops_the_start(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ServerStartError, match=message):
        serving(tmp_path, **changes)
