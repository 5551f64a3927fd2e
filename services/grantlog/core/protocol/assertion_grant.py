"""JWT bearer assertions as grants (RFC 7523 section 2.1): what an issuer that we trust may say, and what it gets for it."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.exchange import MAY_ACT
from grantlog.core.protocol.jwt_text import FAPI_ALGS, SIGNATURE_ALGS, MalformedJwtError, ReadJwt, read_jwt
from grantlog.core.protocol.jwt_time import check_times, unique_id
from grantlog.core.protocol.policy import AssertionRule, Policy, TrustedIssuer
from grantlog.core.protocol.supported import JWT_BEARER

GRANT_TYPE: Final = JWT_BEARER
LIFETIME: Final = 12 * 3600
"""Seconds for which an assertion may live from now on: it is remembered for as long, because it counts once."""
SUBJECT_LIMIT: Final = 1024
_TYPES: Final = (None, "JWT", "authorization-grant+jwt")
_OF_OTHER_KINDS: Final = frozenset({"nonce", "at_hash", "c_hash", "events", "htm", "htu", "ath"})
"""Claims of ID tokens, logout and security event tokens, and DPoP proofs: none is an assertion (RFC 8725 section 3.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """What a verified assertion says."""

    subject: str
    """Ours for it: in a namespace where no person and no client is."""
    once: bytes
    """What names the assertion: it counts once."""
    expires_at: float
    """NumericDate."""
    attributes: str
    """``may_act`` (RFC 8693 section 4.4) as JSON, where the assertion has it; else empty."""


def read(text: str, policy: Policy) -> tuple[ReadJwt, TrustedIssuer]:
    """An assertion of which nothing is proven, and the issuer that it names. Raises invalid_grant."""
    try:
        jwt = read_jwt(text, algs=SIGNATURE_ALGS, typ=_TYPES)
    except MalformedJwtError as wrong:
        raise invalid_assertion(f"assertion_{wrong.reason}") from None
    if not _OF_OTHER_KINDS.isdisjoint(jwt.claims):
        raise invalid_assertion("assertion_of_another_kind")
    # RFC 7523 3: "The JWT MUST contain an 'iss' (issuer) claim that contains a unique identifier for the entity that issued
    # the JWT."
    named = jwt.claims.get("iss")
    for known in policy.trusted_issuers:
        if "assertion" in known.purposes and known.issuer == named:
            return jwt, known
    raise invalid_assertion("assertion_issuer_unknown")


def rule_for(issuer: TrustedIssuer, claims: Mapping[str, Any], client_id: str | None) -> AssertionRule | None:
    """The first rule that these claims match, of those for ``client_id`` (None: for any client). A rule without claims none."""
    for rule in issuer.rules:
        if (
            client_id in {None, rule.client_id}
            and rule.claims
            and all(_matches(claims.get(name), pattern) for name, pattern in rule.claims.items())
        ):
            return rule
    return None


def _matches(value: object, pattern: str) -> bool:
    if not isinstance(value, str):
        return False
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def check(jwt: ReadJwt, issuer: TrustedIssuer, policy: Policy, now: float, *, fapi2: bool) -> Asserted:
    """The claims of RFC 7523 section 3, of an assertion whose signature was verified. Raises invalid_grant."""
    claims = jwt.claims
    # FAPI 2.0 Security Profile 5.4.1: "shall use PS256, ES256, or EdDSA"
    if fapi2 and jwt.alg not in FAPI_ALGS:
        raise invalid_assertion("assertion_alg")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    # RFC 7523 3: "The authorization server MUST reject any JWT that does not contain its own identity as the intended
    # audience." And no other's: who else is meant could present it here.
    ours = {policy.issuer} if fapi2 else {policy.issuer, f"{policy.issuer}/token"}
    if not isinstance(audience, str) or audience not in ours:
        raise invalid_assertion("assertion_audience")
    # RFC 7523 3: "The JWT MUST contain a 'sub' (subject) claim identifying the principal that is the subject of the JWT."
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LIMIT:
        raise invalid_assertion("assertion_subject")
    try:
        expires = check_times(claims, now, lifetime=LIFETIME)
        # RFC 7523 3: "The JWT MAY contain a 'jti' (JWT ID) claim"; without one, the assertion is its own name
        name = unique_id(claims) if "jti" in claims else sha256(jwt.signing_input).hexdigest()
    except MalformedJwtError as wrong:
        raise invalid_assertion(f"assertion_{wrong.reason}") from None
    may_act = claims.get(MAY_ACT)
    if may_act is not None and not isinstance(may_act, dict):
        raise invalid_assertion("assertion_may_act")
    return Asserted(
        subject=subject_name(issuer.issuer, subject),
        once=f"grant {_hashed(issuer.issuer, name)}".encode(),
        expires_at=expires,
        attributes="" if may_act is None else json.dumps({MAY_ACT: may_act}, separators=(",", ":"), ensure_ascii=False),
    )


def subject_name(issuer: str, subject: str) -> str:
    """What we call somebody's subject: no account and no client has a name with a colon, and no two issuers share one."""
    return f"assertion:{_hashed(issuer, subject)}"


def _hashed(issuer: str, text: str) -> str:
    # the length tells where the issuer ends
    digest = sha256(f"{len(issuer)} {issuer} {text}".encode(errors="surrogatepass")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def invalid_assertion(reason: str) -> ProtocolError:
    """RFC 7523 section 3.1: one answer for every assertion that does not count."""
    # RFC 7521 4.1.1: "If an assertion is not valid or has expired, the authorization server constructs an error response
    # [...]. The value of the 'error' parameter MUST be the 'invalid_grant' error code."
    return ProtocolError("invalid_grant", "the assertion is not valid or not acceptable", reason)
