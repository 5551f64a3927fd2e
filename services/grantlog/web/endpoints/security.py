"""``/account/security``: how somebody logs in, and every change of it. Each needs a login of the last minutes, with both factors
where there are two; each form carries a token of the session.
"""

from typing import Any

from aiohttp import web

from grantlog.core.protocol.acr import MFA
from grantlog.core.protocol.requests import Parameters, read_form
from grantlog.flows import passkeys, totp
from grantlog.flows import security as flow
from grantlog.flows.admit import LoggedIn
from grantlog.flows.security import RECENT, Actor, NotChanged
from grantlog.flows.sessions import Session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.endpoints.static import PASSKEY_SCRIPT
from grantlog.web.failures import Problem
from grantlog.web.keys import ORIGIN, SCRIPT_SRC, SERVICE, SETTINGS
from grantlog.web.logging_in import TOO_MANY, WRONG_KEY, give_session, let_in
from grantlog.web.origin import base_path
from grantlog.web.own_session import own_session
from grantlog.web.pages.qr import qr_code
from grantlog.web.pages.render import page
from grantlog.web.pages.words import day

FORM = "security"
PATH = "/account/security"
_SAID = {
    "throttled": TOO_MANY,
    "code_wrong": "That code is wrong. Take the one that the app shows now.",
    "passkey_refused": WRONG_KEY,
    "factor_limit": "There are as many of these as an account can have. Remove one first.",
    "factor_known": "This passkey is enrolled already.",
    "factor_missing": "Recovery codes stand in for an authenticator app or a passkey. Add one of them first.",
    "password_wrong": "The current password is wrong.",
    "password_short": f"The new password needs at least {flow.PASSWORD_MINIMUM} characters.",
    "password_long": "The new password is too long.",
    "password_differs": "The new password was not typed the same way twice.",
}


async def show(request: web.Request) -> web.Response:
    """What is enrolled, and what can be done about it."""
    session = await own_session(request, PATH)
    return await _overview(request, session) if isinstance(session, Session) else session


async def show_totp(request: web.Request) -> web.Response:
    """The key for an authenticator app, as QR code and as text."""
    session = await _trusted(request)
    return await _totp_page(request, session) if isinstance(session, Session) else session


async def add_totp(request: web.Request) -> web.Response:
    """Enrols the app whose code was typed."""
    posted = await _posted(request)
    if isinstance(posted, web.Response):
        return posted
    actor, parameters = posted
    outcome = await flow.add_totp(request.app[SERVICE], actor, parameters.get("code") or "")
    if isinstance(outcome, LoggedIn):
        return let_in(request, outcome, _home(request))
    return _told(outcome, await _totp_page(request, actor.session, outcome))


async def show_passkey(request: web.Request) -> web.Response:
    """The page whose script asks the browser for a new passkey."""
    session = await _trusted(request)
    return await _passkey_page(request, session) if isinstance(session, Session) else session


async def add_passkey(request: web.Request) -> web.Response:
    """Enrols the passkey that the browser made."""
    posted = await _posted(request)
    if isinstance(posted, web.Response):
        return posted
    actor, parameters = posted
    outcome = await flow.add_passkey(request.app[SERVICE], actor, parameters.get("passkey") or "")
    if isinstance(outcome, LoggedIn):
        return let_in(request, outcome, _home(request))
    return _told(outcome, await _passkey_page(request, actor.session, outcome))


async def remove(request: web.Request) -> web.Response:
    """Removes one factor."""
    posted = await _posted(request)
    if isinstance(posted, web.Response):
        return posted
    actor, parameters = posted
    outcome = await flow.remove(request.app[SERVICE], actor, parameters.get("factor") or "")
    if isinstance(outcome, LoggedIn):
        return let_in(request, outcome, _home(request))
    return see_other(_home(request))


async def make_recovery_codes(request: web.Request) -> web.Response:
    """New recovery codes: this answer alone shows them."""
    posted = await _posted(request)
    if isinstance(posted, web.Response):
        return posted
    actor, _ = posted
    outcome = await flow.make_recovery_codes(request.app[SERVICE], actor)
    if isinstance(outcome, NotChanged):
        return _told(outcome, await _overview(request, actor.session, outcome))
    codes, renewed = outcome
    response = page(request, "recovery_codes.html", codes=codes)
    give_session(request, response, renewed)
    return response


