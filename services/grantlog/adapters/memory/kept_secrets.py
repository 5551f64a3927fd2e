"""The port KeptSecrets with its table in memory."""

from collections.abc import Sequence
from uuid import UUID

from grantlog.adapters.crypto.kept_secrets import WrappedKeptSecrets
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import KeptRow
from grantlog.adapters.memory.secrets import memory_root_keys


class MemoryKeptRows:
    """Table ``kept_secret`` in memory."""

    def __init__(self) -> None:
        self._rows: dict[tuple[UUID, str], bytes] = {}

    async def put(self, row: KeptRow) -> None:
        """Stores a secret over whatever stood."""
        self._rows[row.owner, row.purpose] = row.wrapped

    async def get(self, owner: UUID, purpose: str) -> bytes | None:
        """The wrapped secret, if it stands."""
        return self._rows.get((owner, purpose))

    async def remove(self, owner: UUID, purpose: str) -> None:
        """Removes a secret, if it stands."""
        self._rows.pop((owner, purpose), None)

    async def page(self, after: KeptRow | None, limit: int) -> Sequence[KeptRow]:
        """The rows after one in the order of (owner, purpose), at most ``limit``."""
        rest = (key for key in sorted(self._rows) if after is None or key > (after.owner, after.purpose))
        return [KeptRow(*key, self._rows[key]) for key in rest][:limit]

    async def replace(self, row: KeptRow, new: bytes) -> bool:
        """Exchanges the wrapped secret for ``new``; False where the row is gone or holds something else."""
        if self._rows.get((row.owner, row.purpose)) != row.wrapped:
            return False
        self._rows[row.owner, row.purpose] = new
        return True


class MemoryKeptSecrets(WrappedKeptSecrets):
    """Wraps for real, under keys that nobody stores."""

    def __init__(self, rows: MemoryKeptRows | None = None, root: RootKeys | None = None) -> None:
        super().__init__(rows or MemoryKeptRows(), root or memory_root_keys())
