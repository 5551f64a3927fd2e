"""The port DataKeys: personal data under a key per account, and erasure by destroying that key."""

import time
from dataclasses import dataclass
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grantlog.adapters.crypto.boxes import unwrap, wrap
from grantlog.adapters.crypto.root_keys import KEY_BYTES, RootKeys
from grantlog.adapters.crypto.stores import Vault
from grantlog.core.identifiers import StreamId
from grantlog.ports import UnavailableError

PURPOSE = "data"
CACHE_SECONDS = 300.0
"""Another process may read an erased account's data for this long, and no longer."""
CACHE_SIZE = 10_000

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_SMALLEST = len(_FORMAT) + _NONCE_BYTES + 16


@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    cipher: AESGCM
    until: float


class VaultDataKeys:
    """A box is ``format (1) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag``: under the account's own key, for a context."""

    def __init__(self, vault: Vault, root: RootKeys) -> None:
        self._vault = vault
        self._root = root
        self._held: dict[StreamId, _Held] = {}

    async def protect(self, account: StreamId, context: bytes, plaintext: bytes) -> bytes:
        """Encrypts personal data of an account; makes its data key where it has none. Raises UnavailableError."""
        cipher = await self._cipher(account) or await self._new(account)
        nonce = urandom(_NONCE_BYTES)
        return _FORMAT + nonce + cipher.encrypt(nonce, plaintext, context)

    async def reveal(self, account: StreamId, context: bytes, box: bytes) -> bytes | None:
        """Decrypts; None when the account's key was destroyed, or the box is not this account's in this context.

        Raises UnavailableError when the vault does not answer or the root key list does not open the account's key.
        """
        if len(box) < _SMALLEST or box[:1] != _FORMAT:
            return None
        cipher = await self._cipher(account)
        if cipher is None:
            return None
        nonce, sealed = box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, context)
        except InvalidTag:
            return None

    async def erase(self, account: StreamId) -> None:
        """Destroys the account's key. What other processes hold of it lapses within CACHE_SECONDS."""
        self._held.pop(account, None)
        await self._vault.remove(account)
        self._held.pop(account, None)

    async def _cipher(self, account: StreamId) -> AESGCM | None:
        held = self._held.get(account)
        if held is not None and time.monotonic() < held.until:
            return held.cipher
        asked = time.monotonic()
        wrapped = await self._vault.get(account)
        if wrapped is None:
            self._held.pop(account, None)
            return None
        return self._hold(account, wrapped, asked)

    async def _new(self, account: StreamId) -> AESGCM:
        asked = time.monotonic()
        fresh = wrap(self._root, PURPOSE, account.bytes, urandom(KEY_BYTES))
        return self._hold(account, await self._vault.add(account, fresh), asked)

    def _hold(self, account: StreamId, wrapped: bytes, asked: float) -> AESGCM:
        key = unwrap(self._root, PURPOSE, account.bytes, wrapped)
        if key is None:
            # not None to the caller: the key was not destroyed, and must not be taken for it
            raise UnavailableError("the root key list does not open a data key")
        cipher = AESGCM(key)
        self._held.pop(account, None)
        self._held[account] = _Held(cipher, asked + CACHE_SECONDS)
        if len(self._held) > CACHE_SIZE:
            del self._held[next(iter(self._held))]
        return cipher
