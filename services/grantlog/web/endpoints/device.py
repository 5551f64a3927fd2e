"""Device authorization (RFC 8628): what a device asks, and the two pages on which its user answers.

On the first a person types the code, or finds it there (``verification_uri_complete``), and compares it with the one on the
device; on the second, logged in, allows or denies what the device asks for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol import device as rules
from grantlog.core.protocol.errors import TooManyRequestsError
from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import device as flow
from grantlog.flows import device_records
from grantlog.flows.consent import user_name
from grantlog.web.answers import json_answer, see_other
from grantlog.web.client_request import form_body, proofs
from grantlog.web.cookies import browser_of, read_cookie, set_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.failures import Problem
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.own_session import own_session
from grantlog.web.pages.consent_view import consent_view
from grantlog.web.pages.qr import qr_code
from grantlog.web.pages.render import page

FORM = "device"
CONFIRM_FORM = "device confirm"
WRONG = "That code is wrong, was used, or has expired. Look at the device again: it may show another one by now."
TOO_MANY = "That was tried too often. Please wait, and then try again."
_DECISIONS: Mapping[str, Literal["allow", "deny"]] = {"allow": "allow", "deny": "deny"}


async def ask(request: web.Request) -> web.Response:
    """``POST /device_authorization`` (section 3.1)."""
    parameters = read_form(await form_body(request))
    return json_answer(await flow.ask(request.app[SERVICE], parameters, proofs(request), request[ORIGIN]))


async def show(request: web.Request) -> web.Response:
    """The page for the code. RFC 8628 section 3.3.1, with the complete URI: "The server SHOULD display the 'user_code' to the
    user and ask them to verify that it matches the 'user_code' being displayed on the device".
    """
    return _page(request, read_query(request.rel_url.raw_query_string).get("user_code") or "")


async def submit(request: web.Request) -> web.Response:
    """Looks the code up; wrong, answered and expired ones get the same answer."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    browser = read_cookie(request, "login") or ""
    require_form_token(request, parameters, FORM, browser)
    typed = parameters.get("user_code") or ""
    try:
        key = await flow.enter(service, typed, browser, request[ORIGIN])
    except TooManyRequestsError as refused:
        answer = _page(request, typed, complaint=TOO_MANY, status=429)
        answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    if key is None:
        return _page(request, typed, complaint=WRONG, status=400)
    return see_other(f"{base_path(service.policy.issuer)}/device/confirm?tx={key}")


async def show_request(request: web.Request) -> web.Response:
    """What the device asks for, and from where; who is not logged in goes to do so and comes back."""
    service = request.app[SERVICE]
    key = read_query(request.rel_url.raw_query_string).get("tx") or ""
    browser, waiting = await _waiting(request, key)
    session = await own_session(request, f"/device/confirm?tx={key}")
    if isinstance(session, web.Response):
        return session
    asked = await flow.question(service, waiting)
    return page(
        request,
        "device_confirm.html",
        view=consent_view(service.policy, asked.client.state, waiting.scope, asked.wish, waiting.details, None),
        user=await user_name(service, session),
        user_code=rules.shown(waiting.user_code),
        address=waiting.address,
        asked_at=_moment(waiting.asked_at),
        tx=key,
        csrf=form_token(request, CONFIRM_FORM, key, browser, str(session.stream)),
    )


async def decide(request: web.Request) -> web.Response:
    """Allow or deny, once."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    browser, waiting = await _waiting(request, key)
    session = await own_session(request, f"/device/confirm?tx={key}")
    if isinstance(session, web.Response):
        return session
    require_form_token(request, parameters, CONFIRM_FORM, key, browser, str(session.stream))
    decision = _DECISIONS.get(parameters.get("decision") or "")
    if decision is None:
        raise Problem(400, "Please go back and choose whether to allow it.", "consent_undecided")
    if not await flow.answer(service, waiting, decision, session, request[ORIGIN]):
        raise _over()
    return page(request, "device_done.html", allowed=decision == "allow")


def _page(request: web.Request, typed: str, *, complaint: str | None = None, status: int = 200) -> web.Response:
    service, browser = request.app[SERVICE], browser_of(request)
    letters = rules.read_user_code(typed)
    code = None if letters is None else rules.shown(letters)
    complete = None if code is None else rules.complete_uri(service.policy.issuer, code)
    response = page(
        request,
        "device.html",
        status=status,
        typed=typed[: rules.TYPED_LIMIT] if code is None else code,
        compare=code is not None and complaint is None,
        complaint=complaint,
        qr=None if complete is None else qr_code(complete, "The address of this page"),
        csrf=form_token(request, FORM, browser),
    )
    set_cookie(request, response, "login", browser, service.policy.login_lifetime)
    return response


async def _waiting(request: web.Request, key: str) -> tuple[str, device_records.DeviceRequest]:
    browser = read_cookie(request, "login")
    waiting = await device_records.of_page(request.app[SERVICE], key, browser)
    if waiting is None or browser is None:
        raise _over()
    return browser, waiting


def _over() -> Problem:
    return Problem(
        400,
        "It took too long, was answered already, or was begun in another browser. "
        "Please look at the device, and start again there.",
        "device_over",
        title="This is over",
    )


def _moment(moment: Micros) -> tuple[str, str]:
    """A moment as machines and as people write it, in UTC."""
    at = datetime.fromtimestamp(moment // MICROS, UTC)
    return at.isoformat(), at.strftime("%H:%M:%S UTC")
