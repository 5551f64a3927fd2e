"""Login by another OpenID provider: the way there, the way back, and the page on which a person links one to his account."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from structlog import get_logger

from grantlog import metrics
from grantlog.core.protocol.redirect_uri import origin_or_scheme
from grantlog.core.protocol.requests import read_form, read_query
from grantlog.core.protocol.upstream import UpstreamError
from grantlog.flows import pending, upstream, upstream_accounts
from grantlog.flows.own_pages import own_page
from grantlog.flows.second_factor import Goal
from grantlog.flows.security import RECENT
from grantlog.flows.sessions import find_session
from grantlog.flows.upstream import Identity
from grantlog.ports import UnavailableError
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import browser_of, read_cookie, set_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.failures import Problem
from grantlog.web.keys import FORM_ACTION, ORIGIN, SERVICE
from grantlog.web.logging_in import let_in
from grantlog.web.origin import base_path
from grantlog.web.own_session import own_session
from grantlog.web.pages.render import page
from grantlog.web.proceeding import page_of
from grantlog.web.waiting import over

_log = get_logger(__name__)

FORM = "upstream link"
PATH = "/account/upstream"
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "upstream_unknown": (
        "This login is not known here yet",
        (
            "Nobody here has linked it to an account. Log in the way you usually do, link it on the page about your account, "
            "and from then on it works."
        ),
    ),
    "upstream_linked_elsewhere": (
        "This login belongs to another account",
        "It is linked to another account here, and can belong to one only. Nothing was changed.",
    ),
    "upstream_refused": (
        "The other provider did not log you in",
        "It was cancelled there, or not allowed. Please go back to the application and try again, or log in another way.",
    ),
}
_OTHERWISE = (
    "This login could not be used",
    (
        "It took too long, was used already, was begun in another browser, or what came back does not prove who you are. "
        "Please go back to the application and start again."
    ),
)


async def start(request: web.Request) -> web.Response:
    """From the login page to the provider."""
    parameters = read_query(request.rel_url.raw_query_string)
    name, tx = parameters.get("provider") or "", parameters.get("tx") or ""
    browser = read_cookie(request, "login")
    try:
        return see_other(await upstream.begin_login(request.app[SERVICE], name, tx, browser, request[ORIGIN]))
    except UpstreamError as refused:
        raise _problem(request, refused) from refused


async def callback(request: web.Request) -> web.Response:
    """Back from the provider: logged in, or linked."""
    service, browser = request.app[SERVICE], read_cookie(request, "login")
    try:
        identity = await upstream.finish(service, read_query(request.rel_url.raw_query_string), browser)
        if identity.begun.link:
            return await _link(request, identity)
        return await _log_in(request, identity, browser or "")
    except UpstreamError as refused:
        raise _problem(request, refused) from refused


async def show(request: web.Request) -> web.Response:
    """The providers that can be linked to the account."""
    service = request.app[SERVICE]
    session = await own_session(request, PATH, max_age=RECENT)
    if isinstance(session, web.Response):
        return session
    browser = browser_of(request)
    request[FORM_ACTION] = await _origins(request)
    response = page(
        request,
        "upstream.html",
        providers=service.policy.upstream_providers,
        linked=await upstream_accounts.linked(service, session),
        csrf=form_token(request, FORM, browser, str(session.stream)),
    )
    set_cookie(request, response, "login", browser, service.policy.login_lifetime)
    return response


async def link(request: web.Request) -> web.Response:
    """To the provider, to link what the person proves there. Only from our own page: nobody links his own login to another
    person's account.
    """
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    session = await own_session(request, PATH, max_age=RECENT)
    if isinstance(session, web.Response):
        return session
    browser = read_cookie(request, "login") or ""
    require_form_token(request, parameters, FORM, browser, str(session.stream))
    name = parameters.get("provider") or ""
    try:
        location = await upstream.begin_link(service, name, str(session.stream), browser, request[ORIGIN])
    except UpstreamError as refused:
        raise _problem(request, refused) from refused
    return see_other(location)


async def _link(request: web.Request, identity: Identity) -> web.Response:
    service = request.app[SERVICE]
    session = await find_session(service, read_cookie(request, "session"))
    if session is None:
        raise UpstreamError("upstream_link_session")
    await upstream_accounts.link(service, identity, session, request[ORIGIN])
    return see_other(base_path(service.policy.issuer) + PATH)


async def _log_in(request: web.Request, identity: Identity, browser: str) -> web.Response:
    service, tx = request.app[SERVICE], identity.begun.tx
    waiting = await pending.find(service, tx, browser)
    if waiting is None:
        raise over()
    outcome = await upstream_accounts.log_in(
        service,
        identity,
        Goal(tx, browser),
        read_cookie(request, "device"),
        request[ORIGIN],
        read_cookie(request, "session"),
    )
    if outcome is None:
        return page_of(request, "second_factor", tx)
    return let_in(request, outcome, own_page(waiting) or f"{base_path(service.policy.issuer)}/consent?tx={tx}")


async def _origins(request: web.Request) -> str:
    """Where the page's forms lead on to, for its Content-Security-Policy. Who does not answer now is left out."""
    service, found = request.app[SERVICE], []
    for provider in service.policy.upstream_providers:
        try:
            metadata = await upstream.metadata_of(service, provider)
        except (UnavailableError, UpstreamError):
            continue
        found.append(origin_or_scheme(metadata.authorization_endpoint))
    return " ".join(found) or "'self'"


def _problem(request: web.Request, refused: UpstreamError) -> Problem:
    """What people are told: never what the other side sent."""
    metrics.UPSTREAM.labels(refused.reason).inc()
    _log.info("upstream_refused", reason=refused.reason, request_id=request[ORIGIN].request_id)
    title, text = _SAID.get(refused.reason, _OTHERWISE)
    return Problem(400, text, refused.reason, title=title)
