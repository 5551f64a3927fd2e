"""The claims of an ID token (OpenID Connect Core section 2)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256, sha512
from typing import Any

TYP = "JWT"
"""Every other JWT of ours has a ``typ`` of its own (RFC 8725 section 3.11), so none can be taken for an ID token."""

_HASHES = {"ES256": sha256, "PS256": sha256, "RS256": sha256, "EdDSA": sha512}


def at_hash(access_token: str, alg: str) -> str:
    """OpenID Connect Core section 3.1.3.6: the left half of the hash that ``alg`` uses, in base64url.

    Ed25519 is defined with SHA-512 (RFC 8032 section 5.1), so that is its hash here.
    """
    digest = _HASHES[alg](access_token.encode("ascii")).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def claims(
    *,
    issuer: str,
    subject: str,
    client_id: str,
    issued_at: int,
    expires_at: int,
    auth_time: int,
    nonce: str | None,
    at_hash: str,
    amr: tuple[str, ...] = (),
    acr: str | None = None,
    session: str | None = None,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The payload of an ID token; times are NumericDates. What nobody knows is left out, never null.

    ``told``: claims about the person that were asked for here (OpenID Connect Core section 5.5); they replace none of ours.
    """
    payload: dict[str, Any] = {
        **(told or {}),
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        # OIDC Core 2: "If present, it MUST contain the OAuth 2.0 Client ID of this party."
        "azp": client_id,
        "exp": expires_at,
        "iat": issued_at,
        "auth_time": auth_time,
        "at_hash": at_hash,
    }
    # OIDC Core 2: "If present in the Authentication Request, Authorization Servers MUST include a nonce Claim in the ID
    # Token with the Claim Value being the nonce value sent in the Authentication Request."
    if nonce is not None:
        payload["nonce"] = nonce
    if amr:
        payload["amr"] = list(amr)
    if acr is not None:
        payload["acr"] = acr
    # OIDC Back-Channel Logout 2.1 and RP-Initiated Logout 2: the session that a logout will name
    if session is not None:
        payload["sid"] = session
    return payload
