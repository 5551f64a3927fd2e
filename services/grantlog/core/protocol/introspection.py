"""What introspection answers (RFC 7662 section 2.2), as plain JSON or as a signed JWT (RFC 9701)."""

from collections.abc import Mapping
from typing import Any

from grantlog.core.protocol import scope as scopes
from grantlog.core.protocol.jwt_access_token import audience_of

# RFC 7662 2.2: "the authorization server MUST return an introspection response with the 'active' field set to 'false'.
# Note that to avoid disclosing too much of the authorization server's state to a third party, the authorization server
# SHOULD NOT include any additional information about an inactive token"
INACTIVE: Mapping[str, Any] = {"active": False}

# RFC 9701 5: what "typ" says, so that no other JWT of ours is taken for an answer
TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"


def active(
    *,
    issuer: str,
    scope: tuple[str, ...],
    client_id: str,
    subject: str,
    audience: tuple[str, ...],
    issued_at: int,
    expires_at: int,
    bound_to_key: bool = False,
) -> dict[str, Any]:
    """The answer for a token that is alive; times are NumericDates."""
    return {
        "active": True,
        "scope": scopes.write(scope),
        "client_id": client_id,
        # RFC 9449 6.2: "If the 'token_type' member is included in the introspection response, it MUST contain the value
        # 'DPoP'."
        "token_type": "DPoP" if bound_to_key else "Bearer",
        "exp": expires_at,
        "iat": issued_at,
        "sub": subject,
        "aud": audience_of(audience),
        "iss": issuer,
    }


def as_jwt(*, issuer: str, audience: str, issued_at: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 9701 section 5: the claims of a signed answer to the resource server ``audience``.

    No ``sub`` and no ``exp`` of its own: nobody shall take it for the token that it speaks of (section 8.1).
    """
    return {"iss": issuer, "aud": audience, "iat": issued_at, "token_introspection": answer}


def wants_jwt(accept: str) -> bool:
    """RFC 9701 section 4: whether the caller asks for a signed answer, by the value of its Accept header."""
    return any(_media_type(part) == MEDIA_TYPE for part in accept.split(","))


def _media_type(part: str) -> str:
    kind, _, parameters = part.partition(";")
    refused = any(one.strip().replace(" ", "") in {"q=0", "q=0.0"} for one in parameters.split(";"))
    return "" if refused else kind.strip().lower()
