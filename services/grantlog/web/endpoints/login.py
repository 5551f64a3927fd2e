"""``/login``: the page, and the form it posts."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows.authorize import known_client
from grantlog.flows.login import LoginRefused, log_in
from grantlog.flows.pending import Pending
from grantlog.flows.sessions import find_session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import DEVICE_LIFETIME, read_cookie, set_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.keys import ORIGIN, SERVICE, SETTINGS
from grantlog.web.origin import base_path, own_origin
from grantlog.web.pages.render import page
from grantlog.web.pages.words import called
from grantlog.web.waiting import waiting_request

FORM = "login"
WRONG = "Username or password is wrong."
TOO_MANY = "That was tried too often. Please wait, and then try again."


async def show(request: web.Request) -> web.Response:
    """The page; who is logged in already goes on to consent, unless he wants to use another account."""
    service = request.app[SERVICE]
    parameters = read_query(request.rel_url.raw_query_string)
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    if parameters.get("switch") is None:
        session = await find_session(service, read_cookie(request, "session"))
        if session is not None and pending.satisfied_by(session):
            return see_other(f"{base_path(service.policy.issuer)}/consent?tx={key}")
    return await _page(request, key, browser, pending, username=pending.request.login_hint or "")


async def submit(request: web.Request) -> web.Response:
    """Checks the password; then a new session, and on to consent."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    require_form_token(request, parameters, FORM, key, browser)
    username = parameters.get("username") or ""
    outcome = await log_in(
        service, username, parameters.get("password") or "", read_cookie(request, "device"), request[ORIGIN]
    )
    if isinstance(outcome, LoginRefused):
        if not outcome.retry_after:
            return await _page(request, key, browser, pending, username=username, complaint=WRONG, status=403)
        refused = await _page(request, key, browser, pending, username=username, complaint=TOO_MANY, status=429)
        refused.headers["Retry-After"] = str(outcome.retry_after)
        return refused
    response = see_other(f"{base_path(service.policy.issuer)}/consent?tx={key}")
    set_cookie(request, response, "session", outcome.session_cookie, service.policy.session_lifetime)
    set_cookie(request, response, "device", outcome.device_cookie, DEVICE_LIFETIME)
    return response


async def _page(
    request: web.Request,
    key: str,
    browser: str,
    pending: Pending,
    *,
    username: str,
    complaint: str | None = None,
    status: int = 200,
) -> web.Response:
    client = await known_client(request.app[SERVICE], pending.request.client_id)
    return page(
        request,
        "login.html",
        status=status,
        client_name=called(client.state),
        tx=key,
        csrf=form_token(request, FORM, key, browser),
        username=username,
        complaint=complaint,
        own_host=own_origin(request.app[SETTINGS].issuer).partition("://")[2],
    )
