"""What a target says of its server, and what it refuses."""

import pytest

from serving.client import Target


@pytest.mark.parametrize(
    "token", ["secret\n", "secret\r\n", " secret", "sec ret", "sécret", "secret\x7f", "secret\0"]
)
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match="token has a space") as refused:
        Target(url="http://localhost:8501", token=token)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("token", [None, "", "k3y-._~+/=", "!#$%&'*|"])
def test_all_other_tokens_are_taken_and_not_shown(token: str | None) -> None:
    target = Target(url="http://localhost:8501", token=token)
    assert target.token == token
    assert "token" not in repr(target)


@pytest.mark.parametrize(
    ("url", "is_grpc", "has_tls"),
    [
        ("grpc://localhost:8500", True, False),
        ("GRPC://localhost:8500", True, False),
        ("GrpcS://localhost:8500", True, True),
        ("HTTP://localhost:8501", False, False),
        ("HTTPS://localhost", False, True),
    ],
)
def test_the_scheme_says_how_in_any_case(url: str, is_grpc: bool, has_tls: bool) -> None:
    target = Target(url=url)
    assert (target.is_grpc, target.has_tls) == (is_grpc, has_tls)


def test_grpc_needs_a_port_in_any_case() -> None:
    with pytest.raises(ValueError, match="gRPC needs a port"):
        Target(url="GRPC://localhost")
