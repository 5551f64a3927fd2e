"""What the UserInfo endpoint answers (OpenID Connect Core section 5.3.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from grantlog.core.protocol.claims import requested, told_by_request, told_by_scope

# RFC 8725 3.11: "Use Explicit Typing". OIDC Core names no type for it; with this one it passes for no other JWT of ours.
TYP = "userinfo+jwt"
MEDIA_TYPE = "application/jwt"
SCOPE = "openid"
"""What a token has to be good for (OpenID Connect Core section 5.3.1: "obtained from OpenID Connect Authentication")."""


def members(
    subject: str, scope: Sequence[str], profile: Mapping[str, Any], claims: str, allowed: Sequence[str]
) -> dict[str, Any]:
    """The claims that scope and ``claims`` parameter ask for, as far as the account says them and the client may have them.

    ``allowed``: the scopes that the client may have at all.
    """
    told = told_by_scope(profile, scope) | told_by_request(profile, requested(claims, "userinfo"), allowed)
    # OIDC Core 5.3.2: "The sub (subject) Claim MUST always be returned in the UserInfo Response."
    return {**told, "sub": subject}


def as_jwt(members: Mapping[str, Any], *, issuer: str, client_id: str) -> dict[str, Any]:
    """The same as the claims of a JWT."""
    # OIDC Core 5.3.2: a signed answer contains "the Claims iss (issuer) and aud (audience) as members"
    return {**members, "iss": issuer, "aud": client_id}