async def show_password(request: web.Request) -> web.Response:
    """The form for a new password."""
    session = await _trusted(request)
    return await _password_page(request, session) if isinstance(session, Session) else session


async def change_password(request: web.Request) -> web.Response:
    """Replaces the password of who knows the current one."""
    posted = await _posted(request)
    if isinstance(posted, web.Response):
        return posted
    actor, parameters = posted
    new = parameters.get("new") or ""
    outcome: LoggedIn | NotChanged = NotChanged("password_differs")
    if new == (parameters.get("again") or ""):
        current = parameters.get("current") or ""
        outcome = await flow.change_password(request.app[SERVICE], actor, current, new)
    if isinstance(outcome, LoggedIn):
        return let_in(request, outcome, _home(request))
    return _told(outcome, await _password_page(request, actor.session, outcome))


async def _trusted(request: web.Request) -> Session | web.Response:
    """The session of who may change something; else the way to prove more, which leads back to the overview."""
    return await own_session(request, PATH, max_age=RECENT, acr_values=(MFA,))


async def _posted(request: web.Request) -> tuple[Actor, Parameters] | web.Response:
    """Who posted which form; the way to log in, where he has to. Raises Problem, ProtocolError, UnavailableError."""
    parameters = read_form(await form_body(request))
    session = await _trusted(request)
    if not isinstance(session, Session):
        return session
    require_form_token(request, parameters, FORM, str(session.stream))
    return Actor(session, read_cookie(request, "device"), request[ORIGIN]), parameters


def _told(outcome: NotChanged, response: web.Response) -> web.Response:
    """The page again, with what is wrong. Raises Problem where the session ended meanwhile."""
    if outcome.reason not in _SAID:
        raise Problem(403, "Your session is over. Please log in again.", outcome.reason, title="Nothing was changed")
    response.set_status(429 if outcome.retry_after else 403)
    if outcome.retry_after:
        response.headers["Retry-After"] = str(outcome.retry_after)
    return response


def _home(request: web.Request) -> str:
    return base_path(request.app[SETTINGS].issuer) + PATH


def _form(request: web.Request, session: Session, outcome: NotChanged | None) -> dict[str, Any]:
    """What every form of these pages has."""
    complaint = None if outcome is None else _SAID.get(outcome.reason)
    return {"csrf": form_token(request, FORM, str(session.stream)), "complaint": complaint}


async def _overview(request: web.Request, session: Session, outcome: NotChanged | None = None) -> web.Response:
    service = request.app[SERVICE]
    return page(
        request,
        "security.html",
        overview=await flow.overview(service, session),
        passkeys_possible=passkeys.relying_party(service) is not None,
        day=day,
        **_form(request, session, outcome),
    )


async def _totp_page(request: web.Request, session: Session, outcome: NotChanged | None = None) -> web.Response:
    service = request.app[SERVICE]
    key, known = await flow.offer_totp(service, session), await flow.overview(service, session)
    if known.totp:
        return see_other(_home(request))
    uri = totp.provisioning_uri(key, known.username, service.policy.issuer.partition("://")[2])
    return page(
        request,
        "security_totp.html",
        code=qr_code(uri, "QR code for an authenticator app"),
        key=totp.as_text(key),
        **_form(request, session, outcome),
    )


async def _passkey_page(request: web.Request, session: Session, outcome: NotChanged | None = None) -> web.Response:
    options = await flow.offer_passkey(request.app[SERVICE], session)
    if options is None:
        raise Problem(
            404, "Browsers know passkeys of https sites with a name only.", "passkeys_off", title="No passkeys here"
        )
    request[SCRIPT_SRC] = "'self'"
    script = base_path(request.app[SETTINGS].issuer) + PASSKEY_SCRIPT
    return page(request, "security_passkey.html", options=options, script=script, **_form(request, session, outcome))


async def _password_page(request: web.Request, session: Session, outcome: NotChanged | None = None) -> web.Response:
    known = await flow.overview(request.app[SERVICE], session)
    return page(request, "security_password.html", username=known.username, **_form(request, session, outcome))
