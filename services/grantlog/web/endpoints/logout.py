"""``/logout``: ends the session of this browser, asked for by the user or by an application (RP-Initiated Logout 1.0).

An application that proves by its ID token that it means this very session is believed; everybody else's wish is a question
to the user. Nothing but a genuine ID token and a registered URI leads anywhere afterwards.
"""

from aiohttp import web

from grantlog.core.protocol.redirect_uri import origin_or_scheme
from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import logout as flow
from grantlog.flows.logout import LogoutRequest
from grantlog.flows.sessions import end_session, find_session, proven_session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import drop_cookie, read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.failures import Problem
from grantlog.web.keys import FORM_ACTION, ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.pages.render import page
from grantlog.web.pages.words import called, destination

FORM = "logout"
REDIRECT, OFFER = "redirect", "offer"


async def by_query(request: web.Request) -> web.Response:
    """RP-Initiated Logout 1.0 section 2: "OPs MUST support the use of the HTTP GET and POST methods"."""
    service, parameters = request.app[SERVICE], read_query(request.rel_url.raw_query_string)
    key = parameters.get("tx")
    asked = await flow.read_request(service, parameters) if key is None else await _kept(request, key)
    return await _answer(request, asked)


async def by_form(request: web.Request) -> web.Response:
    """A POST from an application's page brings no cookies of ours (SameSite): the browser is sent to come again by GET."""
    service = request.app[SERVICE]
    asked = await flow.read_request(service, read_form(await form_body(request)))
    if read_cookie(request, "session") is not None:
        return await _answer(request, asked)
    path = f"{base_path(service.policy.issuer)}/logout"
    if asked.blank:
        return see_other(path)
    return see_other(f"{path}?tx={await flow.keep(service, asked, request[ORIGIN].subscriber)}")


async def confirm(request: web.Request) -> web.Response:
    """The user's yes, from our own page; the cookie goes when every reader of tokens knows."""
    service, cookie = request.app[SERVICE], read_cookie(request, "session") or ""
    parameters = read_form(await form_body(request))
    to, how = parameters.get("to") or "", parameters.get("how") or ""
    session = await proven_session(service, cookie)
    if session is None:
        return _over(request, None)
    require_form_token(request, parameters, FORM, cookie, how, to)
    await end_session(service, session, request[ORIGIN])
    if to and how == REDIRECT:
        return _gone(request, see_other(to))
    return _over(request, to or None)


async def _answer(request: web.Request, asked: LogoutRequest) -> web.Response:
    service, cookie = request.app[SERVICE], read_cookie(request, "session") or ""
    session = await proven_session(service, cookie)
    if session is not None and await flow.names(service, asked, session):
        # also where it has ended already: a first try may have been told to come again before every reader knew
        await end_session(service, session, request[ORIGIN])
        session = None
    elif await find_session(service, cookie) is None:
        session = None
    if session is None:
        if asked.return_to is not None:
            return _gone(request, see_other(asked.return_to))
        return _over(request, asked.offered, asked.complaint)
    to, how = (asked.return_to, REDIRECT) if asked.return_to else (asked.offered or "", OFFER)
    if asked.return_to is not None:
        request[FORM_ACTION] = origin_or_scheme(asked.return_to)
    client = None if asked.client_id is None else await service.clients.find(asked.client_id)
    return page(
        request,
        "logout.html",
        status=200 if asked.complaint is None else 400,
        client_name=None if client is None else called(client.state),
        complaint=asked.complaint,
        to=to,
        how=how,
        csrf=form_token(request, FORM, cookie, how, to),
    )


def _over(request: web.Request, to: str | None, complaint: str | None = None) -> web.Response:
    """The page that says so. ``to``: where the user may go on to by himself."""
    response = page(
        request,
        "logged_out.html",
        status=200 if complaint is None else 400,
        complaint=complaint,
        to=to,
        destination=None if to is None else destination(to),
    )
    return _gone(request, response)


def _gone(request: web.Request, response: web.Response) -> web.Response:
    drop_cookie(request, response, "session")
    return response


async def _kept(request: web.Request, key: str) -> LogoutRequest:
    found = await flow.kept(request.app[SERVICE], key)
    if found is None:
        raise Problem(
            400,
            "It took too long, or is finished already. Please go back to the application and try again.",
            "logout_over",
            title="This logout is over",
        )
    return found
