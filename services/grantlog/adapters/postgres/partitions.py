"""The port Partitions on PostgreSQL."""

from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement


class PostgresPartitions:
    """Partitions ahead of their time, and away after it. The work is done by functions of the schema's owner."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ensure_ahead(self) -> int:
        """Creates partitions ahead of time. How many were missing."""
        return len(await self._pool.fetch(statement("ensure_partitions")))

    async def drop_expired(self) -> int:
        """Drops what has had its time. How many partitions went."""
        return len(await self._pool.fetch(statement("drop_expired")))
