"""The port KeptSecrets: what has to be read again, wrapped under the root key list for its owner and purpose alone."""

from uuid import UUID

from grantlog.adapters.crypto.boxes import unwrap, wrap
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import KeptRow, KeptRows
from grantlog.ports import UnavailableError


class WrappedKeptSecrets:
    """Table ``kept_secret``; a box opens for the row it was made for, and for no other."""

    def __init__(self, rows: KeptRows, root: RootKeys) -> None:
        self._rows = rows
        self._root = root

    async def keep(self, owner: UUID, purpose: str, secret: bytes) -> None:
        """Keeps a secret, instead of the one kept for the same purpose. Raises UnavailableError."""
        box = wrap(self._root, wrap_purpose(purpose), owner.bytes, secret)
        await self._rows.put(KeptRow(owner, purpose, box))

    async def recall(self, owner: UUID, purpose: str) -> bytes | None:
        """The secret, or None. Raises UnavailableError, also where the root key list does not open it."""
        box = await self._rows.get(owner, purpose)
        if box is None:
            return None
        secret = unwrap(self._root, wrap_purpose(purpose), owner.bytes, box)
        if secret is None:
            # not None to the caller: it was not forgotten, and must not be taken for that
            raise UnavailableError("the root key list does not open a kept secret")
        return secret

    async def forget(self, owner: UUID, purpose: str) -> None:
        """Removes it for good. Raises UnavailableError."""
        await self._rows.remove(owner, purpose)


def wrap_purpose(purpose: str) -> str:
    """What a kept secret is wrapped for: never what a key of the same name is wrapped for."""
    return f"kept:{purpose}"
