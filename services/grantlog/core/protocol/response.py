"""``response_type`` and ``response_mode``: only a code, and every way of taking it to the client.

OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response Mode, and JARM section 2.3.
"""

from grantlog.core.protocol.errors import ProtocolError, invalid_request

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt")
DEFAULT_MODE = "query"
JWT_SUFFIX = ".jwt"


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


def check_response_mode(value: str | None, redirect_uri: str) -> str:
    """The mode of an answer to ``redirect_uri``: ``query``, ``fragment`` or ``form_post``, each with ``.jwt`` or without.

    Raises invalid_request.
    """
    if value is None:
        return DEFAULT_MODE
    if value not in RESPONSE_MODES:
        raise invalid_request("response_mode is not supported", "response_mode_unknown")
    # a browser posts a form to a web page; an application's own scheme is only ever opened
    if value.startswith("form_post") and not redirect_uri.startswith(("https:", "http:")):
        raise invalid_request("response_mode form_post needs a redirect URI of the web", "response_mode_form_scheme")
    # JARM 2.3.4: "The response mode 'jwt' is a shortcut and indicates the default redirect encoding (query, fragment) for
    # the requested response type. The default for response type 'code' is 'query.jwt'"
    return DEFAULT_MODE + JWT_SUFFIX if value == "jwt" else value


def encoding_of(mode: str) -> tuple[str, bool]:
    """How parameters travel (``query``, ``fragment`` or ``form_post``), and whether as one signed JWT."""
    return mode.removesuffix(JWT_SUFFIX), mode.endswith(JWT_SUFFIX)
