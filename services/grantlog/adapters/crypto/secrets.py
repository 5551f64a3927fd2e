"""Randomness, and everything keyed by the root key list (design section 4)."""

from collections.abc import Sequence
from hashlib import sha256
from hmac import digest
from os import urandom

from grantlog.adapters.crypto.boxes import close_box, open_box
from grantlog.adapters.crypto.root_keys import RootKeys, derive


class RootSecrets:
    """The port Secrets. Names and addresses are hashed under ``index_key``, which outlives every root key."""

    __slots__ = ("_index_key", "_labels", "_mac_keys", "_root")

    def __init__(self, root: RootKeys, index_key: bytes) -> None:
        self._root = root
        self._index_key = index_key
        self._mac_keys = tuple(derive(key, "token mac") for key in root)
        self._labels: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"RootSecrets({self._root!r})"

    def random(self, size: int) -> bytes:
        """``size`` random bytes of the operating system."""
        return urandom(size)

    def token_mac_keys(self) -> Sequence[bytes]:
        """The MAC keys of token handles, one per root key: the first signs, all verify."""
        return self._mac_keys

    def keyed_hash(self, label: str, value: bytes) -> bytes:
        """A 32-byte HMAC-SHA256 under a key derived for ``label`` (one of few, fixed in the program)."""
        key = self._labels.get(label)
        if key is None:
            key = self._labels[label] = derive(self._index_key, f"keyed hash:{label}")
        return digest(key, value, sha256)

    def seal(self, secret: bytes, context: bytes, plaintext: bytes) -> bytes:
        """AES-256-GCM under HKDF(root key, secret, context): only who presents ``secret`` can have it opened."""
        return close_box(self._root, "seal", context, plaintext, salt=secret)

    def unseal(self, secret: bytes, context: bytes, box: bytes) -> bytes | None:
        """The plaintext, or None where secret, context or box do not fit."""
        return open_box(self._root, "seal", context, box, salt=secret)
