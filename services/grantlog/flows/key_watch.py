"""A stolen signing key stops signing in every process as soon as that process sees its gate, not at the next look."""

from asyncio import Task, create_task, gather

from structlog import get_logger

from grantlog.core.grant.standing import Gate
from grantlog.flows.gate_watch import GateWatch
from grantlog.ports import Signer, UnavailableError

_log = get_logger(__name__)


class KeyWatch:
    """Has the signer re-read the keyring whenever the gate of a key changes."""

    def __init__(self, signer: Signer, watch: GateWatch) -> None:
        self._signer = signer
        self._refreshing: set[Task[None]] = set()
        watch.on_change(self._changed)

    async def close(self) -> None:
        """Waits for what is being read."""
        await gather(*self._refreshing, return_exceptions=True)

    def _changed(self, gate: Gate) -> None:
        if gate.kind == "key":
            task = create_task(self._refresh())
            self._refreshing.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._refreshing.discard)

    async def _refresh(self) -> None:
        try:
            await self._signer.refresh()
        except UnavailableError as gone:
            # the signer looks by itself every few seconds, and refuses to sign by what it read long ago
            _log.warning("keyring_not_read", reason=str(gone))
