"""The port Signer with its wrapped keys in memory."""

from collections.abc import Mapping, Sequence

from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.signer import KeyringSigner
from grantlog.adapters.crypto.stores import WrappedKey
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.memory.secrets import memory_root_keys
from grantlog.ports import EventLog


class MemoryWrappedKeys:
    """Table ``wrapped_key`` in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, WrappedKey] = {}

    async def add(self, key: WrappedKey) -> bool:
        """Stores a key; False where the ``kid`` stands already."""
        return self._rows.setdefault(key.kid, key) is key

    async def get(self, kids: Sequence[str]) -> Mapping[str, bytes]:
        """The wrapped keys among ``kids`` that stand."""
        return {kid: self._rows[kid].wrapped for kid in kids if kid in self._rows}

    async def remove(self, kid: str) -> None:
        """Removes a key, if it stands."""
        self._rows.pop(kid, None)

    async def page(self, after: str, limit: int) -> Sequence[WrappedKey]:
        """The keys after ``kid`` in its order, at most ``limit``."""
        return [self._rows[kid] for kid in sorted(self._rows) if kid > after][:limit]

    async def replace(self, kid: str, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        row = self._rows.get(kid)
        if row is None or row.wrapped != old:
            return False
        self._rows[kid] = WrappedKey(kid, row.purpose, new)
        return True


class MemorySigner(KeyringSigner):
    """Signs with real keys that nobody stores."""

    def __init__(self, log: EventLog, store: MemoryWrappedKeys | None = None, root: RootKeys | None = None) -> None:
        threads = BoundedThreads("signing", workers=1, queue=256)
        super().__init__(log, store or MemoryWrappedKeys(), root or memory_root_keys(), threads)
