"""A few threads for work that would hold up the event loop, with a bounded queue before them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, TypeVar

from grantlog.ports import UnavailableError

T = TypeVar("T")


class BoundedThreads:
    """At most ``workers`` calls at work and ``queue`` waiting; one more is refused, so that nobody waits for long."""

    def __init__(self, name: str, *, workers: int, queue: int) -> None:
        self._name = name
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"grantlog-{name}")
        self._places = BoundedSemaphore(workers + queue)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of ``work``, done on a thread. Raises UnavailableError when the queue is full, and what it raises.

        A caller that is cancelled gives up its place only when the work is done or was not begun: the bound holds.
        """
        if not self._places.acquire(blocking=False):
            raise UnavailableError(f"{self._name}: the queue is full")
        try:
            future = self._executor.submit(work, *arguments)
        except RuntimeError:
            self._places.release()
            raise UnavailableError(f"{self._name}: closing") from None
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Lets what is at work finish and cancels what waits."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _done(self, _future: Future[Any]) -> None:
        self._places.release()
