"""The port Secrets needs no server: the real one, under keys made up for this process."""

from os import urandom

from grantlog.adapters.crypto.root_keys import KEY_BYTES, RootKeys
from grantlog.adapters.crypto.secrets import RootSecrets


def memory_root_keys() -> RootKeys:
    """A root key list of one random key."""
    return RootKeys([urandom(KEY_BYTES)])


class MemorySecrets(RootSecrets):
    """Keyed by what nobody else has."""

    __slots__ = ()

    def __init__(self, root: RootKeys | None = None, index_key: bytes | None = None) -> None:
        super().__init__(root or memory_root_keys(), index_key or urandom(KEY_BYTES))
