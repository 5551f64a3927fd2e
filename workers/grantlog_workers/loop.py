"""One event loop in one thread per worker process. Connections live on it; tasks hand it coroutines and wait."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Event, Thread
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

END_SECONDS = 5.0
"""So long an interrupted coroutine may take to clean up."""


class LoopThread:
    """An event loop that runs in a thread of its own until it is stopped."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = Thread(target=self._serve, name="loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Runs a coroutine and waits for it, ``seconds`` at most (TimeoutError).

        Whatever interrupts the wait (a time limit, a signal, a shutdown) cancels the coroutine and waits until it has
        ended: no task leaves something running behind.
        """
        ended = Event()

        async def watched() -> T:
            try:
                return await work
            finally:
                ended.set()

        future: Future[T] = asyncio.run_coroutine_threadsafe(watched(), self._loop)
        try:
            return future.result(seconds)
        except BaseException:
            if not future.done():
                future.cancel()
                ended.wait(END_SECONDS)
            raise

    def stop(self) -> None:
        """Stops the loop and waits for its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)
