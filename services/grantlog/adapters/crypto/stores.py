"""What the keys need of a store: tables (postgres_stores.py), or dictionaries (adapters/memory)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from grantlog.core.identifiers import StreamId


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One row: a key wrapped under a root key. ``purpose`` and ``kid`` are bound to the box."""

    kid: str
    purpose: str
    wrapped: bytes


class WrappedKeys(Protocol):
    """Table ``wrapped_key``: mutable, never on the log."""

    async def add(self, key: WrappedKey) -> bool:
        """Stores a key; False where the ``kid`` stands already, which is then left as it is."""
        ...

    async def get(self, kids: Sequence[str]) -> Mapping[str, bytes]:
        """The wrapped keys among ``kids`` that stand."""
        ...

    async def remove(self, kid: str) -> None:
        """Removes a key, if it stands."""
        ...

    async def page(self, after: str, limit: int) -> Sequence[WrappedKey]:
        """The keys after ``kid`` in its order, at most ``limit``."""
        ...

    async def replace(self, kid: str, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        ...


@dataclass(frozen=True, slots=True)
class KeptRow:
    """One kept secret, wrapped; ``owner`` and ``purpose`` are bound to the box."""

    owner: UUID
    purpose: str
    wrapped: bytes


class KeptRows(Protocol):
    """Table ``kept_secret``: mutable, never on the log."""

    async def put(self, row: KeptRow) -> None:
        """Stores a secret over whatever stood."""
        ...

    async def get(self, owner: UUID, purpose: str) -> bytes | None:
        """The wrapped secret, if it stands."""
        ...

    async def remove(self, owner: UUID, purpose: str) -> None:
        """Removes a secret, if it stands."""
        ...

    async def page(self, after: KeptRow | None, limit: int) -> Sequence[KeptRow]:
        """The rows after one in the order of (owner, purpose), at most ``limit``; from the beginning where it is None."""
        ...

    async def replace(self, row: KeptRow, new: bytes) -> bool:
        """Exchanges the wrapped secret for ``new``; False where the row is gone or holds something else."""
        ...


class Vault(Protocol):
    """Table ``vault.data_key``: the wrapped key of each account's personal data, behind a database URL of its own."""

    async def get(self, account: StreamId) -> bytes | None:
        """The wrapped key of an account."""
        ...

    async def add(self, account: StreamId, wrapped: bytes) -> bytes:
        """Stores a key and returns the one that stands: another caller's where it was first."""
        ...

    async def remove(self, account: StreamId) -> None:
        """Destroys an account's key, if it stands."""
        ...

    async def page(self, after: StreamId | None, limit: int) -> Sequence[tuple[StreamId, bytes]]:
        """The keys after an account in the order of ids, at most ``limit``; from the beginning where it is None."""
        ...

    async def replace(self, account: StreamId, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        ...


class PasswordHashes(Protocol):
    """Table ``password``: Argon2id hashes, and beside them the gate of the account."""

    async def read(self, account: StreamId) -> tuple[str | None, int]:
        """The hash (None: no password) and the epoch of the account's gate (0: none), in one statement."""
        ...

    async def write(self, account: StreamId, text: str) -> None:
        """Stores a hash over whatever stood."""
        ...

    async def replace(self, account: StreamId, old: str, new: str) -> bool:
        """Exchanges ``old`` for ``new``; False where another hash stands by now."""
        ...

    async def remove(self, account: StreamId) -> None:
        """Removes the hash, if it stands."""
        ...
