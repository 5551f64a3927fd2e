"""Following the log, and acting alone."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports.log import Head, Loaded, LogRow, Projection, Recorded


class LogTail(Protocol):
    """What the role ``tail`` and the audits need of the log besides."""

    async def follow(self, after: int, limit: int) -> Sequence[LogRow]:
        """The rows after a position, dense and in order, at most ``limit``."""
        ...

    async def states(self, streams: Sequence[StreamId]) -> Sequence[Loaded]:
        """The states of several streams, in their order."""
        ...

    def live_grants(self, expiring_after: Micros, chunk: int = 500) -> AsyncIterator[Sequence[tuple[StreamId, Any]]]:
        """All grants that may have a live access token after a moment, in chunks of (stream, state)."""
        ...

    async def recorded(self, rows: Sequence[LogRow]) -> Sequence[Recorded]:
        """The events of these rows, in their order, upcast to what this program reads."""
        ...

    async def name_projection(self, projection: Projection, lease: "Lease | None" = None) -> Head | None:
        """Writes which projection the head row trusts. Every append that follows returns it.

        With a lease: None, and nothing written, when a newer holder of it (a larger fence) has taken over, checked in the
        same statement.
        """
        ...

    async def cursor(self, name: str) -> int:
        """Position up to which the named reader has got; 0 where it has not begun."""
        ...

    async def advance(self, name: str, position: int, fence: int) -> bool:
        """Moves a reader's cursor forward; False when a newer holder of the lease ``name`` has fenced this one off."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease held in PostgreSQL: its fence grows with every new holder."""

    name: str
    holder: str
    fence: int
    until: Micros


class Leases(Protocol):
    """Who may act alone (PostgreSQL)."""

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Takes or prolongs a lease; None while somebody else holds it."""
        ...

    async def release(self, lease: Lease) -> None:
        """Gives it up early."""
        ...

    async def claim_slot(self, job: str, slot: int) -> bool:
        """Claims one run of a periodic job: True for exactly one caller."""
        ...

    async def claim_effect(self, handler: str, position: int) -> bool:
        """Claims the effect of one handler on one event: True for exactly one caller."""
        ...
