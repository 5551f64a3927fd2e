"""Connections to PostgreSQL, set up so that nothing on them can hang for long."""

from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from grantlog.adapters.postgres.errors import translated

SERVER_SETTINGS = {
    "jit": "off",
    # Partitions are pruned when a generic plan runs; planning every time costs more than most statements here.
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "4s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
}
CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 5.0
"""Above statement_timeout: this one is for servers that do not answer at all."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """Goes back to the pool as it is: we change no session settings, and the usual reset is a round trip."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


class Pool:
    """A pool whose outages are UnavailableErrors."""

    def __init__(self, pool: Any) -> None:
        self.raw = pool
        """The asyncpg pool."""

    @asynccontextmanager
    async def raw_connection(self) -> AsyncIterator[Any]:
        """An asyncpg connection, with the driver's own errors."""
        async with self.raw.acquire(timeout=CONNECT_SECONDS) as connection:
            try:
                yield connection
            except TimeoutError:
                # A server that does not answer would not answer a request to cancel either.
                connection.terminate()
                raise

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """An asyncpg connection. Outages are translated."""
        with translated():
            async with self.raw_connection() as connection:
                yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """All rows."""
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(query, *arguments)
            return rows

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """The first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        """The command tag."""
        async with self.connection() as connection:
            tag: str = await connection.execute(query, *arguments)
            return tag


@asynccontextmanager
async def open_pool(dsn: str, *, name: str = "grantlog", size: int = 4, warm: int = 1) -> AsyncIterator[Pool]:
    """Opens a pool of at most ``size`` connections, ``warm`` of them at once, and closes it within seconds at the end."""
    with translated():
        raw = await asyncpg.create_pool(
            dsn,
            min_size=warm,
            max_size=size,
            max_inactive_connection_lifetime=0,
            connection_class=_Connection,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            # Where several hosts are named: only the primary knows what was revoked a moment ago.
            target_session_attrs="primary",
            server_settings={**SERVER_SETTINGS, "application_name": name},
        )
    try:
        yield Pool(raw)
    finally:
        await _close(raw)


async def _close(raw: Any) -> None:
    try:
        async with timeout(COMMAND_SECONDS):
            await raw.close()
    except TimeoutError:
        raw.terminate()
