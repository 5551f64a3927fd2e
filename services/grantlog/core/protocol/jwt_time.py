"""When a JWT of somebody else counts: one leeway rule for every kind of it."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.protocol.jwt_text import MalformedJwtError

AHEAD = 60
"""Seconds by which ``iat`` and ``nbf`` may lie ahead: another machine's clock may be fast.

FAPI 2.0 Security Profile section 5.3.2.1: "shall accept JWTs with an iat or nbf timestamp between 0 and 10 seconds in the
future but shall reject JWTs with an iat or nbf timestamp greater than 60 seconds in the future". In between, a JWT harms
nobody: it counts once, and expires when it says.
"""
_LATEST = 2**53
"""RFC 8259 section 6: up to here "implementations will agree exactly" on an integer."""


def numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), or None where there is none. Raises MalformedJwtError."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    # true is a number to Python, and to JSON so are 1e400 and integers that no float holds
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LATEST:
        raise MalformedJwtError(f"jwt_{name}")
    return value


def check_times(claims: Mapping[str, Any], now: float, *, lifetime: int) -> float:
    """``exp`` as it stands, where ``exp``, ``nbf`` and ``iat`` (RFC 7519 section 4.1) let the JWT count at ``now``.

    ``lifetime``: seconds for which it may live from now on. All times in seconds. Raises MalformedJwtError.
    """
    expires = numeric_date(claims, "exp")
    if expires is None:
        raise MalformedJwtError("jwt_without_exp")
    # RFC 7519 4.1.4: "the current date/time MUST be before the expiration date/time listed in the 'exp' claim"
    if expires <= now:
        raise MalformedJwtError("jwt_expired")
    if expires > now + lifetime + AHEAD:
        raise MalformedJwtError("jwt_lives_too_long")
    for name in ("nbf", "iat"):
        begins = numeric_date(claims, name)
        if begins is not None and begins > now + AHEAD:
            raise MalformedJwtError(f"jwt_{name}_ahead")
    return expires


def unique_id(claims: Mapping[str, Any], *, longest: int = 256) -> str:
    """``jti`` (RFC 7519 section 4.1.7), which has to be there. Raises MalformedJwtError."""
    found = claims.get("jti")
    if not isinstance(found, str) or not 0 < len(found) <= longest:
        raise MalformedJwtError("jwt_jti")
    return found
