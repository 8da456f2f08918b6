"""Ports for servers that take no 0 for any free one, or do not say which they took."""

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """One of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
