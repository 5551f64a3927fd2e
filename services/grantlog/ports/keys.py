"""Secrets, keys, passwords, and personal data under keys of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.jwt_text import ReadJwt
from grantlog.core.protocol.mtls import Certificate


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One published signing key: its JWK (public members only) and when it may be used."""

    kid: str
    alg: str
    jwk: Mapping[str, str]


class Signer(Protocol):
    """Signs with the keys of the keyring (RFC 7515). RSA work happens off the event loop."""

    async def sign(self, alg: str, claims: Mapping[str, Any], typ: str) -> tuple[str, str]:
        """A compact JWS with the current key of ``alg``, and its ``kid``. Raises UnavailableError when there is none."""
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """What ``/jwks`` publishes now: next, current and retiring keys."""
        ...

    async def refresh(self) -> None:
        """Re-reads the keyring stream and unwraps what is new."""
        ...

    async def generate(self, alg: str) -> PublicKey:
        """A new key pair, its private part wrapped under the root key and stored. Not used before the keyring says so."""
        ...

    async def destroy(self, kid: str) -> None:
        """Removes a private key for good."""
        ...


class Secrets(Protocol):
    """Randomness and everything keyed by the root key list."""

    def random(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...

    def token_mac_keys(self) -> Sequence[bytes]:
        """The MAC keys of token handles: the first signs, all verify."""
        ...

    def keyed_hash(self, label: str, value: bytes) -> bytes:
        """A 32-byte HMAC under a key derived for ``label``: names and addresses that must not stand in clear."""
        ...

    def seal(self, secret: bytes, context: bytes, plaintext: bytes) -> bytes:
        """AES-256-GCM under HKDF(root key, secret || context): only who presents ``secret`` can have it opened."""
        ...

    def unseal(self, secret: bytes, context: bytes, box: bytes) -> bytes | None:
        """The plaintext, or None where secret, context or box do not fit."""
        ...


class KeptSecrets(Protocol):
    """Secrets that have to be read again (a TOTP key, a ``client_secret_jwt`` secret): sealed under the root key in a
    mutable table, never on the log.
    """

    async def keep(self, owner: UUID, purpose: str, secret: bytes) -> None:
        """Keeps a secret of a stream or factor, instead of the one kept for the same purpose. Raises UnavailableError."""
        ...

    async def recall(self, owner: UUID, purpose: str) -> bytes | None:
        """The secret, or None. Raises UnavailableError."""
        ...

    async def forget(self, owner: UUID, purpose: str) -> None:
        """Removes it for good. Raises UnavailableError."""
        ...


class Verifier(Protocol):
    """Checks signatures of others, and encrypts to them and decrypts from them. No I/O; slow work off the event loop."""

    async def verify(self, jwt: ReadJwt, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The JWK among ``keys`` that has signed ``jwt`` by the ``alg`` of its header; None where none has.

        Every key is held to its own ``kty``, ``crv``, ``use`` and ``alg``; a key that does not fit the header's ``alg`` has
        signed nothing. A symmetric key is a JWK of ``kty`` ``oct``.
        """
        ...

    async def encrypt(self, text: bytes, key: Mapping[str, Any], alg: str, enc: str, cty: str | None) -> str:
        """A compact JWE (RFC 7516) to a public key. Raises ValueError where key and algorithm do not fit."""
        ...

    async def decrypt(self, text: str) -> bytes | None:
        """The plaintext of a compact JWE to one of our own encryption keys; None for everything else."""
        ...

    def certificate(self, der: bytes) -> Certificate | None:
        """A client certificate (RFC 5280), read; None where it is none."""
        ...

    def encryption_keys(self) -> Sequence[Mapping[str, Any]]:
        """Our public encryption keys as JWKs with ``use: enc``: part of ``/jwks``."""
        ...


class DataKeys(Protocol):
    """Personal data, under a key per account that can be destroyed (a database of its own in production)."""

    async def protect(self, account: StreamId, context: bytes, plaintext: bytes) -> bytes:
        """Encrypts personal data of an account; makes its data key where it has none."""
        ...

    async def reveal(self, account: StreamId, context: bytes, box: bytes) -> bytes | None:
        """Decrypts; None when the account's key was destroyed."""
        ...

    async def erase(self, account: StreamId) -> None:
        """Destroys the account's key."""
        ...


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """The outcome of a password check, with the account's gate epoch read in the same statement as the hash."""

    ok: bool
    epoch: int


class Passwords(Protocol):
    """Argon2id in a bounded pool; hashes in a mutable table, never on the log."""

    async def set(self, account: StreamId, password: str) -> None:
        """Stores a new password. Raises ValueError above 1,024 bytes, UnavailableError when the pool is full."""
        ...

    async def check(self, account: StreamId | None, password: str) -> PasswordCheck:
        """Checks a password; an unknown account costs the same. Raises UnavailableError when the pool is full."""
        ...

    async def change(self, account: StreamId, current: str, new: str) -> bool:
        """Puts ``new`` in the place of ``current``; False where that is not the password, or not any more.

        Raises ValueError as ``set`` does, UnavailableError when the pool is full.
        """
        ...

    async def remove(self, account: StreamId) -> None:
        """Forgets an account's password: a person is erased, or was never born."""
        ...


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What rewrapping did. ``unreadable`` above 0: the root key list lacks a key that is still in use; drop none."""

    rewrapped: int
    current: int
    unreadable: int


class KeyWrapping(Protocol):
    """The wrapping of stored keys under the root key list."""

    async def rewrap(self) -> Rewrapped:
        """Wraps every stored key under the newest root key. May be interrupted and repeated. Raises UnavailableError."""
        ...
