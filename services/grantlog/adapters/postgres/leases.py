"""The port Leases on PostgreSQL."""

from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import MICROS, Micros
from grantlog.ports import Lease


class PostgresLeases:
    """Who may act alone, by PostgreSQL's clock."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Takes or prolongs a lease; None while somebody else holds it. Raises ValueError for an empty holder."""
        if not holder:
            raise ValueError("a lease needs a holder")
        row = await self._pool.fetchrow(statement("acquire"), name, holder, int(seconds * MICROS))
        return None if row is None else Lease(name, holder, row["fence"], Micros(row["until"]))

    async def release(self, lease: Lease) -> None:
        """Gives it up early; nothing where somebody else holds it by now."""
        await self._pool.execute(statement("release"), lease.name, lease.holder, lease.fence)

    async def claim_slot(self, job: str, slot: int) -> bool:
        """Claims one run of a periodic job."""
        return await self._pool.fetchval(statement("claim_slot"), job, slot) is not None

    async def claim_effect(self, handler: str, position: int) -> bool:
        """Claims the effect of one handler on one event."""
        return await self._pool.fetchval(statement("claim_effect"), handler, position) is not None
