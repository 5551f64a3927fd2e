"""Redirect URIs (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 4.1): which may be registered, and which match."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import unquote, urlencode

from grantlog.core.protocol.errors import ProtocolError

ApplicationType = Literal["web", "native"]
LENGTH_LIMIT = 2048
LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
RESPONSE_PARAMETERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "response"})
"""What an answer adds to the query; a registered URI that has one of them could be answered ambiguously."""

# RFC 3986 2, without '#' (RFC 6749 3.1.2: "The endpoint URI MUST NOT include a fragment component"), without '*', which
# somebody may believe to be a pattern, and with whole percent-encodings only.
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()+,;=\[\]-]|%[0-9A-Fa-f]{2})+")
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?]*))?(?P<path>[^?]*)(?P<query>(?:\?.*)?)"
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_LOOPBACK_URI = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>(?:[/?].*)?)")
_SLASH = re.compile(r"/|%2f|%5c", re.IGNORECASE)
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    host: str | None
    port: int | None
    path: str
    query: str


def check_registered(uri: str, application_type: ApplicationType) -> str:
    """The URI, if a client of this type may register it. Raises invalid_redirect_uri.

    ``https``; ``http`` to a loopback address; for native applications also ``http://localhost`` and a scheme of their own.
    """
    parts = _parts(uri)
    if parts.scheme == "https":
        if parts.host is None:
            raise _refused("names no host", "redirect_uri_host")
    elif parts.scheme == "http":
        # RFC 8252 8.3: "the use of 'localhost' is NOT RECOMMENDED": its port is then not variable, see ``matches``.
        local = parts.host in LOOPBACK or (application_type == "native" and parts.host == "localhost")
        if not local:
            raise _refused("must use https", "redirect_uri_plain_http")
    # RFC 8252 7.1: "apps MUST use a URI scheme based on a domain name under their control, expressed in reverse order".
    # So it has a dot; javascript:, data:, file: and every other scheme that does something by itself has none.
    elif application_type != "native" or "." not in parts.scheme:
        raise _refused("has a scheme that this application_type may not use", "redirect_uri_scheme")
    elif parts.host is None and not parts.path.startswith("/"):
        raise _refused("has no path", "redirect_uri_path")
    _check_path_and_query(parts)
    return uri


def check_https(uri: str) -> bool:
    """Whether a URI is a well-formed https URL with a host: what pages may link to."""
    try:
        parts = _parts(uri)
    except ProtocolError:
        return False
    return parts.scheme == "https" and parts.host is not None


def matches(requested: str, registered: Sequence[str]) -> bool:
    """Whether a requested redirect URI is one of the client's."""
    # RFC 9700 2.1: "authorization servers MUST utilize exact string matching except for port numbers in 'localhost'
    # redirection URIs of native apps"
    if requested in registered:
        return True
    # RFC 8252 7.3: "The authorization server MUST allow any port to be specified at the time of the request for loopback IP
    # redirect URIs"
    asked = _LOOPBACK_URI.fullmatch(requested)
    if asked is None or not _is_port(asked["port"]):
        return False
    return any(
        known["host"] == asked["host"] and known["rest"] == asked["rest"]
        for known in map(_LOOPBACK_URI.fullmatch, registered)
        if known is not None
    )


def origin_or_scheme(uri: str) -> str:
    """What a Content-Security-Policy calls the place that a proven redirect URI leads to: its origin, else its scheme.

    CSP 3 has no name for an IPv6 host; those are let in by scheme.
    """
    scheme, _, rest = uri.partition("://")
    authority = _AUTHORITY.match(rest)
    if scheme.lower() not in {"http", "https"} or authority is None or authority["host"].startswith("["):
        return uri.partition(":")[0] + ":"
    return f"{scheme}://{authority[0]}"


def with_parameters(uri: str, parameters: Iterable[tuple[str, str]], *, error: bool = False) -> str:
    """The redirect URI with the parameters of an answer after its own query, which RFC 6749 section 3.1.2 says to retain.

    An error ends in ``#``, so that a fragment of the request does not travel on (RFC 9700 section 4.1.2).
    """
    separator = "?" if "?" not in uri else "" if uri.endswith(("?", "&")) else "&"
    return f"{uri}{separator}{urlencode(list(parameters))}" + ("#" if error else "")


def with_fragment(uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The redirect URI with the parameters of an answer in its fragment; no registered URI has one of its own.

    OAuth 2.0 Multiple Response Type Encoding Practices section 2.1.
    """
    return f"{uri}#{urlencode(list(parameters))}"


def sound_host(host: str) -> bool:
    """Whether a host (lower-case, IPv6 in brackets) can only be read in one way: no ``127.1``, no ``0x7f.1``, no ``a..b``."""
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
            return True
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]) is not None:
            IPv4Address(host)
            return True
    except AddressValueError:
        return False
    return len(host) <= 253 and all(_LABEL.fullmatch(label) is not None for label in labels)


def _parts(uri: str) -> _Parts:
    if len(uri) > LENGTH_LIMIT or _CHARACTERS.fullmatch(uri) is None:
        raise _refused("has characters that it must not have, or is too long", "redirect_uri_characters")
    found = _URI.fullmatch(uri)
    if found is None:
        raise _refused("is not an absolute URI", "redirect_uri_relative")
    host, port = None, None
    if found["authority"] is not None:
        authority = _AUTHORITY.fullmatch(found["authority"])
        if authority is None or not _is_port(authority["port"]) or not sound_host(authority["host"].lower()):
            raise _refused("has a host, port or user information that it must not have", "redirect_uri_authority")
        host = authority["host"].lower()
        port = None if authority["port"] is None else int(authority["port"])
    return _Parts(found["scheme"].lower(), host, port, found["path"], found["query"])


def _check_path_and_query(parts: _Parts) -> None:
    rest = parts.path + parts.query
    if "[" in rest or "]" in rest or _ENCODED_CONTROL.search(rest) is not None or "//" in parts.path:
        raise _refused("has characters that it must not have, or is too long", "redirect_uri_characters")
    if any(unquote(segment) in {".", ".."} for segment in _SLASH.split(parts.path)):
        raise _refused("has dot segments", "redirect_uri_dots")
    names = {unquote(pair.partition("=")[0]) for pair in parts.query.lstrip("?").split("&")}
    if names & RESPONSE_PARAMETERS:
        raise _refused("has a parameter that the answer adds", "redirect_uri_response_parameter")


def _is_port(text: str | None) -> bool:
    return text is None or 1 <= int(text) <= 65_535


def _refused(what: str, reason: str) -> ProtocolError:
    return ProtocolError("invalid_redirect_uri", f"a redirect URI {what}", reason)
