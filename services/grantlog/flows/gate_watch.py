"""The gates as this process knows them, and who must forget something when one changes."""

from asyncio import Task, create_task, shield
from collections.abc import Callable

from grantlog.core.decision import GateKind
from grantlog.core.grant.standing import Gate
from grantlog.ports import EventLog

Listener = Callable[[Gate], None]


class GateWatch:
    """All closed or quarantined gates up to ``sequence``.

    Nobody may answer from it while a newer sequence is known: ``catch_up`` first.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._reading: Task[None] | None = None
        self._listeners: list[Listener] = []
        self.sequence = 0
        self.map: dict[tuple[GateKind, str], Gate] = {}

    def on_change(self, listener: Listener) -> None:
        """Calls ``listener`` with every gate that changes from now on, closed or merely touched."""
        self._listeners.append(listener)

    async def catch_up(self, sequence: int) -> None:
        """Returns when everything up to ``sequence`` is known. Raises UnavailableError where the log does not answer."""
        while self.sequence < sequence:
            if self._reading is None or self._reading.done():
                self._reading = create_task(self._read())
            await shield(self._reading)

    async def _read(self) -> None:
        news = await self._log.gates_after(self.sequence)
        for gate in news.changes:
            if gate.epoch or gate.quarantined_until:
                self.map[gate.kind, gate.id] = gate
            for listener in self._listeners:
                listener(gate)
        self.sequence = max(self.sequence, news.sequence)

    def epoch(self, kind: GateKind, name: str) -> int:
        """The epoch of a gate as known here; 0 for one that was never closed."""
        gate = self.map.get((kind, name))
        return 0 if gate is None else gate.epoch
