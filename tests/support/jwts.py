"""JWTs as clients make them, honest or hostile: every part can be said as a test wants it."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from hmac import digest
from secrets import token_urlsafe
from time import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ALGS = ("RS256", "PS256", "ES256", "EdDSA")


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """Base64urlUInt (RFC 7518 section 2)."""
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


@dataclass(frozen=True)
class JoseKey:
    """A private key for one algorithm."""

    alg: str
    private: Any = field(repr=False)
    kid: str = "key-1"

    @property
    def jwk(self) -> dict[str, str]:
        """Its public members, and nothing about it."""
        public = self.private.public_key()
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            numbers = public.public_numbers()
            return {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}

    @property
    def published(self) -> dict[str, str]:
        """The JWK as a client publishes it."""
        return {**self.jwk, "kid": self.kid, "alg": self.alg, "use": "sig"}

    @property
    def jwks(self) -> str:
        """A set of this key alone, as a client registers it."""
        return json.dumps({"keys": [self.published]}, separators=(",", ":"))

    @property
    def jkt(self) -> str:
        """RFC 7638."""
        return b64(sha256(json.dumps(dict(sorted(self.jwk.items())), separators=(",", ":")).encode()).digest())

    def signature(self, text: bytes) -> bytes:
        """As RFC 7518 section 3 has it."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(SHA256()), 32)
            return bytes(self.private.sign(text, pss if self.alg == "PS256" else padding.PKCS1v15(), SHA256()))
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        return bytes(self.private.sign(text))

    def sign(self, claims: Mapping[str, Any] | str, **header: Any) -> str:
        """A compact JWS; members of ``header`` replace the usual ones, None takes one away. Claims may be raw JSON."""
        usual = {"alg": self.alg, "kid": self.kid, "typ": "JWT"} | header
        return self.assemble({name: value for name, value in usual.items() if value is not None}, claims)

    def assemble(self, header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str) -> str:
        """A compact JWS of exactly these parts."""
        text = signing_input(header, claims)
        return f"{text}.{b64(self.signature(text.encode()))}"


def signing_input(header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str) -> str:
    """The first two parts."""
    return f"{b64(_json(header))}.{b64(_json(claims))}"


def by_secret(secret: bytes, claims: Mapping[str, Any] | str, **header: Any) -> str:
    """A compact JWS by HS256."""
    text = signing_input({"alg": "HS256", "typ": "JWT"} | header, claims)
    return f"{text}.{b64(digest(secret, text.encode(), 'sha256'))}"


@cache
def key(alg: str, name: str = "") -> JoseKey:
    """A key for one algorithm, made once for each name."""
    made: Any
    if alg in {"RS256", "PS256"}:
        made = rsa.generate_private_key(65537, 2048)
    elif alg == "ES256":
        made = ec.generate_private_key(ec.SECP256R1())
    else:
        made = Ed25519PrivateKey.generate()
    return JoseKey(alg, made, f"{alg}{name}")


def assertion_claims(client_id: str, audience: Any, **changes: Any) -> dict[str, Any]:
    """The claims of a client assertion (RFC 7523 section 3); None takes one away."""
    now = int(time())
    usual = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": token_urlsafe(16),
        "iat": now,
        "exp": now + 60,
    } | changes
    return {name: value for name, value in usual.items() if value is not None}


def proof_claims(method: str, url: str, access_token: str | None = None, **changes: Any) -> dict[str, Any]:
    """The claims of a DPoP proof (RFC 9449 section 4.2); None takes one away."""
    usual: dict[str, Any] = {"jti": token_urlsafe(12), "htm": method, "htu": url, "iat": int(time())}
    if access_token is not None:
        usual["ath"] = b64(sha256(access_token.encode()).digest())
    return {name: value for name, value in (usual | changes).items() if value is not None}


def proof(signer: JoseKey, claims: Mapping[str, Any] | str, **header: Any) -> str:
    """A DPoP proof by this key; members of ``header`` replace the usual ones, None takes one away."""
    return signer.sign(claims, **({"typ": "dpop+jwt", "kid": None, "jwk": signer.jwk} | header))


def _json(value: Mapping[str, Any] | str) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
