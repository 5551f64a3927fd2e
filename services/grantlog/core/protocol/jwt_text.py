"""A JWT of somebody else, read before any cryptography: bounded, unambiguous, and free of every known trick.

Whatever is wrong here is wrong whoever signed it. What was read proves nothing until a signature has been verified.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grantlog.core.protocol.bounded_json import depth, size

SIZE_LIMIT = 16_384
DEPTH_LIMIT = 8
MEMBERS_LIMIT = 256
SIGNATURE_ALGS = ("RS256", "PS256", "ES256", "EdDSA")
"""Asymmetric algorithms that are accepted of others."""
FAPI_ALGS = ("PS256", "ES256", "EdDSA")
"""FAPI 2.0 Security Profile section 5.4.1."""
_SIGNATURE_BYTES = {"ES256": 64, "EdDSA": 64, "HS256": 32}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class MalformedJwtError(ValueError):
    """A text is no JWT that anybody here accepts; ``reason`` is private and stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReadJwt:
    """A compact JWS as it was read. Nothing is proven. Not printed: it may be a credential."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str:
        """Always a string, and never ``none``."""
        alg: str = self.header["alg"]
        return alg

    @property
    def kid(self) -> str | None:
        """Which key the signer says it used."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def read_jwt(text: str, *, algs: Sequence[str], typ: Sequence[str | None], limit: int = SIZE_LIMIT) -> ReadJwt:
    """A compact JWS (RFC 7515 section 7.1) of one of ``algs`` whose ``typ`` is one of ``typ`` (None: it has none).

    Raises MalformedJwtError.
    """
    if len(text) > limit or not text.isascii():
        raise MalformedJwtError("jwt_size")
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedJwtError("jwt_parts")
    header, claims = read_object(decode_part(parts[0])), read_object(decode_part(parts[1]))
    alg = header.get("alg")
    # RFC 8725 3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any other
    # algorithms"; 3.2: "none" is in none of them
    if not isinstance(alg, str) or alg == "none" or alg not in algs:
        raise MalformedJwtError("jwt_alg")
    # RFC 7515 4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the recipient,
    # then the JWS is invalid."; RFC 7797: b64 has to be listed there
    if "crit" in header or "b64" in header:
        raise MalformedJwtError("jwt_crit")
    if "zip" in header:
        raise MalformedJwtError("jwt_zip")
    # RFC 8725 3.11: "Use Explicit Typing"; RFC 7515 4.1.9: compared without regard to case, "application/" may be left out
    given = header.get("typ")
    if given is not None and not isinstance(given, str):
        raise MalformedJwtError("jwt_typ")
    named = None if given is None else given.lower().removeprefix("application/")
    if named not in {None if one is None else one.lower() for one in typ}:
        raise MalformedJwtError("jwt_typ")
    signature = decode_part(parts[2])
    # RFC 7518 3.4: R and S as octets, 64 of them; a DER signature is longer, and a psychic one all zeros
    wanted = _SIGNATURE_BYTES.get(alg)
    if (wanted is not None and len(signature) != wanted) or not any(signature):
        raise MalformedJwtError("jwt_signature")
    return ReadJwt(header, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def read_object(raw: bytes, *, members: int = MEMBERS_LIMIT) -> Mapping[str, Any]:
    """A JSON object with unique member names, bounded in depth and in members (entries of arrays count as such).

    Raises MalformedJwtError.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise MalformedJwtError("jwt_not_utf8") from None
    if depth(text) > DEPTH_LIMIT:
        raise MalformedJwtError("jwt_depth")
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except MalformedJwtError:
        raise
    except (ValueError, RecursionError):
        raise MalformedJwtError("jwt_not_json") from None
    if not isinstance(found, dict):
        raise MalformedJwtError("jwt_not_an_object")
    if size(found) > members:
        raise MalformedJwtError("jwt_members")
    # an escape can spell half a surrogate pair: nothing has bytes for it (RFC 8259 8.2: "unpredictable")
    if "\\u" in text and _SURROGATE.search(json.dumps(found, ensure_ascii=False)) is not None:
        raise MalformedJwtError("jwt_not_utf8")
    return found


def decode_part(part: str) -> bytes:
    """One part of a compact serialization. Raises MalformedJwtError."""
    # RFC 7515 2: base64url "with all trailing '=' characters omitted"; one value has one spelling
    if _BASE64URL.fullmatch(part) is None or len(part) % 4 == 1:
        raise MalformedJwtError("jwt_base64")
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 7515 4: "The Header Parameter names within the JOSE Header MUST be unique"; RFC 7519 4 the same of claims
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedJwtError("jwt_duplicate_member")
    return found


def _no_constant(_name: str) -> object:
    # RFC 8259 6: "Numeric values that cannot be represented in the grammar below (such as Infinity and NaN) are not
    # permitted."
    raise MalformedJwtError("jwt_not_json")
