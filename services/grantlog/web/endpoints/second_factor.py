"""``/login/second-factor``: the second half of a login, or the step up of a session."""

from typing import get_args

from aiohttp import web

from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import second_factor
from grantlog.flows.own_pages import own_page
from grantlog.flows.pending import Pending
from grantlog.flows.second_factor import Goal, NotProven, Step, Way
from grantlog.flows.sessions import find_session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.endpoints.static import PASSKEY_SCRIPT
from grantlog.web.failures import Problem
from grantlog.web.keys import ORIGIN, SCRIPT_SRC, SERVICE, SETTINGS
from grantlog.web.logging_in import TOO_MANY, WRONG_KEY, leads_to, let_in, onward
from grantlog.web.origin import base_path
from grantlog.web.pages.render import page
from grantlog.web.proceeding import PATHS
from grantlog.web.waiting import waiting_request

FORM = "second_factor"
_WAYS: dict[str, Way] = {way: way for way in get_args(Way)}
_WRONG: dict[Way, str] = {
    "totp": "That code is wrong, or was used already.",
    "recovery_code": "That recovery code is wrong, or was used already.",
    "passkey": WRONG_KEY,
}


async def show(request: web.Request) -> web.Response:
    """The page, for who has typed his password, or is logged in with that alone; anybody else logs in first."""
    service = request.app[SERVICE]
    key = read_query(request.rel_url.raw_query_string).get("tx") or ""
    pending, browser = await waiting_request(request, key)
    goal = Goal(key, browser)
    step = await second_factor.find(service, goal)
    if step is not None:
        return await _page(request, step, pending)
    base = base_path(service.policy.issuer)
    session = await find_session(service, read_cookie(request, "session"))
    location = None if session is None else await onward(request, key, pending, session)
    if session is None or location is None:
        return see_other(f"{base}/login?tx={key}")
    # what this page is for, and nothing else, may go on without the password
    if location != f"{base}{PATHS['second_factor']}?tx={key}":
        return see_other(location)
    step = await second_factor.step_up(service, session, read_cookie(request, "device"), goal)
    return see_other(f"{base}/login?tx={key}") if step is None else await _page(request, step, pending)


async def submit(request: web.Request) -> web.Response:
    """Checks a code or a passkey; then a new session, and on from there."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    require_form_token(request, parameters, FORM, key, browser)
    base, step = base_path(service.policy.issuer), await second_factor.find(service, Goal(key, browser))
    if step is None:
        return see_other(f"{base}/login?tx={key}")
    way = _WAYS.get(parameters.get("way") or "")
    if way is None:
        raise Problem(400, "Please go back and choose how to go on.", "second_factor_undecided")
    answer = parameters.get(way) or ""
    former = read_cookie(request, "session")
    outcome = await second_factor.prove(service, step, way, answer, request[ORIGIN], former)
    if outcome is None:
        return see_other(f"{base}/login?tx={key}")
    if isinstance(outcome, NotProven):
        return await _refused(request, step, pending, outcome, way)
    return let_in(request, outcome, own_page(pending) or f"{base}/consent?tx={key}")


async def _refused(request: web.Request, step: Step, pending: Pending, outcome: NotProven, way: Way) -> web.Response:
    if not outcome.retry_after:
        return await _page(request, step, pending, complaint=_WRONG[way], status=403)
    refused = await _page(request, step, pending, complaint=TOO_MANY, status=429)
    refused.headers["Retry-After"] = str(outcome.retry_after)
    return refused


async def _page(
    request: web.Request, step: Step, pending: Pending, *, complaint: str | None = None, status: int = 200
) -> web.Response:
    asked = await second_factor.asked(request.app[SERVICE], step)
    if asked.passkey_options is not None:
        request[SCRIPT_SRC] = "'self'"
    return page(
        request,
        "second_factor.html",
        status=status,
        client_name=await leads_to(request, pending),
        tx=step.goal.tx,
        csrf=form_token(request, FORM, step.goal.tx, step.goal.browser),
        asked=asked,
        complaint=complaint,
        script=base_path(request.app[SETTINGS].issuer) + PASSKEY_SCRIPT,
    )
