"""Our own encryption keys (RFC 7516): one for each way of agreeing on a content key, made by whoever comes first.

Stored wrapped under names that are fixed, so that all processes read back the same two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc.jwk import ECKey, RSAKey

from grantlog.adapters.crypto.boxes import unwrap, wrap
from grantlog.adapters.crypto.jose import public_jwk, thumbprint
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys
from grantlog.adapters.crypto.stores import WrappedKey, WrappedKeys
from grantlog.adapters.crypto.threads import BoundedThreads

PURPOSE = "encryption"
ALGS = ("RSA-OAEP-256", "ECDH-ES")
"""One key each; the second also serves key agreement with key wrapping."""
_RSA_BITS = 2048  # RFC 7518 4.3: "A key of size 2048 bits or larger MUST be used with this algorithm."


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """``public``: the JWK as ``/jwks`` shows it. ``private`` is never printed."""

    public: Mapping[str, Any]
    private: RSAKey | ECKey = field(repr=False)


async def load_encryption_keys(
    store: WrappedKeys, root: RootKeys, threads: BoundedThreads
) -> tuple[EncryptionKey, ...]:
    """The keys of ALGS, made where they are missing. Raises RootKeyError for another database's root keys, UnavailableError."""
    names = {f"{PURPOSE} {alg}": alg for alg in ALGS}
    stored = await store.get(list(names))
    for name, alg in names.items():
        if name not in stored:
            private = await threads.run(generate, alg)
            await store.add(WrappedKey(name, PURPOSE, wrap(root, PURPOSE, name.encode(), private)))
    # whatever this process has made: what stands is what counts
    stored = await store.get(list(names))
    found = []
    for name, alg in names.items():
        private_key = unwrap(root, PURPOSE, name.encode(), stored[name])
        if private_key is None:
            raise RootKeyError("the root key list does not open the encryption keys of this database")
        found.append(encryption_key(private_key, alg))
    return tuple(found)


def generate(alg: str) -> bytes:
    """A private key in DER. Takes up to a second for RSA: not on the event loop."""
    key = generate_rsa(65537, _RSA_BITS) if alg == "RSA-OAEP-256" else generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def encryption_key(der: bytes, alg: str) -> EncryptionKey:
    """The key in a PKCS #8 DER. Raises ValueError where it is none."""
    key = load_der_private_key(der, password=None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError("not an encryption key")  # noqa: TRY004  # the bytes are wrong, not their type
    members = public_jwk(key)
    public: dict[str, Any] = {**members, "kid": thumbprint(members), "use": "enc"}
    if alg == "RSA-OAEP-256":
        # the other key serves several algorithms, and so names none
        public["alg"] = alg
    return EncryptionKey(public, _loaded(der, alg))


def _loaded(der: bytes, alg: str) -> RSAKey | ECKey:
    return RSAKey.import_key(der) if alg == "RSA-OAEP-256" else ECKey.import_key(der)
