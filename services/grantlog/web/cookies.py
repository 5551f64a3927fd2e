"""The three cookies. Under TLS each is ``__Host-``: ours alone, never another host's, never sent in clear (RFC 6265bis).

- ``login`` binds authorization requests to the browser before anybody is authenticated;
- ``session`` is the session token;
- ``device`` says that this browser has logged in to an account before, so that nobody can lock its user out from afar.
"""

from typing import Literal

from aiohttp import web

from grantlog.flows.browser_binding import new_id
from grantlog.web.keys import SERVICE, SETTINGS

Cookie = Literal["login", "session", "device"]
_BROWSER_CHARS = 43
DEVICE_LIFETIME = 180 * 86_400


def read_cookie(request: web.Request, cookie: Cookie) -> str | None:
    """What the browser sent. All of ours are ASCII; what is not cannot even be hashed, and counts as not sent."""
    value = request.cookies.get(_name(request, cookie))
    return value if value is not None and value.isascii() else None


def set_cookie(request: web.Request, response: web.Response, cookie: Cookie, value: str, lifetime: int) -> None:
    """Gives the browser a cookie for ``lifetime`` seconds, for requests of ours and for those that navigate to us."""
    response.set_cookie(
        _name(request, cookie),
        value,
        max_age=lifetime,
        path="/",
        secure=request.app[SETTINGS].tls,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(request: web.Request, response: web.Response, cookie: Cookie) -> None:
    """Takes a cookie back."""
    set_cookie(request, response, cookie, "", 0)


def browser_of(request: web.Request) -> str:
    """The pre-login cookie of this browser, or a new one to give it."""
    known = read_cookie(request, "login")
    if known is not None and len(known) == _BROWSER_CHARS:
        return known
    return new_id(request.app[SERVICE])


def _name(request: web.Request, cookie: Cookie) -> str:
    return f"{'__Host-' if request.app[SETTINGS].tls else ''}gl_{cookie}"
