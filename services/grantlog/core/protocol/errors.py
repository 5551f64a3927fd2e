"""What goes wrong in a request, in the words of the specifications.

ProtocolError
 +-- InvalidClientError       401, RFC 6749 section 5.2
 +-- InvalidTokenError        401, RFC 6750 section 3.1
 +-- TooManyRequestsError     429, RFC 6585 section 4
 +-- AuthorizationError       of /authorize: has a redirect URI where that is proven (``authorize.py``)

``error`` and ``description`` are for the client; ``reason`` is private, stable and greppable, for logs and metrics.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from grantlog.core.decision import Refused

STATUS: Mapping[str, int] = MappingProxyType(
    {
        # RFC 6749 4.1.2.1 and 5.2
        "invalid_request": 400,
        "invalid_client": 401,
        "invalid_grant": 400,
        "unauthorized_client": 400,
        "unsupported_grant_type": 400,
        "unsupported_response_type": 400,
        "invalid_scope": 400,
        "access_denied": 403,
        "server_error": 500,
        "temporarily_unavailable": 503,
        # RFC 6750 3.1
        "invalid_token": 401,
        "insufficient_scope": 403,
        # RFC 7009 2.2.1
        "unsupported_token_type": 400,
        # RFC 7591 3.2.2
        "invalid_redirect_uri": 400,
        "invalid_client_metadata": 400,
        "invalid_software_statement": 400,
        "unapproved_software_statement": 400,
        # RFC 8628 3.5
        "authorization_pending": 400,
        "slow_down": 400,
        "expired_token": 400,
        # RFC 9449 5 and 8
        "invalid_dpop_proof": 400,
        "use_dpop_nonce": 400,
        # RFC 8707 2
        "invalid_target": 400,
        # OpenID Connect Core 3.1.2.6
        "interaction_required": 400,
        "login_required": 400,
        "account_selection_required": 400,
        "consent_required": 400,
        "request_not_supported": 400,
        "request_uri_not_supported": 400,
        "registration_not_supported": 400,
        # OpenID Connect Core Error Code unmet_authentication_requirements 1.0
        "unmet_authentication_requirements": 400,
        # RFC 9396 5
        "invalid_authorization_details": 400,
        # RFC 9101 7 and RFC 9126 2.3
        "invalid_request_uri": 400,
        "invalid_request_object": 400,
    }
)
"""Every error this server gives, and the HTTP status it has where it is not redirected."""

REALM = "grantlog"
BASIC_CHALLENGE = f'Basic realm="{REALM}"'
# RFC 6749 5.2: "Values for the 'error_description' parameter MUST NOT include characters outside the set
# %x20-21 / %x23-5B / %x5D-7E."
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ProtocolError(Exception):
    """A request that the specifications have us refuse. Raises ValueError for a description outside RFC 6749's set."""

    def __init__(
        self,
        error: str,
        description: str,
        reason: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        if _DESCRIPTION.fullmatch(description) is None:
            raise ValueError(f"the description of {error} ({reason}) is outside the character set of RFC 6749")
        super().__init__(f"{error}: {reason}")
        self.error = error
        self.description = description
        self.reason = reason
        self.status = STATUS[error] if status is None else status
        self.headers = headers


class InvalidClientError(ProtocolError):
    """RFC 6749 section 5.2: client authentication failed. One answer for every cause; only ``reason`` tells them apart.

    ``basic``: the client used the ``Authorization`` header. The challenge is always there, because RFC 9110 section
    15.5.2 asks for one in every 401.
    """

    def __init__(self, reason: str, *, basic: bool = False) -> None:
        where = " by the Authorization header" if basic else ""
        # RFC 6749 5.2: "If the client attempted to authenticate via the 'Authorization' request header field, the
        # authorization server MUST respond with an HTTP 401 (Unauthorized) status code and include the
        # 'WWW-Authenticate' response header field matching the authentication scheme used by the client."
        super().__init__(
            "invalid_client",
            f"client authentication{where} failed",
            reason,
            headers={"WWW-Authenticate": BASIC_CHALLENGE},
        )


class InvalidTokenError(ProtocolError):
    """RFC 6750 section 3.1: the bearer token of a protected endpoint is missing, unknown or expired."""

    def __init__(self, reason: str, *, presented: bool = True) -> None:
        # RFC 6750 3.1: "If the request lacks any authentication information [...] the resource server SHOULD NOT
        # include an error code or other error information."
        challenge = f'Bearer realm="{REALM}"' + (', error="invalid_token"' if presented else "")
        described = "the access token is not valid" if presented else "an access token is required"
        super().__init__("invalid_token", described, reason, headers={"WWW-Authenticate": challenge})


class TooManyRequestsError(ProtocolError):
    """RFC 6585 section 4: come back in ``retry_after`` seconds."""

    def __init__(self, retry_after: int, reason: str = "throttled") -> None:
        super().__init__(
            "temporarily_unavailable",
            "too many requests, try again later",
            reason,
            status=429,
            headers={"Retry-After": str(max(1, retry_after))},
        )
        self.retry_after = retry_after


def from_refused(refused: Refused) -> ProtocolError:
    """The exception for a refusal of the core."""
    if refused.error == "invalid_client":
        return InvalidClientError(refused.reason)
    return ProtocolError(refused.error, refused.description, refused.reason)


def invalid_request(description: str, reason: str) -> ProtocolError:
    """RFC 6749 section 5.2: a parameter is missing, doubled, unsupported or malformed."""
    return ProtocolError("invalid_request", description, reason)
