"""The port Verifier: signatures on cryptography, encryption on joserfc (RFC 7515, 7516, 7518, 8037).

Keys come from others: every one is read by ``core.protocol.jwk`` first, and whatever the libraries make of the rest, a key
that cannot be loaded has signed nothing.
"""

from collections.abc import Mapping, Sequence
from hmac import compare_digest, digest
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from grantlog.adapters.crypto.certificates import read_certificate
from grantlog.adapters.crypto.encryption_keys import EncryptionKey
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.core.protocol.jwk import (
    ENCRYPTION_ALGS,
    SYMMETRIC_BYTES,
    Jwk,
    MalformedKeyError,
    decode_number,
    fits,
    read_jwk,
)
from grantlog.core.protocol.jwt_text import MalformedJwtError, ReadJwt, decode_part, read_object
from grantlog.core.protocol.mtls import Certificate
from grantlog.core.protocol.supported import ENCRYPTION_ENCS

JWE_LIMIT = 32_768
_HEADER_LIMIT = 1024
_REGISTRY = jwe.JWERegistry(algorithms=[*ENCRYPTION_ALGS, *ENCRYPTION_ENCS], strict_check_header=False)


class JoseVerifier:
    """Checks what others signed, encrypts to them, decrypts what is for us."""

    def __init__(
        self,
        keys: Sequence[EncryptionKey],
        threads: BoundedThreads,
        authorities: Sequence[x509.Certificate] = (),
    ) -> None:
        """``authorities``: those that issue clients' certificates."""
        self._keys = tuple(keys)
        self._authorities = tuple(authorities)
        self._threads = threads

    async def verify(self, jwt: ReadJwt, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The JWK among ``keys`` that has signed ``jwt`` by the ``alg`` of its header; None where none has."""
        for key in keys:
            if fits(key, jwt.alg) and _signed(jwt, key):
                return key
        return None

    async def encrypt(self, text: bytes, key: Mapping[str, Any], alg: str, enc: str, cty: str | None) -> str:
        """A compact JWE (RFC 7516) to a public key. Raises ValueError where key and algorithm do not fit."""
        if alg not in ENCRYPTION_ALGS or enc not in ENCRYPTION_ENCS or not fits(key, alg):
            raise ValueError("key and algorithm do not fit")
        header: dict[str, Any] = {"alg": alg, "enc": enc}
        if "kid" in key:
            header["kid"] = key["kid"]
        if cty is not None:
            header["cty"] = cty
        try:
            public = _bare(read_jwk(dict(key)))
            loaded = RSAKey.import_key(public) if alg == "RSA-OAEP-256" else ECKey.import_key(public)
            return jwe.encrypt_compact(header, text, loaded, registry=_REGISTRY)
        except JoseError as wrong:
            raise ValueError("the key is none") from wrong

    async def decrypt(self, text: str) -> bytes | None:
        """The plaintext of a compact JWE to one of our own encryption keys; None for everything else."""
        try:
            key = self._addressed(text)
        except MalformedJwtError:
            return None
        return None if key is None else await self._threads.run(_decrypt, text, key)

    def certificate(self, der: bytes) -> Certificate | None:
        """A client certificate, read; None where it is none."""
        return read_certificate(der, self._authorities)

    def encryption_keys(self) -> Sequence[Mapping[str, Any]]:
        """Our public encryption keys as JWKs with ``use: enc``."""
        return tuple(key.public for key in self._keys)

    def _addressed(self, text: str) -> EncryptionKey | None:
        """Our key that a JWE names, where everything about its header is as it must be. Raises MalformedJwtError."""
        if len(text) > JWE_LIMIT or not text.isascii() or text.count(".") != 4:
            return None
        encoded = text.partition(".")[0]
        if len(encoded) > _HEADER_LIMIT:
            return None
        header = read_object(decode_part(encoded))
        alg, kid = header.get("alg"), header.get("kid")
        # RFC 7516 4.1.13: "crit" as in JWS; RFC 8725 3.6: "Avoid Compression of Encryption Inputs"; PBES2 and RSA1_5 are
        # in no list here
        if (
            not header.keys().isdisjoint({"crit", "zip"})
            or alg not in ENCRYPTION_ALGS
            or header.get("enc") not in ENCRYPTION_ENCS
        ):
            return None
        family = "RSA" if alg == "RSA-OAEP-256" else "EC"
        found = (key for key in self._keys if key.public["kty"] == family and kid in {None, key.public["kid"]})
        return next(found, None)


def _signed(jwt: ReadJwt, key: Jwk) -> bool:
    if jwt.alg == "HS256":
        return _signed_by_secret(jwt, key)
    try:
        _check(jwt, read_jwk(dict(key)))
    except (InvalidSignature, MalformedKeyError, ValueError):
        # the last: numbers that are no key of their kind, a point off its curve
        return False
    return True


def _signed_by_secret(jwt: ReadJwt, key: Jwk) -> bool:
    try:
        secret = decode_number(key.get("k"))
    except MalformedKeyError:
        return False
    return len(secret) >= SYMMETRIC_BYTES and compare_digest(digest(secret, jwt.signing_input, "sha256"), jwt.signature)


def _check(jwt: ReadJwt, key: Jwk) -> None:
    """Raises InvalidSignature, or ValueError where the key is none."""
    match key["kty"]:
        case "RSA":
            numbers = RSAPublicNumbers(_integer(key["e"]), _integer(key["n"]))
            padding: AsymmetricPadding = PKCS1v15()
            if jwt.alg == "PS256":
                # RFC 7518 3.5: "The size of the salt value is the same size as the hash function output."
                padding = PSS(MGF1(SHA256()), SHA256.digest_size)
            numbers.public_key().verify(jwt.signature, jwt.signing_input, padding, SHA256())
        case "EC":
            point = EllipticCurvePublicNumbers(_integer(key["x"]), _integer(key["y"]), SECP256R1())
            half = len(jwt.signature) // 2
            r, s = int.from_bytes(jwt.signature[:half]), int.from_bytes(jwt.signature[half:])
            point.public_key().verify(encode_dss_signature(r, s), jwt.signing_input, ECDSA(SHA256()))
        case _:
            Ed25519PublicKey.from_public_bytes(decode_number(key["x"])).verify(jwt.signature, jwt.signing_input)


def _integer(text: str) -> int:
    return int.from_bytes(decode_number(text))


def _bare(key: Jwk) -> Any:
    """The key without what it says of itself: that was judged already."""
    return {name: key[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in key}


def _decrypt(text: str, key: EncryptionKey) -> bytes | None:
    try:
        return jwe.decrypt_compact(text, key.private, registry=_REGISTRY).plaintext
    except (JoseError, ValueError, TypeError, KeyError, AssertionError, AttributeError):
        # joserfc's own errors, and what it lets through of hostile headers
        return None
