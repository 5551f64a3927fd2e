"""``/login``: the page, the form it posts, and the one by which a passkey alone logs in."""

from aiohttp import web

from grantlog.core.protocol.requests import Parameters, read_form, read_query
from grantlog.flows import passkey_login
from grantlog.flows.admit import LoggedIn
from grantlog.flows.consent import user_name
from grantlog.flows.login import LoginRefused, SecondFactorNeeded, log_in
from grantlog.flows.own_pages import own_page
from grantlog.flows.pending import Pending, choose
from grantlog.flows.second_factor import Goal
from grantlog.flows.sessions import Session, find_session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.delegation import delegated
from grantlog.web.endpoints.static import PASSKEY_SCRIPT
from grantlog.web.keys import ORIGIN, SCRIPT_SRC, SERVICE, SETTINGS
from grantlog.web.logging_in import TOO_MANY, WRONG_KEY, leads_to, let_in, onward
from grantlog.web.origin import base_path, own_origin
from grantlog.web.pages.render import page
from grantlog.web.proceeding import page_of
from grantlog.web.waiting import over, waiting_request

FORM = "login"
WRONG = "Username or password is wrong."


async def show(request: web.Request) -> web.Response:
    """The page; who is logged in already goes on, unless he wants to use another account."""
    parameters = read_query(request.rel_url.raw_query_string)
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    elsewhere = delegated(request, key)
    if elsewhere is not None:
        return elsewhere
    session = await _session(request)
    if session is not None and parameters.get("switch") is None:
        location = await onward(request, key, pending, session)
        if location is not None:
            return see_other(location)
    return await _page(request, Goal(key, browser), pending, username=pending.request.login_hint or "")


async def submit(request: web.Request) -> web.Response:
    """Checks the password; then the second factor, or a new session, and on from there."""
    service = request.app[SERVICE]
    parameters, goal, pending = await _posted(request)
    username = parameters.get("username") or ""
    outcome = await log_in(
        service,
        username,
        parameters.get("password") or "",
        read_cookie(request, "device"),
        request[ORIGIN],
        goal=goal,
        former=read_cookie(request, "session"),
    )
    if isinstance(outcome, SecondFactorNeeded):
        return page_of(request, "second_factor", goal.tx)
    if isinstance(outcome, LoginRefused):
        return await _refused(request, goal, pending, outcome, WRONG, username)
    return await _done(request, goal, pending, outcome)


async def by_passkey(request: web.Request) -> web.Response:
    """Checks what a passkey has signed; the user has not said who he is."""
    parameters, goal, pending = await _posted(request)
    outcome = await passkey_login.log_in_by_passkey(
        request.app[SERVICE],
        parameters.get("passkey") or "",
        read_cookie(request, "device"),
        request[ORIGIN],
        goal=goal,
        former=read_cookie(request, "session"),
    )
    if isinstance(outcome, LoginRefused):
        return await _refused(request, goal, pending, outcome, WRONG_KEY, "")
    return await _done(request, goal, pending, outcome)


async def go_on(request: web.Request) -> web.Response:
    """Goes on with the account that is logged in: ``prompt=select_account`` is answered (OpenID Connect Core 3.1.2.1)."""
    _, goal, pending = await _posted(request)
    session = await _session(request)
    chosen = None if session is None else await choose(request.app[SERVICE], goal.tx, goal.browser, session)
    location = None
    if session is not None and chosen is not None:
        location = await onward(request, goal.tx, chosen, session)
    return await _page(request, goal, pending, username="") if location is None else see_other(location)


async def _posted(request: web.Request) -> tuple[Parameters, Goal, Pending]:
    """One of the page's forms. Raises Problem where it is not one that we gave to this browser, UnavailableError."""
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    if delegated(request, key) is not None:
        raise over()
    require_form_token(request, parameters, FORM, key, browser)
    return parameters, Goal(key, browser), pending


async def _session(request: web.Request) -> Session | None:
    return await find_session(request.app[SERVICE], read_cookie(request, "session"))


async def _done(request: web.Request, goal: Goal, pending: Pending, outcome: LoggedIn) -> web.Response:
    """In: to our own page, or to consent, which knows what comes next."""
    base = base_path(request.app[SERVICE].policy.issuer)
    return let_in(request, outcome, own_page(pending) or f"{base}/consent?tx={goal.tx}")


async def _refused(
    request: web.Request, goal: Goal, pending: Pending, outcome: LoginRefused, wrong: str, username: str
) -> web.Response:
    if not outcome.retry_after:
        return await _page(request, goal, pending, username=username, complaint=wrong, status=403)
    refused = await _page(request, goal, pending, username=username, complaint=TOO_MANY, status=429)
    refused.headers["Retry-After"] = str(outcome.retry_after)
    return refused


async def _page(
    request: web.Request,
    goal: Goal,
    pending: Pending,
    *,
    username: str,
    complaint: str | None = None,
    status: int = 200,
) -> web.Response:
    service, settings = request.app[SERVICE], request.app[SETTINGS]
    options = await passkey_login.options(service, goal)
    if options is not None:
        request[SCRIPT_SRC] = "'self'"
    session = await _session(request) if "select_account" in pending.request.prompt else None
    offered = None if session is None or not pending.may_choose(session) else session
    return page(
        request,
        "login.html",
        status=status,
        client_name=await leads_to(request, pending),
        tx=goal.tx,
        csrf=form_token(request, FORM, goal.tx, goal.browser),
        username=username,
        complaint=complaint,
        own_host=own_origin(settings.issuer).partition("://")[2],
        options=options,
        script=base_path(settings.issuer) + PASSKEY_SCRIPT,
        somebody=None if offered is None else await user_name(service, offered),
        providers=service.policy.upstream_providers,
    )
