"""``/authorize`` (RFC 6749 section 3.1), by GET and by POST."""

from aiohttp import web

from grantlog.core.protocol.headers import cross_site
from grantlog.core.protocol.requests import Parameters, read_form, read_query
from grantlog.flows import authorize as flow
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import browser_of, read_cookie, set_cookie
from grantlog.web.keys import ORIGIN, SERVICE, SETTINGS
from grantlog.web.origin import base_path, own_origin
from grantlog.web.pages.authorization_answer import answered
from grantlog.web.proceeding import page_of

_QUERY_LIMIT = 4096
"""Bytes of a form that may go on as a query."""


async def by_query(request: web.Request) -> web.Response:
    """RFC 6749 section 3.1: "The authorization server MUST support the use of the HTTP GET method"."""
    return await _authorize(request, read_query(request.rel_url.raw_query_string))


async def by_form(request: web.Request) -> web.Response:
    """OpenID Connect Core section 3.1.2.1: "using HTTP POST, the request parameters are serialized using Form
    Serialization".
    """
    body = await form_body(request)
    parameters = read_form(body)
    # A form of another site comes without our cookies (SameSite=Lax), and the redirect after it with them: who may not be
    # asked anything has to be known before he is answered, and a browser that has logins under way is given no new cookie for
    # them, which would end them.
    silent, known = parameters.get("prompt") == "none", read_cookie(request, "session") is not None
    stripped = _from_elsewhere(request) and read_cookie(request, "login") is None
    if (stripped or (silent and not known)) and len(body) <= _QUERY_LIMIT:
        return see_other(f"{base_path(request.app[SERVICE].policy.issuer)}/authorize?{body.decode()}")
    return await _authorize(request, parameters)


def _from_elsewhere(request: web.Request) -> bool:
    headers = request.headers
    return cross_site(headers.get("Sec-Fetch-Site"), headers.get("Origin"), own_origin(request.app[SETTINGS].issuer))


async def _authorize(request: web.Request, parameters: Parameters) -> web.Response:
    service, browser = request.app[SERVICE], browser_of(request)
    outcome = await flow.authorize(service, parameters, browser, read_cookie(request, "session"), request[ORIGIN])
    if not isinstance(outcome, flow.Continue):
        return answered(request, outcome)
    response = page_of(request, outcome.page, outcome.key)
    set_cookie(request, response, "login", browser, service.policy.login_lifetime)
    return response
