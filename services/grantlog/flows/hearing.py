"""A process to which nobody speaks hears of closed gates all the same, within a second."""

from asyncio import CancelledError, create_task, sleep
from contextlib import suppress

from structlog import get_logger

from grantlog.flows.gate_watch import GateWatch
from grantlog.ports import EventLog, UnavailableError

_log = get_logger(__name__)

SECONDS = 1.0
"""How long an idle process may remember a client or key that has changed. Requests that read the log hear at once."""


class Hearing:
    """Asks the head row for the newest gate, as long as the process lives."""

    def __init__(self, log: EventLog, watch: GateWatch) -> None:
        self._log = log
        self._watch = watch
        self._task = create_task(self._listen())

    async def close(self) -> None:
        """Stops asking."""
        self._task.cancel()
        with suppress(CancelledError):
            await self._task

    async def _listen(self) -> None:
        while True:
            await sleep(SECONDS)
            try:
                await self._watch.catch_up((await self._log.head()).gate_sequence)
            except UnavailableError:
                continue  # whoever needs PostgreSQL says that it is gone
            except Exception:  # noqa: BLE001  # whatever it is, it is logged, and heard again in a second
                # a listener's defect must not end the hearing
                _log.exception("not_heard")
