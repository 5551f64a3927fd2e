"""``grantlog keys rewrap``: everything that is wrapped, wrapped again under the newest root key.

Each row is exchanged by compare-and-set, so it may be interrupted, run twice at once, and run beside a serving system.
"""

from collections import Counter

from grantlog.adapters.crypto.boxes import is_newest, unwrap, wrap
from grantlog.adapters.crypto.data_keys import PURPOSE as DATA
from grantlog.adapters.crypto.kept_secrets import wrap_purpose
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import KeptRow, KeptRows, Vault, WrappedKeys
from grantlog.core.identifiers import StreamId
from grantlog.ports import Rewrapped

PAGE = 500


class RootKeyWrapping:
    """The port KeyWrapping, over the wrapped keys, the vault and the kept secrets."""

    def __init__(self, root: RootKeys, keys: WrappedKeys, vault: Vault, kept: KeptRows) -> None:
        self._root = root
        self._keys = keys
        self._vault = vault
        self._kept = kept

    async def rewrap(self) -> Rewrapped:
        """Wraps everything in all three stores under the newest root key. Raises UnavailableError; just run it again then."""
        outcomes = Counter[str]()
        last_kid = ""
        while page := await self._keys.page(last_kid, PAGE):
            last_kid = page[-1].kid
            for row in page:
                outcome, fresh = self._again(row.purpose, row.kid.encode(), row.wrapped)
                if fresh is None or await self._keys.replace(row.kid, row.wrapped, fresh):
                    outcomes[outcome] += 1
        last_account: StreamId | None = None
        while rows := await self._vault.page(last_account, PAGE):
            last_account = rows[-1][0]
            for account, wrapped in rows:
                outcome, fresh = self._again(DATA, account.bytes, wrapped)
                if fresh is None or await self._vault.replace(account, wrapped, fresh):
                    outcomes[outcome] += 1
        last_kept: KeptRow | None = None
        while kept := await self._kept.page(last_kept, PAGE):
            last_kept = kept[-1]
            for secret in kept:
                outcome, fresh = self._again(wrap_purpose(secret.purpose), secret.owner.bytes, secret.wrapped)
                if fresh is None or await self._kept.replace(secret, fresh):
                    outcomes[outcome] += 1
        return Rewrapped(outcomes["rewrapped"], outcomes["current"], outcomes["unreadable"])

    def _again(self, purpose: str, name: bytes, box: bytes) -> tuple[str, bytes | None]:
        """What is to be done with a box, and the box that takes its place, if any."""
        if is_newest(self._root, box):
            return "current", None
        key = unwrap(self._root, purpose, name, box)
        return ("unreadable", None) if key is None else ("rewrapped", wrap(self._root, purpose, name, key))
