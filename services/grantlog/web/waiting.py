"""The authorization request that a page is about, and what its Content-Security-Policy must therefore let through."""

from aiohttp import web

from grantlog.core.protocol.redirect_uri import origin_or_scheme
from grantlog.flows.pending import Pending, find
from grantlog.web.cookies import read_cookie
from grantlog.web.failures import Problem
from grantlog.web.keys import FORM_ACTION, SERVICE


async def waiting_request(request: web.Request, key: str) -> tuple[Pending, str]:
    """The request with this id and the pre-login cookie it is bound to. Raises Problem, UnavailableError."""
    browser = read_cookie(request, "login")
    pending = await find(request.app[SERVICE], key, browser)
    if pending is None or browser is None:
        raise over()
    request[FORM_ACTION] = origin_or_scheme(pending.request.redirect_uri)
    return pending, browser


def over() -> Problem:
    """What is shown where there is nothing to log in to, or not in this browser."""
    return Problem(
        400,
        "It took too long, is finished already, or was begun in another browser. "
        "Please go back to the application and start again.",
        "login_over",
        title="This login is over",
    )
