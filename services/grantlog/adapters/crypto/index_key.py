"""The index key: under it the names are hashed that must be found again for as long as the log stands.

A hash of a username claims its name on the log for ever, so it cannot hang on a root key that will be replaced. The
index key is random, made once, and stored wrapped; ``grantlog keys rewrap`` carries it from one root key to the next.
"""

from os import urandom

from grantlog.adapters.crypto.boxes import unwrap, wrap
from grantlog.adapters.crypto.root_keys import KEY_BYTES, RootKeyError, RootKeys
from grantlog.adapters.crypto.stores import WrappedKey, WrappedKeys

PURPOSE = "index"
_NAME = "index"


async def load_index_key(store: WrappedKeys, root: RootKeys) -> bytes:
    """The index key, made by whoever comes first.

    Raises RootKeyError where the root key list does not open it (it belongs to another database), UnavailableError.
    """
    stored = await store.get([_NAME])
    if _NAME not in stored:
        fresh = WrappedKey(_NAME, PURPOSE, wrap(root, PURPOSE, _NAME.encode(), urandom(KEY_BYTES)))
        await store.add(fresh)
        stored = await store.get([_NAME])
    key = unwrap(root, PURPOSE, _NAME.encode(), stored[_NAME])
    if key is None:
        raise RootKeyError(
            "the root key list does not open the keys of this database: it lacks the one they are wrapped under"
        )
    return key
