"""Query tables, and tasks that failed for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from grantlog.core.decision import NEVER
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports.log import Recorded


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """One family as the query tables know it."""

    stream: StreamId
    client_id: str
    account: UUID | None
    session: UUID | None
    born: Micros
    revoked: str | None
    version: int
    used_at: Micros = NEVER
    """When it last did anything but die; 0: before this was kept."""


class Queries(Protocol):
    """Tables that the tail keeps in PostgreSQL for questions nobody asks on the hot path. They may lag."""

    async def families(
        self,
        *,
        account: UUID | None = None,
        client_id: str | None = None,
        session: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[FamilyRow]:
        """Families, newest first."""
        ...

    async def find_token(self, token_hash: bytes) -> StreamId | None:
        """The family that issued a token with this hash (SHA-256 as the log holds it)."""
        ...

    async def record(self, rows: Sequence[Recorded], position: int) -> None:
        """Applies events to the query tables and remembers ``position``, in one transaction."""
        ...

    async def clients(self, limit: int = 1000) -> Sequence[tuple[StreamId, str]]:
        """Registered clients: (stream, client_id), newest first."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many streams of each kind, and events."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that will not be tried again."""

    task: str
    key: str
    reason: str
    at: Micros


class DeadLetters(Protocol):
    """Tasks that failed for good (PostgreSQL)."""

    async def add(self, letter: DeadLetter) -> None:
        """Keeps one."""
        ...

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """The newest."""
        ...
