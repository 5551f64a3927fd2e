"""What the pages of a login share: who got in gets his cookies, and where it goes on from there."""

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows import authorization_step, second_factor
from grantlog.flows.admit import LoggedIn
from grantlog.flows.authorization_step import Show
from grantlog.flows.known_client import known_client
from grantlog.flows.own_pages import own_page
from grantlog.flows.pending import Pending
from grantlog.flows.sessions import Session
from grantlog.web.answers import see_other
from grantlog.web.cookies import DEVICE_LIFETIME, set_cookie
from grantlog.web.keys import SERVICE
from grantlog.web.origin import base_path
from grantlog.web.pages.words import called
from grantlog.web.proceeding import PATHS

WRONG_KEY = "That passkey could not be used."
TOO_MANY = "That was tried too often. Please wait, and then try again."


async def onward(request: web.Request, key: str, waiting: Pending, session: Session) -> str | None:
    """Where somebody who has logged in goes from here; None where he has to log in again. Raises UnavailableError."""
    service = request.app[SERVICE]
    base, own = base_path(service.policy.issuer), own_page(waiting)
    step: Show | ProtocolError
    if own is None:
        client = await known_client(service, waiting.request.client_id)
        step = await authorization_step.next_step(service, client, waiting, session)
    else:
        step = await _step_to_own_page(request, waiting, session)
    # what the client has to be told, the consent page tells it
    page = "consent" if isinstance(step, ProtocolError) else step.page
    if page == "login":
        return None
    return own if own is not None and page == "consent" else f"{base}{PATHS[page]}?tx={key}"


def let_in(request: web.Request, outcome: LoggedIn, location: str) -> web.Response:
    """The redirect that gives the browser its session, and the cookie by which it is known again."""
    response = see_other(location)
    give_session(request, response, outcome)
    return response


def give_session(request: web.Request, response: web.Response, outcome: LoggedIn) -> None:
    """The cookies of who got in."""
    lifetime = request.app[SERVICE].policy.session_lifetime
    set_cookie(request, response, "session", outcome.session_cookie, lifetime)
    set_cookie(request, response, "device", outcome.device_cookie, DEVICE_LIFETIME)


async def leads_to(request: web.Request, waiting: Pending) -> str | None:
    """What the application that a login is for is called; None: it is for a page of our own. Raises ProtocolError."""
    if own_page(waiting) is not None:
        return None
    return called((await known_client(request.app[SERVICE], waiting.request.client_id)).state)


async def _step_to_own_page(request: web.Request, waiting: Pending, session: Session) -> Show:
    service, wanted = request.app[SERVICE], waiting.request.acr_values
    if not waiting.satisfied_by(session):
        return Show("login")
    if not second_factor.meets(session, wanted) and await second_factor.can_meet(service, session.account, wanted):
        return Show("second_factor")
    return Show("consent")
