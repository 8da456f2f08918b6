"""The web sample as it is started by a developer, for tests and benchmarks."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MEDIAPIPE", "WEB", "served"]

WEB = Path(__file__).parents[2] / "tflite" / "samples" / "web"
MEDIAPIPE = WEB / "node_modules" / "@mediapipe" / "tasks-text"


@contextmanager
def served(model: Path, web: Path = WEB) -> Iterator[str]:
    """Runs `npm start` of the sample, or of a copy of it, for a model; gives its address."""
    command = ["node", "server.js", str(model.resolve()), "--port", "0"]
    with subprocess.Popen(command, cwd=web, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert address, "the sample's server did not start"
            yield address.group()
        finally:
            server.terminate()
