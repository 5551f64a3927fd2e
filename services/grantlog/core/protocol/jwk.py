"""JSON Web Keys of others (RFC 7517), read before any cryptography: public, bounded, and each of one kind.

A key is kept as the mapping that it came as, with the members that somebody here understands and no others.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from grantlog.core.protocol.jwt_text import MalformedJwtError, read_object

Jwk = Mapping[str, Any]

KEYS_LIMIT = 32
"""Keys in a set. Those of a client that rotates are two or three."""
SET_LIMIT = 65_536
RSA_BITS = (2048, 8192)
"""RFC 7518 section 3.3, and a bound on what a verification may cost."""
EXPONENT_BYTES = 4
SYMMETRIC_BYTES = 32
"""RFC 7518 3.2: "A key of the same size as the hash output [...] or larger MUST be used"."""
_KIND: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "RS256": ("RSA", None),
        "PS256": ("RSA", None),
        "ES256": ("EC", "P-256"),
        "EdDSA": ("OKP", "Ed25519"),
        "HS256": ("oct", None),
        "RSA-OAEP-256": ("RSA", None),
        "ECDH-ES": ("EC", "P-256"),
        "ECDH-ES+A128KW": ("EC", "P-256"),
        "ECDH-ES+A256KW": ("EC", "P-256"),
    }
)
"""Which kind of key an algorithm wants; nothing else is ever tried with it (RFC 8725 section 3.1)."""
ENCRYPTION_ALGS = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
_REQUIRED = MappingProxyType({"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")})
"""RFC 7638 section 3.2, in lexicographic order."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ABOUT = ("kid", "alg", "use", "key_ops", "x5t#S256", "x5c")
_OPERATIONS = MappingProxyType(
    {"sig": frozenset({"verify"}), "enc": frozenset({"wrapKey", "encrypt", "deriveKey", "deriveBits"})}
)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_COORDINATE = 32


class MalformedKeyError(ValueError):
    """This is no public key, or no set of them; ``reason`` is private and stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_jwks(text: str | bytes) -> tuple[Jwk, ...]:
    """The keys of a JWK Set (RFC 7517 section 5) that can be used here. Raises MalformedKeyError.

    Unknown kinds are left out; a private or symmetric key makes the whole set unusable, because it was published.
    """
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > SET_LIMIT:
        raise MalformedKeyError("jwks_size")
    try:
        members = read_object(raw, members=KEYS_LIMIT * 16)
    except MalformedJwtError as wrong:
        raise MalformedKeyError(wrong.reason.replace("jwt", "jwks", 1)) from None
    listed = members.get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_LIMIT:
        raise MalformedKeyError("jwks_keys")
    found = []
    for one in listed:
        if not isinstance(one, dict):
            raise MalformedKeyError("jwks_keys")
        if not _PRIVATE.isdisjoint(one):
            raise MalformedKeyError("jwks_private")
        try:
            found.append(read_jwk(one))
        except MalformedKeyError:
            # RFC 7517 5: "Implementations SHOULD ignore JWKs within a JWK Set that use 'kty' values that are not
            # understood by them, that are missing required members, or for which values are out of the supported ranges."
            continue
    return tuple(found)


def read_jwk(members: object) -> Jwk:
    """One public key (RFC 7518 section 6, RFC 8037 section 2). Raises MalformedKeyError, for a private one as well.

    Whether its numbers are a point of their curve is left to the cryptography.
    """
    if not isinstance(members, dict):
        raise MalformedKeyError("jwk_not_an_object")
    if not _PRIVATE.isdisjoint(members):
        raise MalformedKeyError("jwk_private")
    kind = members.get("kty")
    match kind:
        case "RSA":
            _rsa(members)
        case "EC" if members.get("crv") == "P-256":
            _sized(members, "x", _COORDINATE)
            _sized(members, "y", _COORDINATE)
        case "OKP" if members.get("crv") == "Ed25519":
            _sized(members, "x", _COORDINATE)
        case _:
            raise MalformedKeyError("jwk_kind")
    for name in ("kid", "alg", "use", "x5t#S256"):
        if name in members and not isinstance(members[name], str):
            raise MalformedKeyError("jwk_member")
    for name in ("key_ops", "x5c"):
        if name in members and not _strings(members[name]):
            raise MalformedKeyError("jwk_member")
    return {name: members[name] for name in (*_REQUIRED[kind], *_ABOUT) if name in members}


def secret_jwk(secret: bytes) -> Jwk:
    """A symmetric key as the port ``Verifier`` wants it."""
    return {"kty": "oct", "k": urlsafe_b64encode(secret).rstrip(b"=").decode()}


def thumbprint(jwk: Jwk) -> str:
    """The SHA-256 JWK thumbprint (RFC 7638) in base64url: 43 characters, whatever else the key says about itself."""
    # RFC 7638 3: "Construct a JSON object containing only the required members of a JWK representing the key and with no
    # whitespace or line breaks before or after any syntactic elements and with the required members ordered
    # lexicographically by the Unicode code points of the member names."
    members = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    digest = sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def fits(jwk: Jwk, alg: str) -> bool:
    """Whether a key may be used with an algorithm: by its kind and curve, and by what it says of itself."""
    wanted = _KIND.get(alg)
    if wanted is None or jwk.get("kty") != wanted[0] or (wanted[1] is not None and jwk.get("crv") != wanted[1]):
        return False
    if jwk.get("alg", alg) != alg:
        return False
    use = "enc" if alg in ENCRYPTION_ALGS else "sig"
    operations = jwk.get("key_ops")
    return jwk.get("use", use) == use and (operations is None or not _OPERATIONS[use].isdisjoint(operations))


def select(keys: Sequence[Jwk], alg: str, kid: str | None) -> tuple[Jwk, ...]:
    """The keys that may have made a signature: of the right kind, and the named one where one is named."""
    return tuple(jwk for jwk in keys if fits(jwk, alg) and (kid is None or jwk.get("kid", kid) == kid))


def known_kid(keys: Sequence[Jwk], kid: str | None) -> bool:
    """Whether a named key is among these; a signer that names none is known."""
    return kid is None or any(jwk.get("kid") == kid for jwk in keys)


def decode_number(text: object) -> bytes:
    """The octets of a base64url member (RFC 7515 section 2). Raises MalformedKeyError."""
    if not isinstance(text, str) or _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        raise MalformedKeyError("jwk_base64")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _rsa(members: Mapping[str, Any]) -> None:
    modulus, exponent = decode_number(members.get("n")), decode_number(members.get("e"))
    # RFC 7518 6.3.1.1: "Note that implementers have found that some cryptographic libraries prefix an extra zero-valued
    # octet to the modulus representations they return [...]. Implementations using such libraries will need to take care
    # to omit the extra octet": a key has one spelling, and so one thumbprint
    if modulus[0] == 0 or exponent[0] == 0:
        raise MalformedKeyError("jwk_leading_zero")
    smallest, largest = RSA_BITS
    bits = int.from_bytes(modulus).bit_length()
    if not smallest <= bits <= largest or modulus[-1] % 2 == 0:
        raise MalformedKeyError("jwk_modulus")
    if len(exponent) > EXPONENT_BYTES or int.from_bytes(exponent) < 3 or exponent[-1] % 2 == 0:
        raise MalformedKeyError("jwk_exponent")


def _sized(members: Mapping[str, Any], name: str, size: int) -> None:
    # RFC 7518 6.2.1.2: "The length of this octet string MUST be the full size of a coordinate for the curve"
    if len(decode_number(members.get(name))) != size:
        raise MalformedKeyError("jwk_coordinate")


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
