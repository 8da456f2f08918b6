"""The clients: one that waits, and one for asyncio."""

import asyncio
import time
from collections.abc import Sequence

from serving.client.answers import Prediction
from serving.client.retries import Attempts, FailedCallError, Retries
from serving.client.target import Target
from serving.client.transport import AsyncTransport, Transport, open_async_transport, open_transport

__all__ = ["AsyncClient", "Client"]


class Client:
    """Asks one model. Thread-safe; keeps its connections until it is closed.

    ```python
    with Client(Target(url="grpc://localhost:8500", model="emotion")) as client:
        for answer in client.predict(["What a lovely day!"], timeout_s=2):
            print(answer.predicted, answer.scores["joy"])
    ```

    Args:
        target: server, model and version.
        retries: of requests that the server could not take.
    """

    def __init__(self, target: Target, *, retries: Retries | None = None) -> None:
        self.target = target
        self._retries = retries or Retries()
        self._transport: Transport = open_transport(target)

    def predict(
        self, texts: Sequence[str], *, contexts: Sequence[str] | None = None, timeout_s: float = 10.0
    ) -> Prediction:
        """Scores texts in one request.

        Args:
            texts: as a user would send them.
            contexts: what was said before each, for a model of two segments.
            timeout_s: for all tries together. Over REST, each wait for the socket until the body begins, and the last
                one within it, may take what is left; `AsyncClient` ends the call in time whatever it waits for.

        Raises:
            ServingError: what the server said (`NotFoundError`: no such model, …), or DeadlineExceededError.
            ValueError: there are not as many contexts as texts.
        """
        inputs = _inputs(texts, contexts)
        attempts = Attempts(self._retries, timeout_s)
        while True:
            try:
                return self._transport.predict(inputs, attempts.remaining_s)
            except FailedCallError as failed:
                wait_s = attempts.wait_s(failed)
            time.sleep(wait_s)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio; make it inside the event loop that uses it.

    ```python
    async with AsyncClient(Target(url="https://emotion.example.com", token=token)) as client:
        prediction = await client.predict(["What a lovely day!"], timeout_s=2)
    ```

    Args:
        target: server, model and version.
        retries: of requests that the server could not take.
    """

    def __init__(self, target: Target, *, retries: Retries | None = None) -> None:
        self.target = target
        self._retries = retries or Retries()
        self._transport: AsyncTransport = open_async_transport(target)

    async def predict(
        self, texts: Sequence[str], *, contexts: Sequence[str] | None = None, timeout_s: float = 10.0
    ) -> Prediction:
        """Scores texts in one request, as `Client.predict`."""
        inputs = _inputs(texts, contexts)
        attempts = Attempts(self._retries, timeout_s)
        while True:
            try:
                return await self._transport.predict(inputs, attempts.remaining_s)
            except FailedCallError as failed:
                wait_s = attempts.wait_s(failed)
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _inputs(texts: Sequence[str], contexts: Sequence[str] | None) -> dict[str, list[str]]:
    if isinstance(texts, str):
        raise ValueError("texts is one str; expected a list of them")
    inputs = {"text": list(texts)}
    if contexts is not None:
        if len(contexts) != len(texts):
            raise ValueError(f"{len(texts)} texts, but {len(contexts)} contexts; there must be one for each")
        inputs["context"] = list(contexts)
    return inputs
