"""``/authorize`` (RFC 6749 section 3.1), by GET and by POST."""

from aiohttp import web

from grantlog.core.protocol.requests import Parameters, read_form, read_query
from grantlog.flows import authorize as flow
from grantlog.web.client_request import form_body
from grantlog.web.cookies import browser_of, read_cookie, set_cookie
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.pages.authorization_answer import answered
from grantlog.web.proceeding import page_of


async def by_query(request: web.Request) -> web.Response:
    """RFC 6749 section 3.1: "The authorization server MUST support the use of the HTTP GET method"."""
    return await _authorize(request, read_query(request.rel_url.raw_query_string))


async def by_form(request: web.Request) -> web.Response:
    """OpenID Connect Core section 3.1.2.1: "using HTTP POST, the request parameters are serialized using Form
    Serialization".
    """
    return await _authorize(request, read_form(await form_body(request)))


async def _authorize(request: web.Request, parameters: Parameters) -> web.Response:
    service, browser = request.app[SERVICE], browser_of(request)
    outcome = await flow.authorize(service, parameters, browser, read_cookie(request, "session"), request[ORIGIN])
    if not isinstance(outcome, flow.Continue):
        return answered(request, outcome)
    response = page_of(request, outcome.page, outcome.key)
    set_cookie(request, response, "login", browser, service.policy.login_lifetime)
    return response
