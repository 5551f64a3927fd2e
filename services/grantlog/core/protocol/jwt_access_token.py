"""The claims of a JWT access token (RFC 9068)."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.protocol import scope as scopes

# RFC 9068 2.1: "JWT access tokens MUST include this media type in the 'typ' header parameter [...] it is RECOMMENDED
# that the 'application/' prefix be omitted."
TYP = "at+jwt"


def claims(
    *,
    issuer: str,
    subject: str,
    audience: tuple[str, ...],
    client_id: str,
    issued_at: int,
    expires_at: int,
    jti: str,
    scope: tuple[str, ...],
    auth_time: int | None = None,
    acr: str | None = None,
    amr: tuple[str, ...] = (),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """RFC 9068 section 2.2: the payload; times are NumericDates. ``sub`` is the client's id where there is no user.

    ``extra``: ``cnf`` (RFC 9449 section 6.1, RFC 8705 section 3.1), ``act`` (RFC 8693 section 4.1),
    ``authorization_details`` (RFC 9396 section 9.1), and the attributes of RFC 9068 section 2.2.3.1.
    """
    payload: dict[str, Any] = {
        "iss": issuer,
        "exp": expires_at,
        "aud": audience_of(audience),
        "sub": subject,
        "client_id": client_id,
        "iat": issued_at,
        "jti": jti,
    }
    # RFC 9068 2.2.3: "If an authorization request includes a scope parameter, the corresponding issued JWT access token
    # SHOULD include a 'scope' claim"
    if scope:
        payload["scope"] = scopes.write(scope)
    if auth_time is not None:
        payload["auth_time"] = auth_time
    if acr is not None:
        payload["acr"] = acr
    if amr:
        payload["amr"] = list(amr)
    return {**payload, **(extra or {})}


def audience_of(audience: tuple[str, ...]) -> str | list[str]:
    """RFC 7519 section 4.1.3: a list, or "in the special case when the JWT has one audience" a single string."""
    return audience[0] if len(audience) == 1 else list(audience)
