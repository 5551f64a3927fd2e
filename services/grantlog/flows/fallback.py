"""Asking PostgreSQL where the projection cannot answer: single-flight, bounded, then 503."""

from asyncio import Semaphore, Task, create_task, shield, timeout

from grantlog.core.identifiers import StreamId
from grantlog.ports import EventLog, Loaded, UnavailableError

PATIENCE = 0.25
"""Seconds a caller waits for its turn before it is sent away."""


class Fallback:
    """At most ``limit`` streams are read at once; callers that ask for the same stream share one read."""

    def __init__(self, log: EventLog, limit: int) -> None:
        self._log = log
        self._turns = Semaphore(limit)
        self._reading: dict[StreamId, Task[Loaded]] = {}

    async def load(self, stream: StreamId) -> Loaded:
        """The state on the log. Raises UnavailableError when too many ask, or PostgreSQL does not answer.

        A read that began before the caller asked may miss what was committed in between; so callers share only a read
        that has not been sent yet.
        """
        task = self._reading.get(stream)
        if task is None:
            task = self._reading[stream] = create_task(self._load(stream))
            task.add_done_callback(_retrieved)
        return await shield(task)

    async def _load(self, stream: StreamId) -> Loaded:
        try:
            async with timeout(PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            self._reading.pop(stream, None)
            raise UnavailableError("too many introspections ask the log") from None
        self._reading.pop(stream, None)  # from here on the answer is fixed: who asks now gets a read of their own
        try:
            return await self._log.load(stream)
        finally:
            self._turns.release()


def _retrieved(task: Task[Loaded]) -> None:
    """Everybody who waited may have gone away: look at the error, so that nobody complains that no one did."""
    if not task.cancelled():
        task.exception()
