"""Proof Key for Code Exchange (RFC 7636), by S256 alone (OAuth 2.1 section 4.1.1)."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

from grantlog.core.protocol.errors import invalid_request

# 32 bytes in base64url have 43 characters, the last of which carries 4 bits: it can only be one of these 16.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
# RFC 7636 4.1: "code-verifier = 43*128unreserved"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def check_challenge(challenge: str | None, method: str | None, *, optional: bool = False) -> str:
    """The challenge of an authorization request; empty where it is ``optional`` and was left out. Raises invalid_request."""
    if challenge is None and method is None and optional:
        return ""
    # OAuth 2.1 4.1.1: "The 'code_challenge' [...] REQUIRED"; RFC 7636 4.4.1: "the authorization server MUST return the
    # authorization error response with the 'error' value set to 'invalid_request'"
    if challenge is None:
        raise invalid_request("code_challenge is missing", "pkce_missing")
    # RFC 7636 4.3: "defaults to 'plain' if not present in the request"
    if method != "S256":
        raise invalid_request("code_challenge_method must be S256", "pkce_method")
    if _CHALLENGE.fullmatch(challenge) is None:
        raise invalid_request("code_challenge must be the base64url text of a SHA-256 hash", "pkce_challenge_malformed")
    return challenge


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2: ``BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))``.

    The verifier is checked before anything is hashed. Raises invalid_request.
    """
    if _VERIFIER.fullmatch(verifier) is None:
        raise invalid_request("code_verifier must be 43 to 128 unreserved characters", "pkce_verifier_malformed")
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
