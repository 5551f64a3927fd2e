"""The port Queries on PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from grantlog.adapters.postgres.heads import plain_id
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement
from grantlog.adapters.query_changes import Changes, gather
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import FamilyRow, Recorded


class PostgresQueries:
    """Tables beside the log, each event counted once: the cursor ``queries`` moves in the same transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def families(
        self,
        *,
        account: UUID | None = None,
        client_id: str | None = None,
        session: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[FamilyRow]:
        """Families, newest first."""
        asked = {"account": account, "client_id": client_id, "session": session}
        given = {column: value for column, value in asked.items() if value is not None}
        # A statement for each combination: one for all, with "OR $2 IS NULL", would use none of the indexes.
        conditions = " ".join(f"AND f.{column} = ${number}" for number, column in enumerate(given, 2))
        query = statement("families").replace("{conditions}", conditions)
        return [_family(row) for row in await self._pool.fetch(query, limit, *given.values())]

    async def find_token(self, token_hash: bytes) -> StreamId | None:
        """The family that issued a token with this hash."""
        stream = await self._pool.fetchval(statement("find_token"), token_hash)
        return None if stream is None else plain_id(stream)

    async def record(self, rows: Sequence[Recorded], position: int) -> None:
        """Applies the events that were not applied before, and remembers ``position``. Raises UnknownEventError."""
        async with self._pool.connection() as connection, connection.transaction():
            done = await connection.fetchval(statement("queries_position"))
            fresh = (row for row in rows if row.position > done)
            changes = gather(fresh)
            for name, columns in _statements(changes):
                await connection.execute(statement(name), *columns)
            await connection.execute(statement("queries_advance"), position)

    async def clients(self, limit: int = 1000) -> Sequence[tuple[StreamId, str]]:
        """Registered clients, newest first."""
        rows = await self._pool.fetch(statement("clients"), limit)
        return [(plain_id(row["stream"]), row["client_id"]) for row in rows]

    async def counts(self) -> Mapping[str, int]:
        """Streams by kind, and all ``events``."""
        rows = await self._pool.fetch(statement("counts"))
        counts = {row["kind"]: row["streams"] for row in rows}
        return {**counts, "events": sum(row["events"] for row in rows)}


def _statements(changes: Changes) -> list[tuple[str, list[Any]]]:
    """Statements and their columns, births before moves."""
    statements: list[tuple[str, list[Any]]] = []
    if changes.born:
        each = changes.born
        statements.append(
            (
                "add_families",
                [
                    [family.stream for family in each],
                    [family.version for family in each],
                    [family.client_id for family in each],
                    [family.account for family in each],
                    [family.session for family in each],
                    [family.born for family in each],
                ],
            )
        )
    if changes.moved:
        moved = list(changes.moved.items())
        columns: list[Any] = [[stream for stream, _ in moved]]
        columns += [list(each) for each in zip(*(values for _, values in moved), strict=True)]
        statements.append(("move_families", columns))
    if changes.tokens:
        issued = changes.tokens
        statements.append(
            (
                "add_tokens",
                [
                    [token.hash for token in issued],
                    [token.expires_at for token in issued],
                    [token.stream for token in issued],
                    [token.version for token in issued],
                    [token.kind for token in issued],
                ],
            )
        )
    if changes.clients:
        named = changes.clients
        statements.append(
            (
                "add_clients",
                [
                    [client.stream for client in named],
                    [client.client_id for client in named],
                    [client.registered_at for client in named],
                ],
            )
        )
    if changes.counts:
        counts = changes.counts.items()
        columns = [[kind for kind, _ in counts], [new for _, (new, _) in counts], [events for _, (_, events) in counts]]
        statements.append(("add_counts", columns))
    return statements


def _family(row: Any) -> FamilyRow:
    return FamilyRow(
        stream=plain_id(row["stream"]),
        client_id=row["client_id"],
        account=None if row["account"] is None else plain_id(row["account"]),
        session=None if row["session"] is None else plain_id(row["session"]),
        born=Micros(row["born"]),
        revoked=row["revoked"],
        version=row["version"],
        used_at=Micros(row["used_at"]),
    )
