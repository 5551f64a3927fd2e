"""The port DeadLetters on PostgreSQL."""

from collections.abc import Sequence

from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import Micros
from grantlog.ports import DeadLetter


class PostgresDeadLetters:
    """Tasks that failed for good."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, letter: DeadLetter) -> None:
        """Keeps one."""
        await self._pool.execute(statement("add_dead_letter"), letter.task, letter.key, letter.reason, letter.at)

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """The newest."""
        rows = await self._pool.fetch(statement("list_dead_letters"), limit)
        return [DeadLetter(row["task"], row["key"], row["reason"], Micros(row["at"])) for row in rows]
