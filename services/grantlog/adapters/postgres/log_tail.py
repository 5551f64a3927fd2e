"""The port LogTail on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.codec import decode_state
from grantlog.adapters.postgres.errors import MissingEventError
from grantlog.adapters.postgres.heads import head_from, plain_id, projection_text
from grantlog.adapters.postgres.load import LoadCall
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.rows import log_row_of, recorded_of
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import Micros, StreamId, seconds
from grantlog.ports import Head, Lease, Loaded, LogRow, Projection, Recorded

_PAGE = 2000
"""States looked at in one statement of a walk."""


class PostgresLogTail:
    """Reads the log behind everybody's back."""

    def __init__(self, pool: Pool, clock: PostgresClock) -> None:
        self._pool = pool
        self._loads = LoadCall(pool, clock)

    async def follow(self, after: int, limit: int) -> Sequence[LogRow]:
        """The rows after a position."""
        return [log_row_of(row) for row in await self._pool.fetch(statement("follow"), after, limit)]

    async def states(self, streams: Sequence[StreamId]) -> Sequence[Loaded]:
        """The states of several streams. Raises CodecError or UnknownEventError where one cannot be read."""
        if not streams:
            return []
        loaded: list[Loaded] = []
        for found in await self._loads.read(streams):
            if isinstance(found, Exception):
                raise found
            loaded.append(found)
        return loaded

    async def recorded(self, rows: Sequence[LogRow]) -> Sequence[Recorded]:
        """The events of these rows. Raises MissingEventError where one is not stored, CodecError, UnknownEventError."""
        if not rows:
            return []
        found = await self._pool.fetch(
            statement("recorded"), [row.stream for row in rows], [row.version for row in rows]
        )
        if [row["position"] for row in found] != [row.position for row in rows]:
            stored = {row["position"] for row in found}
            lost = [row.position for row in rows if row.position not in stored]
            raise MissingEventError(f"events at positions {lost[:10]} are not stored as the log says")
        return [recorded_of(row) for row in found]

    async def live_grants(
        self, expiring_after: Micros, chunk: int = 500
    ) -> AsyncIterator[Sequence[tuple[StreamId, Any]]]:
        """All grants that may have a live access token after a moment, in chunks, by id."""
        after = UUID(int=0)
        waiting: list[tuple[StreamId, Any]] = []
        while True:
            page = await self._pool.fetch(statement("walk_states"), after, seconds(expiring_after), _PAGE)
            for row in page:
                if row["blob"] is not None:
                    waiting.append(await self._grant(row))
                if len(waiting) == chunk:
                    yield waiting
                    waiting = []
            if len(page) < _PAGE:
                break
            after = page[-1]["stream"]
        if waiting:
            yield waiting

    async def _grant(self, row: Any) -> tuple[StreamId, Any]:
        stream = plain_id(row["stream"])
        state = decode_state("grant", row["codec"], row["blob"])
        if state is None:
            state = (await self.states([stream]))[0].state
        return stream, state

    async def name_projection(self, projection: Projection, lease: Lease | None = None) -> Head | None:
        """Names the trusted projection; None where the lease has a newer holder.

        ``since`` is raised to PostgreSQL's time of the statement, unless *none* was named before as well.
        """
        name, fence = (None, None) if lease is None else (lease.name, lease.fence)
        row = await self._pool.fetchrow(statement("name_projection"), projection_text(projection), name, fence)
        return None if row is None else head_from(row)

    async def cursor(self, name: str) -> int:
        """Position up to which the named reader has got; 0 where it has not begun."""
        return await self._pool.fetchval(statement("cursor"), name) or 0

    async def advance(self, name: str, position: int, fence: int) -> bool:
        """Moves a reader's cursor forward; never back."""
        return await self._pool.fetchval(statement("advance"), name, position, fence) is not None
