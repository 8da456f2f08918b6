"""Does something again and again beside the requests."""

import logging
import threading
from collections.abc import Callable

from serving.errors import ServingError

__all__ = ["Poller"]

_log = logging.getLogger(__name__)


class Poller:
    """A thread that looks every `seconds`; what fails is logged and tried again."""

    def __init__(self, name: str, seconds: float, look: Callable[[], None]) -> None:
        self._name = name
        self._seconds = seconds
        self._look = look
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"poll {name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Looks no more; a look that runs goes on (`join` waits for it)."""
        self._stopping.set()

    def join(self) -> None:
        """Waits until the last look has ended."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self._look()
            except ServingError as err:
                _log.error("looking for a new %s failed: %s", self._name, err)
            except Exception:
                _log.exception("looking for a new %s failed", self._name)
