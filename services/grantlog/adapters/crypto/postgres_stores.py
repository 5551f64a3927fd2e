"""The stores of keys and passwords in PostgreSQL: mutable tables beside the log, each statement by primary key."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from grantlog.adapters.crypto.stores import WrappedKey
from grantlog.core.identifiers import StreamId
from grantlog.ports import UnavailableError


@asynccontextmanager
async def _asking(what: str, pool: asyncpg.Pool) -> AsyncIterator[Any]:
    """A connection for one statement. Whatever keeps PostgreSQL from answering becomes UnavailableError."""
    try:
        async with pool.acquire() as connection:
            yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as wrong:
        # the class alone: a driver's message may quote the row
        raise UnavailableError(f"{what}: {type(wrong).__name__}") from None


class PostgresWrappedKeys:
    """Table ``wrapped_key``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, key: WrappedKey) -> bool:
        """Stores a key; False where the ``kid`` stands already."""
        async with _asking("wrapped keys", self._pool) as connection:
            done: str = await connection.execute(
                "INSERT INTO wrapped_key (kid, purpose, wrapped) VALUES ($1, $2, $3) ON CONFLICT (kid) DO NOTHING",
                key.kid,
                key.purpose,
                key.wrapped,
            )
        return done == "INSERT 0 1"

    async def get(self, kids: Sequence[str]) -> Mapping[str, bytes]:
        """The wrapped keys among ``kids`` that stand."""
        async with _asking("wrapped keys", self._pool) as connection:
            rows = await connection.fetch(
                "SELECT kid, wrapped FROM wrapped_key WHERE kid = ANY ($1::text[])", list(kids)
            )
        return {row["kid"]: row["wrapped"] for row in rows}

    async def remove(self, kid: str) -> None:
        """Removes a key, if it stands."""
        async with _asking("wrapped keys", self._pool) as connection:
            await connection.execute("DELETE FROM wrapped_key WHERE kid = $1", kid)

    async def page(self, after: str, limit: int) -> Sequence[WrappedKey]:
        """The keys after ``kid`` in its order, at most ``limit``."""
        async with _asking("wrapped keys", self._pool) as connection:
            rows = await connection.fetch(
                "SELECT kid, purpose, wrapped FROM wrapped_key WHERE kid > $1 ORDER BY kid LIMIT $2", after, limit
            )
        return [WrappedKey(row["kid"], row["purpose"], row["wrapped"]) for row in rows]

    async def replace(self, kid: str, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        async with _asking("wrapped keys", self._pool) as connection:
            done: str = await connection.execute(
                "UPDATE wrapped_key SET wrapped = $3 WHERE kid = $1 AND wrapped = $2", kid, old, new
            )
        return done == "UPDATE 1"


class PostgresVault:
    """Table ``vault.data_key``, with a pool of its own: another server in production."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def get(self, account: StreamId) -> bytes | None:
        """The wrapped key of an account."""
        async with _asking("vault", self._pool) as connection:
            wrapped: bytes | None = await connection.fetchval(
                "SELECT wrapped FROM vault.data_key WHERE account = $1", account
            )
        return wrapped

    async def add(self, account: StreamId, wrapped: bytes) -> bytes:
        """Stores a key and returns the one that stands: another caller's where it was first."""
        async with _asking("vault", self._pool) as connection:
            await connection.execute(
                "INSERT INTO vault.data_key (account, wrapped) VALUES ($1, $2) ON CONFLICT (account) DO NOTHING",
                account,
                wrapped,
            )
            stands: bytes | None = await connection.fetchval(
                "SELECT wrapped FROM vault.data_key WHERE account = $1", account
            )
        if stands is None:
            raise UnavailableError("vault: the account was erased meanwhile")
        return stands

    async def remove(self, account: StreamId) -> None:
        """Destroys an account's key, if it stands."""
        async with _asking("vault", self._pool) as connection:
            await connection.execute("DELETE FROM vault.data_key WHERE account = $1", account)

    async def page(self, after: StreamId | None, limit: int) -> Sequence[tuple[StreamId, bytes]]:
        """The keys after an account in the order of ids, at most ``limit``; from the beginning where it is None."""
        async with _asking("vault", self._pool) as connection:
            rows = await connection.fetch(
                "SELECT account, wrapped FROM vault.data_key WHERE $1::uuid IS NULL OR account > $1"
                " ORDER BY account LIMIT $2",
                after,
                limit,
            )
        return [(StreamId(row["account"]), row["wrapped"]) for row in rows]

    async def replace(self, account: StreamId, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        async with _asking("vault", self._pool) as connection:
            done: str = await connection.execute(
                "UPDATE vault.data_key SET wrapped = $3 WHERE account = $1 AND wrapped = $2", account, old, new
            )
        return done == "UPDATE 1"


class PostgresPasswordHashes:
    """Table ``password``, read together with ``gate``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, account: StreamId) -> tuple[str | None, int]:
        """The hash (None: no password) and the epoch of the account's gate (0: none), in one statement."""
        async with _asking("passwords", self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT password.hash, coalesce(gate.epoch, 0) AS epoch FROM (VALUES ($1::uuid)) AS asked (account)"
                " LEFT JOIN password ON password.account = asked.account"
                " LEFT JOIN gate ON gate.kind = 'account' AND gate.id = asked.account::text",
                account,
            )
        return row["hash"], row["epoch"]

    async def write(self, account: StreamId, text: str) -> None:
        """Stores a hash over whatever stood."""
        async with _asking("passwords", self._pool) as connection:
            await connection.execute(
                "INSERT INTO password (account, hash) VALUES ($1, $2)"
                " ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, updated_at = DEFAULT",
                account,
                text,
            )

    async def replace(self, account: StreamId, old: str, new: str) -> bool:
        """Exchanges ``old`` for ``new``; False where another hash stands by now."""
        async with _asking("passwords", self._pool) as connection:
            done: str = await connection.execute(
                "UPDATE password SET hash = $3, updated_at = DEFAULT WHERE account = $1 AND hash = $2",
                account,
                old,
                new,
            )
        return done == "UPDATE 1"

    async def remove(self, account: StreamId) -> None:
        """Removes the hash, if it stands."""
        async with _asking("passwords", self._pool) as connection:
            await connection.execute("DELETE FROM password WHERE account = $1", account)
