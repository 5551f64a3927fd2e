"""``/logout``: asks, and ends the session of this browser."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form
from grantlog.flows.sessions import end_session, find_session, proven_session
from grantlog.web.client_request import form_body
from grantlog.web.cookies import drop_cookie, read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.pages.render import page

FORM = "logout"


async def show(request: web.Request) -> web.Response:
    """The question, where there is a session to end."""
    cookie = read_cookie(request, "session") or ""
    if await find_session(request.app[SERVICE], cookie) is None:
        return page(request, "logged_out.html")
    return page(request, "logout.html", csrf=form_token(request, FORM, cookie))


async def submit(request: web.Request) -> web.Response:
    """Ends the session; the cookie goes when every reader of tokens knows."""
    service, cookie = request.app[SERVICE], read_cookie(request, "session") or ""
    parameters = read_form(await form_body(request))
    session = await proven_session(service, cookie)
    if session is not None:
        require_form_token(request, parameters, FORM, cookie)
        await end_session(service, session, request[ORIGIN])
    response = page(request, "logged_out.html")
    drop_cookie(request, response, "session")
    return response
