"""The port Signer: keys chosen by the keyring stream, unwrapped once, used off the event loop where they are slow."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from grantlog.adapters.crypto.boxes import unwrap, wrap
from grantlog.adapters.crypto.jose import SLOW, PrivateKey, generate_key_pair, load_private_key, sign_compact
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import WrappedKey, WrappedKeys
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.core.decision import Name
from grantlog.core.identifiers import StreamId
from grantlog.core.keyring.state import KeyringState, published_keys, signing_key
from grantlog.ports import EventLog, PublicKey, UnavailableError

PURPOSE = "signing"
KEYRING = Name("keyring", "signing")
STALE_SECONDS = 60.0
"""A keyring that was read longer ago is read again before it signs: a compromised key must not sign on for ever."""

_encode = msgspec.json.Encoder().encode


class KeyringSigner:
    """Signs with what the keyring stream names. ``refresh`` keeps it current; opening.py calls it every few seconds."""

    def __init__(self, log: EventLog, store: WrappedKeys, root: RootKeys, threads: BoundedThreads) -> None:
        self._log = log
        self._store = store
        self._root = root
        self._threads = threads
        self._stream: StreamId | None = None
        self._keyring: KeyringState | None = None
        self._private: dict[str, PrivateKey] = {}
        self._read_at = -STALE_SECONDS
        self._lock = asyncio.Lock()
        self._begun = 0
        self._finished = 0

    async def sign(self, alg: str, claims: Mapping[str, Any], typ: str) -> tuple[str, str]:
        """A compact JWS by the current key of ``alg``, and its ``kid``. Raises UnavailableError where there is none."""
        if time.monotonic() - self._read_at > STALE_SECONDS:
            await self.refresh()
        key = None if self._keyring is None else signing_key(self._keyring, alg, self._log.now())
        private = None if key is None else self._private.get(key.kid)
        if key is None or private is None:
            raise UnavailableError(f"no signing key for {alg}")
        payload = _encode(claims)
        if alg in SLOW:
            return await self._threads.run(sign_compact, payload, private, alg, key.kid, typ), key.kid
        return sign_compact(payload, private, alg, key.kid, typ), key.kid

    def public_keys(self) -> Sequence[PublicKey]:
        """What ``/jwks`` publishes now: next, current and retiring keys, each with ``kid``, ``alg`` and ``use``."""
        if self._keyring is None:
            return ()
        keys = published_keys(self._keyring, self._log.now())
        return tuple(PublicKey(key.kid, key.alg, dict(key.jwk)) for key in keys)

    async def refresh(self) -> None:
        """Re-reads the keyring stream and unwraps what is new. Raises UnavailableError, and then nothing has changed.

        Callers share a read that begins after each of them has called, never one that was under way.
        """
        wanted = self._begun + 1
        async with self._lock:
            if self._finished >= wanted:
                return
            self._begun += 1
            number, started = self._begun, time.monotonic()
            await self._read()
            self._finished, self._read_at = number, started

    async def generate(self, alg: str) -> PublicKey:
        """A new key pair, its private part stored under the root key. Not used before the keyring says so."""
        pair = await self._threads.run(generate_key_pair, alg)
        wrapped = wrap(self._root, PURPOSE, pair.kid.encode(), pair.private)
        await self._store.add(WrappedKey(pair.kid, PURPOSE, wrapped))
        return PublicKey(pair.kid, alg, pair.jwk)

    async def destroy(self, kid: str) -> None:
        """Removes a private key for good."""
        self._private.pop(kid, None)
        await self._store.remove(kid)

    async def _read(self) -> None:
        if self._stream is None:
            self._stream = await self._log.bearer(KEYRING)
        if self._stream is None:
            return
        loaded = await self._log.load(self._stream)
        keyring: KeyringState = loaded.state
        published = {key.kid: key.alg for key in published_keys(keyring, loaded.head.recorded_at)}
        missing = [kid for kid in published if kid not in self._private]
        wrapped = await self._store.get(missing) if missing else {}
        private = {kid: key for kid, key in self._private.items() if kid in published}
        for kid, box in wrapped.items():
            der = unwrap(self._root, PURPOSE, kid.encode(), box)
            if der is not None:
                private[kid] = await self._threads.run(load_private_key, der, published[kid])
        self._keyring, self._private = keyring, private
