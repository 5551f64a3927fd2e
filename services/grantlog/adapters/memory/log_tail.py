"""The port LogTail in memory."""

from asyncio import sleep
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from grantlog.adapters.memory.event_log import MemoryEventLog, recorded_of
from grantlog.adapters.memory.leases import MemoryLeases
from grantlog.core.identifiers import Micros, StreamId, seconds
from grantlog.ports import Head, Lease, Loaded, LogRow, Projection, Recorded


class MemoryLogTail:
    """Reads a log in memory behind everybody's back."""

    def __init__(self, log: MemoryEventLog, leases: MemoryLeases | None = None) -> None:
        self._log = log
        self._leases = leases or MemoryLeases()
        self._cursors: dict[str, tuple[int, int]] = {}

    async def follow(self, after: int, limit: int) -> Sequence[LogRow]:
        """The rows after a position."""
        return [
            LogRow(stored.position, stored.row.stream, stored.row.version, stored.row.type, stored.recorded_at)
            for stored in self._log.rows[after : after + limit]
        ]

    async def states(self, streams: Sequence[StreamId]) -> Sequence[Loaded]:
        """The states of several streams."""
        return [self._log.loaded(stream) for stream in streams]

    async def recorded(self, rows: Sequence[LogRow]) -> Sequence[Recorded]:
        """The events of these rows."""
        return [recorded_of(self._log.rows[row.position - 1]) for row in rows]

    async def live_grants(
        self, expiring_after: Micros, chunk: int = 500
    ) -> AsyncIterator[Sequence[tuple[StreamId, Any]]]:
        """All grants that may have a live access token after a moment, in chunks, by id."""
        live = [
            (stream, self._log.loaded(stream).state)
            for stream, history in sorted(self._log.streams.items())
            if history[-1].row.kind == "grant" and history[-1].row.last_expiry > seconds(expiring_after)
        ]
        for start in range(0, len(live), chunk):
            await sleep(0)
            yield live[start : start + chunk]

    async def name_projection(self, projection: Projection, lease: Lease | None = None) -> Head | None:
        """Names the trusted projection; None where the lease has a newer holder."""
        if lease is not None and self._leases.fence(lease.name) > lease.fence:
            return None
        before = self._log.projection
        still_none = not projection.named and not before.named
        since = before.since if still_none else max(projection.since, self._log.now())
        self._log.projection = replace(projection, since=since)
        return self._log.top()

    async def cursor(self, name: str) -> int:
        """Position up to which the named reader has got."""
        return self._cursors.get(name, (0, 0))[0]

    async def advance(self, name: str, position: int, fence: int) -> bool:
        """Moves a reader's cursor forward; never back."""
        known, newest = self._cursors.get(name, (0, 0))
        if fence < max(newest, self._leases.fence(name)):
            return False
        self._cursors[name] = (max(known, position), fence)
        return True
