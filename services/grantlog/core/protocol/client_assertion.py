"""A client proves itself by a JWT of its own (RFC 7523 sections 2.2 and 3, OpenID Connect Core section 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grantlog.core.protocol.jwt_text import FAPI_ALGS, SIGNATURE_ALGS, MalformedJwtError, ReadJwt, read_jwt
from grantlog.core.protocol.jwt_time import check_times, unique_id

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 3600
"""Seconds for which an assertion may live: its ``jti`` is remembered for as long."""
SECRET_ALG = "HS256"
_TYPES = (None, "JWT", "client-authentication+jwt")


@dataclass(frozen=True, slots=True)
class OneTime:
    """What an assertion may be used for once, and until when (a NumericDate) that has to be remembered."""

    jti: str
    expires_at: float


def read_assertion(text: str) -> ReadJwt:
    """A client assertion, of which nothing is proven. Raises MalformedJwtError."""
    return read_jwt(text, algs=(*SIGNATURE_ALGS, SECRET_ALG), typ=_TYPES)


def assertion_subject(jwt: ReadJwt) -> str:
    """Which client an assertion says it comes from. Raises MalformedJwtError."""
    issuer, subject = jwt.claims.get("iss"), jwt.claims.get("sub")
    # RFC 7523 3: "For client authentication, the subject MUST be the 'client_id' of the OAuth client."; OpenID Connect Core
    # 9 asks the same of iss
    if not isinstance(issuer, str) or not isinstance(subject, str) or issuer != subject:
        raise MalformedJwtError("assertion_subject")
    return subject


def assertion_algs(method: str, registered: str | None, *, fapi2: bool) -> tuple[str, ...]:
    """The algorithms that a client of ``method`` may sign its assertions with; ``registered``: the one it named."""
    usual: tuple[str, ...] = (SECRET_ALG,) if method == "client_secret_jwt" else SIGNATURE_ALGS
    # FAPI 2.0 Security Profile 5.4.1: "shall use PS256, ES256, or EdDSA"
    allowed = tuple(alg for alg in usual if not fapi2 or alg in FAPI_ALGS)
    return tuple(alg for alg in allowed if registered in {None, alg})


def check_assertion(claims: Mapping[str, Any], audiences: Sequence[str], now: float) -> OneTime:
    """The claims of RFC 7523 section 3, but for ``iss`` and ``sub``. Raises MalformedJwtError."""
    audience = claims.get("aud")
    # RFC 7523 3: "The JWT MUST contain an 'aud' (audience) claim containing a value that identifies the authorization server
    # as an intended audience." One string: an assertion that is meant for others as well could come from any of them.
    if not isinstance(audience, str) or audience not in audiences:
        raise MalformedJwtError("assertion_audience")
    expires = check_times(claims, now, lifetime=LIFETIME)
    return OneTime(unique_id(claims), expires)


def assertion_audiences(issuer: str, called: str, *, fapi2: bool) -> tuple[str, ...]:
    """What ``aud`` may say: the issuer; outside FAPI 2.0 also the token or PAR endpoint, or the one that was called."""
    if fapi2:
        # FAPI 2.0 Security Profile 5.3.2.1: "shall only accept its issuer identifier value [...] as a string in the aud
        # claim received in client authentication assertions"
        return (issuer,)
    return (issuer, f"{issuer}/token", f"{issuer}/par", called)
