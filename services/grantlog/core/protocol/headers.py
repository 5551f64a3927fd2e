"""Headers that browsers are told by: of pages, of answers with secrets in them, and of the CORS protocol."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal

CorsPolicy = Literal["none", "any", "registered"]

# RFC 6749 5.1: "The authorization server MUST include the HTTP 'Cache-Control' response header field with a value of
# 'no-store' in any response containing tokens, credentials, or other sensitive information, as well as the 'Pragma'
# response header field with a value of 'no-cache'."
NO_STORE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store", "Pragma": "no-cache"})

_PAGE = {
    **NO_STORE,
    # RFC 9700 4.2.4 and 4.16: no URL of ours leaves with a Referer, and nobody frames us
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS = "max-age=31536000; includeSubDomains"
_EXPOSED = "WWW-Authenticate, DPoP-Nonce"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
    "Access-Control-Max-Age": "600",
}


def page_headers(*, form_action: str | None, tls: bool, script_src: str | None = None) -> dict[str, str]:
    """The headers of a page. ``form_action``: where else than to us its forms may lead (``origin_or_scheme``).

    Chromium holds ``form-action`` against the redirects that follow a form, so the client's redirect URI has to be in it.
    ``script_src``: which scripts may run, on the few pages that have one.
    """
    targets = "'self'" if form_action is None else f"'self' {form_action}"
    scripts = "" if script_src is None else f"script-src {script_src}; "
    headers = {
        **_PAGE,
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'self'; img-src 'self'; {scripts}"
            f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
        ),
    }
    if tls:
        headers["Strict-Transport-Security"] = _HSTS
    return headers


def cors_headers(
    policy: CorsPolicy, origin: str | None, registered: Collection[str], *, preflight: bool = False
) -> dict[str, str]:
    """The CORS headers (Fetch section 3.2) of an answer to ``origin``, or to its preflight. Never with credentials."""
    if policy == "none":
        return {}
    if policy == "any":
        headers = {"Access-Control-Allow-Origin": "*"}
    else:
        headers = {"Vary": "Origin"}
        if origin is None or origin not in registered:
            return headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED
    return headers | _PREFLIGHT if preflight else headers


def cross_site(sec_fetch_site: str | None, origin: str | None, own_origin: str) -> bool:
    """Whether a form was posted from another site's page, as far as the browser tells.

    Pages with ``Referrer-Policy: no-referrer`` post with ``Origin: null`` (Fetch section 3.1), so that alone says nothing.
    A browser that sends neither header is left to the form's CSRF token.
    """
    if sec_fetch_site is not None and sec_fetch_site != "same-origin":
        return True
    return origin is not None and origin not in {"null", own_origin}
