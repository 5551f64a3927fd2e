"""The stores of keys and passwords in PostgreSQL: mutable tables beside the log, each statement by primary key."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from grantlog.adapters.crypto.stores import KeptRow, WrappedKey
from grantlog.adapters.postgres.pool import Pool
from grantlog.core.identifiers import StreamId
from grantlog.ports import UnavailableError


class PostgresWrappedKeys:
    """Table ``wrapped_key``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, key: WrappedKey) -> bool:
        """Stores a key; False where the ``kid`` stands already."""
        done: str = await self._pool.execute(
            "INSERT INTO wrapped_key (kid, purpose, wrapped) VALUES ($1, $2, $3) ON CONFLICT (kid) DO NOTHING",
            key.kid,
            key.purpose,
            key.wrapped,
        )
        return done == "INSERT 0 1"

    async def get(self, kids: Sequence[str]) -> Mapping[str, bytes]:
        """The wrapped keys among ``kids`` that stand."""
        rows = await self._pool.fetch("SELECT kid, wrapped FROM wrapped_key WHERE kid = ANY ($1::text[])", list(kids))
        return {row["kid"]: row["wrapped"] for row in rows}

    async def remove(self, kid: str) -> None:
        """Removes a key, if it stands."""
        await self._pool.execute("DELETE FROM wrapped_key WHERE kid = $1", kid)

    async def page(self, after: str, limit: int) -> Sequence[WrappedKey]:
        """The keys after ``kid`` in its order, at most ``limit``."""
        rows = await self._pool.fetch(
            "SELECT kid, purpose, wrapped FROM wrapped_key WHERE kid > $1 ORDER BY kid LIMIT $2", after, limit
        )
        return [WrappedKey(row["kid"], row["purpose"], row["wrapped"]) for row in rows]

    async def replace(self, kid: str, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        done: str = await self._pool.execute(
            "UPDATE wrapped_key SET wrapped = $3 WHERE kid = $1 AND wrapped = $2", kid, old, new
        )
        return done == "UPDATE 1"


class PostgresKeptRows:
    """Table ``kept_secret``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, row: KeptRow) -> None:
        """Stores a secret over whatever stood."""
        await self._pool.execute(
            "INSERT INTO kept_secret (owner, purpose, wrapped) VALUES ($1, $2, $3)"
            " ON CONFLICT (owner, purpose) DO UPDATE SET wrapped = excluded.wrapped, updated_at = DEFAULT",
            row.owner,
            row.purpose,
            row.wrapped,
        )

    async def get(self, owner: UUID, purpose: str) -> bytes | None:
        """The wrapped secret, if it stands."""
        wrapped: bytes | None = await self._pool.fetchval(
            "SELECT wrapped FROM kept_secret WHERE owner = $1 AND purpose = $2", owner, purpose
        )
        return wrapped

    async def remove(self, owner: UUID, purpose: str) -> None:
        """Removes a secret, if it stands."""
        await self._pool.execute("DELETE FROM kept_secret WHERE owner = $1 AND purpose = $2", owner, purpose)

    async def page(self, after: KeptRow | None, limit: int) -> Sequence[KeptRow]:
        """The rows after one in the order of (owner, purpose), at most ``limit``."""
        rows = await self._pool.fetch(
            "SELECT owner, purpose, wrapped FROM kept_secret WHERE $1::uuid IS NULL OR (owner, purpose) > ($1, $2)"
            " ORDER BY owner, purpose LIMIT $3",
            None if after is None else after.owner,
            "" if after is None else after.purpose,
            limit,
        )
        return [KeptRow(row["owner"], row["purpose"], row["wrapped"]) for row in rows]

    async def replace(self, row: KeptRow, new: bytes) -> bool:
        """Exchanges the wrapped secret for ``new``; False where the row is gone or holds something else."""
        done: str = await self._pool.execute(
            "UPDATE kept_secret SET wrapped = $4 WHERE owner = $1 AND purpose = $2 AND wrapped = $3",
            row.owner,
            row.purpose,
            row.wrapped,
            new,
        )
        return done == "UPDATE 1"


class PostgresVault:
    """Table ``vault.data_key``, with a pool of its own: another server in production."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, account: StreamId) -> bytes | None:
        """The wrapped key of an account."""
        wrapped: bytes | None = await self._pool.fetchval(
            "SELECT wrapped FROM vault.data_key WHERE account = $1", account
        )
        return wrapped

    async def add(self, account: StreamId, wrapped: bytes) -> bytes:
        """Stores a key and returns the one that stands: another caller's where it was first."""
        await self._pool.execute(
            "INSERT INTO vault.data_key (account, wrapped) VALUES ($1, $2) ON CONFLICT (account) DO NOTHING",
            account,
            wrapped,
        )
        stands: bytes | None = await self._pool.fetchval(
            "SELECT wrapped FROM vault.data_key WHERE account = $1", account
        )
        if stands is None:
            raise UnavailableError("vault: the account was erased meanwhile")
        return stands

    async def remove(self, account: StreamId) -> None:
        """Destroys an account's key, if it stands."""
        await self._pool.execute("DELETE FROM vault.data_key WHERE account = $1", account)

    async def page(self, after: StreamId | None, limit: int) -> Sequence[tuple[StreamId, bytes]]:
        """The keys after an account in the order of ids, at most ``limit``; from the beginning where it is None."""
        rows = await self._pool.fetch(
            "SELECT account, wrapped FROM vault.data_key WHERE $1::uuid IS NULL OR account > $1"
            " ORDER BY account LIMIT $2",
            after,
            limit,
        )
        return [(StreamId(row["account"]), row["wrapped"]) for row in rows]

    async def replace(self, account: StreamId, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        done: str = await self._pool.execute(
            "UPDATE vault.data_key SET wrapped = $3 WHERE account = $1 AND wrapped = $2", account, old, new
        )
        return done == "UPDATE 1"


class PostgresPasswordHashes:
    """Table ``password``, read together with ``gate``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, account: StreamId) -> tuple[str | None, int]:
        """The hash (None: no password) and the epoch of the account's gate (0: none), in one statement."""
        row = await self._pool.fetchrow(
            "SELECT password.hash, coalesce(gate.epoch, 0) AS epoch FROM (VALUES ($1::uuid)) AS asked (account)"
            " LEFT JOIN password ON password.account = asked.account"
            " LEFT JOIN gate ON gate.kind = 'account' AND gate.id = asked.account::text",
            account,
        )
        return row["hash"], row["epoch"]

    async def write(self, account: StreamId, text: str) -> None:
        """Stores a hash over whatever stood."""
        await self._pool.execute(
            "INSERT INTO password (account, hash) VALUES ($1, $2)"
            " ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, updated_at = DEFAULT",
            account,
            text,
        )

    async def replace(self, account: StreamId, old: str, new: str) -> bool:
        """Exchanges ``old`` for ``new``; False where another hash stands by now."""
        done: str = await self._pool.execute(
            "UPDATE password SET hash = $3, updated_at = DEFAULT WHERE account = $1 AND hash = $2",
            account,
            old,
            new,
        )
        return done == "UPDATE 1"

    async def remove(self, account: StreamId) -> None:
        """Removes the hash, if it stands."""
        await self._pool.execute("DELETE FROM password WHERE account = $1", account)
