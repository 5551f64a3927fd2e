"""Opens everything that PostgreSQL keeps for us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.postgres.dead_letters import PostgresDeadLetters
from grantlog.adapters.postgres.event_log import PostgresEventLog
from grantlog.adapters.postgres.leases import PostgresLeases
from grantlog.adapters.postgres.log_tail import PostgresLogTail
from grantlog.adapters.postgres.partitions import PostgresPartitions
from grantlog.adapters.postgres.pool import Pool, open_pool
from grantlog.adapters.postgres.queries import PostgresQueries
from grantlog.settings import SettingsError


class SchemaMissingError(SettingsError):
    """The database has no schema, or an older one."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The ports that stand on one PostgreSQL."""

    log: PostgresEventLog
    tail: PostgresLogTail
    leases: PostgresLeases
    queries: PostgresQueries
    dead_letters: PostgresDeadLetters
    partitions: PostgresPartitions
    clock: PostgresClock
    pool: Pool
    """For other adapters with tables here, too."""


@asynccontextmanager
async def open_postgres(
    dsn: str, *, queue: int = 4096, connections: int = 8, clock: PostgresClock | None = None, name: str = "grantlog"
) -> AsyncIterator[Postgres]:
    """Opens the log and what stands beside it; at the end, waits for appends under way.

    ``queue``: callers that may wait for an append before others get UnavailableError. ``name`` shows in
    ``pg_stat_activity``. Raises UnavailableError where PostgreSQL does not answer, SchemaMissingError before ``migrate``.
    """
    known = clock or PostgresClock()
    async with (
        open_pool(dsn, name=name, size=connections) as reads,
        # Appends have a connection of their own: no queue of readers stands before a commit.
        open_pool(dsn, name=f"{name} append", size=1) as writes,
    ):
        log = PostgresEventLog(reads, writes, known, queue=queue)
        try:
            await log.head()
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
            raise SchemaMissingError("the database has no schema: run `grantlog migrate`") from error
        try:
            yield Postgres(
                log=log,
                tail=PostgresLogTail(reads, known),
                leases=PostgresLeases(reads),
                queries=PostgresQueries(reads),
                dead_letters=PostgresDeadLetters(reads),
                partitions=PostgresPartitions(reads),
                clock=known,
                pool=reads,
            )
        finally:
            await log.drain()
