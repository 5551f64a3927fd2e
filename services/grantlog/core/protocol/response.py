"""``response_type`` and ``response_mode``: only a code, only in the query."""

from grantlog.core.protocol.errors import ProtocolError, invalid_request

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query",)


def check_response_type(value: str | None) -> str:
    """RFC 6749 section 3.1.1. Raises invalid_request and unsupported_response_type."""
    # RFC 6749 3.1.1: "If an authorization request is missing the 'response_type' parameter, or if the response type is not
    # understood, the authorization server MUST return an error response"
    if value is None:
        raise invalid_request("response_type is missing", "response_type_missing")
    # OAuth 2.1 10.1: the implicit grant, response_type token, is omitted.
    if value not in RESPONSE_TYPES:
        raise ProtocolError("unsupported_response_type", "response_type must be code", "response_type_unknown")
    return value


def check_response_mode(value: str | None) -> str:
    """OAuth 2.0 Multiple Response Type Encoding Practices section 2.1; the default of ``code`` is ``query``.

    Raises invalid_request.
    """
    if value is not None and value not in RESPONSE_MODES:
        raise invalid_request("response_mode must be query", "response_mode_unknown")
    return value or RESPONSE_MODES[0]
