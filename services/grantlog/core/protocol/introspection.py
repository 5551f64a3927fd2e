"""What introspection answers (RFC 7662 section 2.2)."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.protocol import scope as scopes
from grantlog.core.protocol.jwt_access_token import audience_of

# RFC 7662 2.2: "the authorization server MUST return an introspection response with the 'active' field set to 'false'.
# Note that to avoid disclosing too much of the authorization server's state to a third party, the authorization server
# SHOULD NOT include any additional information about an inactive token"
INACTIVE: Mapping[str, Any] = {"active": False}


def active(
    *,
    issuer: str,
    scope: tuple[str, ...],
    client_id: str,
    subject: str,
    audience: tuple[str, ...],
    issued_at: int,
    expires_at: int,
) -> dict[str, Any]:
    """The answer for a token that is alive; times are NumericDates."""
    return {
        "active": True,
        "scope": scopes.write(scope),
        "client_id": client_id,
        "token_type": "Bearer",
        "exp": expires_at,
        "iat": issued_at,
        "sub": subject,
        "aud": audience_of(audience),
        "iss": issuer,
    }
