"""The port DataKeys with its vault in memory."""

from collections.abc import Sequence

from grantlog.adapters.crypto.data_keys import VaultDataKeys
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.memory.secrets import memory_root_keys
from grantlog.core.identifiers import StreamId


class MemoryVault:
    """Table ``vault.data_key`` in memory."""

    def __init__(self) -> None:
        self._rows: dict[StreamId, bytes] = {}

    async def get(self, account: StreamId) -> bytes | None:
        """The wrapped key of an account."""
        return self._rows.get(account)

    async def add(self, account: StreamId, wrapped: bytes) -> bytes:
        """Stores a key and returns the one that stands."""
        return self._rows.setdefault(account, wrapped)

    async def remove(self, account: StreamId) -> None:
        """Destroys an account's key, if it stands."""
        self._rows.pop(account, None)

    async def page(self, after: StreamId | None, limit: int) -> Sequence[tuple[StreamId, bytes]]:
        """The keys after an account in the order of ids, at most ``limit``."""
        return [(account, self._rows[account]) for account in sorted(self._rows) if after is None or account > after][
            :limit
        ]

    async def replace(self, account: StreamId, old: bytes, new: bytes) -> bool:
        """Exchanges ``old`` for ``new``; False where the row is gone or holds something else."""
        if self._rows.get(account) != old:
            return False
        self._rows[account] = new
        return True


class MemoryDataKeys(VaultDataKeys):
    """Encrypts for real, under keys that nobody stores."""

    def __init__(self, vault: MemoryVault | None = None, root: RootKeys | None = None) -> None:
        super().__init__(vault or MemoryVault(), root or memory_root_keys())
