"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4): a client is told that a session is over."""

from typing import Any, Final

TYP: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME: Final = 120
"""Seconds. Section 4: "preferably at most two minutes in the future, to prevent captured Logout Tokens from being replayable"."""


def claims(
    *, issuer: str, client_id: str, subject: str, sid: str | None, issued_at: int, token_id: str
) -> dict[str, Any]:
    """The payload; times are NumericDates. Without ``sid`` every session of the subject at the client is over."""
    payload: dict[str, Any] = {
        "iss": issuer,
        "aud": client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        "jti": token_id,
        # Section 2.4: "A Logout Token MUST contain either a sub or a sid Claim, and MAY contain both."
        "sub": subject,
        # "Its value is a JSON object and [...] MUST contain the member name [...] The value of the member [...] SHOULD be an
        # empty JSON object"
        "events": {EVENT: {}},
    }
    # "A nonce Claim MUST NOT be present": so that nobody takes it for an ID token
    if sid is not None:
        payload["sid"] = sid
    return payload
