"""Key pairs and compact signatures (RFC 7515, 7517, 7518, 8037, 7638), on cryptography and PyJWT."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
_CLASSES: dict[str, type[PrivateKey]] = {
    "ES256": EllipticCurvePrivateKey,
    "EdDSA": Ed25519PrivateKey,
    "PS256": RSAPrivateKey,
    "RS256": RSAPrivateKey,
}
SLOW = frozenset({"PS256", "RS256"})
"""Signing with these takes about half a millisecond of a core: not on the event loop."""

_RSA_BITS = 2048  # RFC 7518 3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
_REQUIRED = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}

_JWS = PyJWS(algorithms=list(ALGORITHMS))


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A new key pair: the public JWK (with ``kid``, ``alg`` and ``use``) and the private key as PKCS #8 in DER."""

    kid: str
    jwk: Mapping[str, str]
    private: bytes


def generate_key_pair(alg: str) -> KeyPair:
    """A key pair for one of ALGORITHMS. Takes up to a second for RSA: not on the event loop."""
    key = _generate(alg)
    members = public_jwk(key)
    kid = thumbprint(members)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(kid, {**members, "kid": kid, "alg": alg, "use": "sig"}, der)


def load_private_key(der: bytes, alg: str) -> PrivateKey:
    """The private key in a PKCS #8 DER. Raises ValueError where it is none for ``alg``."""
    key = load_der_private_key(der, password=None)
    if not isinstance(key, _CLASSES[alg]):
        raise ValueError(f"not a private key for {alg}")  # noqa: TRY004  # the bytes are wrong, not their type
    return key


def public_jwk(key: PrivateKey) -> dict[str, str]:
    """The public JWK: the members that RFC 7638 section 3.2 requires and no others; nothing private slips through."""
    public: Any = key.public_key()
    if isinstance(key, RSAPrivateKey):
        members = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(key, Ed25519PrivateKey):
        members = OKPAlgorithm.to_jwk(public, as_dict=True)
    else:
        members = ECAlgorithm.to_jwk(public, as_dict=True)
    return {name: str(members[name]) for name in _REQUIRED[members["kty"]]}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The JWK thumbprint (RFC 7638) with SHA-256, base64url."""
    # RFC 7638 3: "Construct a JSON object containing only the required members of a JWK representing the key and with
    # no whitespace or line breaks before or after any syntactic elements and with the required members ordered
    # lexicographically by the Unicode code points of the member names."
    members = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def sign_compact(payload: bytes, key: PrivateKey, alg: str, kid: str, typ: str) -> str:
    """The JWS Compact Serialization (RFC 7515 section 7.1) of ``payload``."""
    return _JWS.encode(payload, key, algorithm=alg, headers={"kid": kid, "typ": typ})


def _generate(alg: str) -> PrivateKey:
    match alg:
        case "ES256":
            return generate_private_key(SECP256R1())
        case "EdDSA":
            return Ed25519PrivateKey.generate()
        case "PS256" | "RS256":
            return generate_rsa(65537, _RSA_BITS)
        case _:
            raise ValueError(f"{alg} is not one of {', '.join(ALGORITHMS)}")
