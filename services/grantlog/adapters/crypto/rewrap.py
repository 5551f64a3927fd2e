"""``grantlog keys rewrap``: everything that is wrapped, wrapped again under the newest root key.

Each row is exchanged by compare-and-set, so it may be interrupted, run twice at once, and run beside a serving system.
"""

from dataclasses import dataclass

from grantlog.adapters.crypto.boxes import is_newest, unwrap, wrap
from grantlog.adapters.crypto.data_keys import PURPOSE as DATA
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import Vault, WrappedKeys
from grantlog.core.identifiers import StreamId

PAGE = 500


@dataclass(slots=True)
class Rewrapped:
    """What was done. ``unreadable`` is not zero: the list lacks a root key that is still in use; do not drop any."""

    rewrapped: int = 0
    current: int = 0
    unreadable: int = 0


async def rewrap(root: RootKeys, keys: WrappedKeys, vault: Vault) -> Rewrapped:
    """Wraps all keys of both stores under the newest root key. Raises UnavailableError; just run it again then."""
    done = Rewrapped()
    last_kid = ""
    while page := await keys.page(last_kid, PAGE):
        last_kid = page[-1].kid
        for row in page:
            fresh = _again(root, row.purpose, row.kid.encode(), row.wrapped, done)
            if fresh is not None and await keys.replace(row.kid, row.wrapped, fresh):
                done.rewrapped += 1
    last_account: StreamId | None = None
    while rows := await vault.page(last_account, PAGE):
        last_account = rows[-1][0]
        for account, wrapped in rows:
            fresh = _again(root, DATA, account.bytes, wrapped, done)
            if fresh is not None and await vault.replace(account, wrapped, fresh):
                done.rewrapped += 1
    return done


def _again(root: RootKeys, purpose: str, name: bytes, box: bytes, done: Rewrapped) -> bytes | None:
    """The box under the newest root key; None, and counted, where there is nothing to do or it does not open."""
    if is_newest(root, box):
        done.current += 1
        return None
    key = unwrap(root, purpose, name, box)
    if key is None:
        done.unreadable += 1
        return None
    return wrap(root, purpose, name, key)
