"""The stores of keys and passwords, in memory and in a real PostgreSQL, as fixtures that run a test on both."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from grantlog.adapters.crypto.postgres_stores import (
    PostgresKeptRows,
    PostgresPasswordHashes,
    PostgresVault,
    PostgresWrappedKeys,
)
from grantlog.adapters.crypto.stores import KeptRows, PasswordHashes, Vault, WrappedKeys
from grantlog.adapters.memory.data_keys import MemoryVault
from grantlog.adapters.memory.kept_secrets import MemoryKeptRows
from grantlog.adapters.memory.passwords import MemoryPasswordHashes
from grantlog.adapters.memory.signer import MemoryWrappedKeys
from grantlog.adapters.postgres.pool import Pool, open_pool
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import EventLog, Gates


@dataclass(frozen=True, slots=True)
class KeyStores:
    """All four stores, and the one thing a test does behind their back: raising an account's gate."""

    wrapped_keys: WrappedKeys
    vault: Vault
    password_hashes: PasswordHashes
    kept: KeptRows
    close_gate: Callable[[StreamId], Awaitable[None]]


@dataclass(slots=True)
class GatesOnly:
    """As much of a log as MemoryPasswordHashes asks for."""

    changes: list[Gate] = field(default_factory=list)

    async def gates_after(self, sequence: int) -> Gates:
        return Gates(sequence, tuple(self.changes))


def memory_stores() -> KeyStores:
    """Stores without a server."""
    gates = GatesOnly()

    async def close_gate(account: StreamId) -> None:
        gates.changes.append(Gate("account", str(account), 1, Micros(0)))

    hashes = MemoryPasswordHashes(cast("EventLog", gates))
    return KeyStores(MemoryWrappedKeys(), MemoryVault(), hashes, MemoryKeptRows(), close_gate)


def postgres_stores(pool: Pool) -> KeyStores:
    """Stores in a migrated database that also holds the vault."""

    async def close_gate(account: StreamId) -> None:
        await pool.execute(
            "INSERT INTO gate (kind, id, sequence, epoch, quarantined_until) VALUES ('account', $1, 1, 1, 0)",
            str(account),
        )

    return KeyStores(
        PostgresWrappedKeys(pool),
        PostgresVault(pool),
        PostgresPasswordHashes(pool),
        PostgresKeptRows(pool),
        close_gate,
    )


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[KeyStores]:
    """The stores, once in memory and once in PostgreSQL."""
    if request.param == "memory":
        yield memory_stores()
        return
    async with open_pool(request.getfixturevalue("postgres_url"), name="test", size=4) as pool:
        yield postgres_stores(pool)
