"""`emotion ui`: runs, reports and comparisons as pages for a browser on this machine."""

import socket
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from components.core.errors import UserError
from pipeline.metadata.location import has_store

__all__ = ["ui_command"]

_RUNS = Path("runs")


def ui_command(roots: Sequence[Path], *, host: str, port: int) -> None:
    """Serves the pages until it is told to stop.

    Raises:
        UserError: a root is none, the port is taken, or the web server is not installed.
    """
    for root in roots:
        if not has_store(root):
            raise UserError(f"{root}: is no pipeline root; name the `root` of a configuration that has run")
    try:
        import uvicorn

        from pipeline.ui.application import application
        from pipeline.ui.views import Roots
    except ModuleNotFoundError as err:
        raise UserError(
            f"{err.name} is not installed; pip install 'emotion-pipeline[serving]' brings the web server"
        ) from err
    here = host in ("127.0.0.1", "localhost", "::1")
    pages = application(Roots(tuple(roots), _RUNS), **({} if here else {"hosts": ("*",)}))
    listening = _listen(host, port)
    address = f"http://{host}:{listening.getsockname()[1]}/"
    console = Console()
    console.print(f"runs: [link={address}]{address}[/]", highlight=False, soft_wrap=True)
    if not here:
        console.print("[yellow]everyone who can reach this address can read every report[/]")
    console.print("  Ctrl-C stops it", highlight=False)
    config = uvicorn.Config(pages, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as err:
        listening.close()
        raise UserError(
            f"{host}:{port}: cannot listen there ({err.strerror}); choose another --port"
        ) from err
    return listening
