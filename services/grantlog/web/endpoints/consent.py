"""``/consent``: what the application asks for, and the user's answer."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import consent as flow
from grantlog.flows.pending import Pending, take
from grantlog.flows.sessions import Session, find_session
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.failures import Problem
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.pages.render import page
from grantlog.web.pages.words import called, destination, scope_in_words
from grantlog.web.waiting import over, waiting_request

FORM = "consent"


async def show(request: web.Request) -> web.Response:
    """The page; who is not logged in, or not freshly enough for this request, goes to do so."""
    service = request.app[SERVICE]
    key = read_query(request.rel_url.raw_query_string).get("tx") or ""
    pending, browser = await waiting_request(request, key)
    session = await _session(request, pending)
    if session is None:
        return see_other(f"{base_path(service.policy.issuer)}/login?tx={key}")
    asked = await flow.question(service, pending)
    metadata = asked.client.state.metadata
    return page(
        request,
        "consent.html",
        client_name=called(asked.client.state),
        client_uri=metadata.client_uri,
        policy_uri=metadata.policy_uri,
        tos_uri=metadata.tos_uri,
        user=await flow.user_name(service, session),
        scopes=[scope_in_words(name) for name in asked.scope],
        resources=asked.audience,
        destination=destination(pending.request.redirect_uri),
        tx=key,
        csrf=form_token(request, FORM, key, browser, str(session.stream)),
    )


async def submit(request: web.Request) -> web.Response:
    """Allow or deny, once: the request is taken, so that a double click yields one code."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    session = await _session(request, pending)
    if session is None:
        return see_other(f"{base_path(service.policy.issuer)}/login?tx={key}")
    require_form_token(request, parameters, FORM, key, browser, str(session.stream))
    decision = parameters.get("decision")
    if decision not in {"allow", "deny"}:
        raise Problem(400, "Please go back and choose whether to allow it.", "consent_undecided")
    taken = await take(service, key, browser)
    if taken is None:
        raise over()
    if decision == "deny":
        return see_other(flow.deny(service, taken, request[ORIGIN]))
    return see_other(await flow.allow(service, taken, session, request[ORIGIN]))


async def _session(request: web.Request, pending: Pending) -> Session | None:
    """The session of this browser, where its authentication is good enough for the request."""
    session = await find_session(request.app[SERVICE], read_cookie(request, "session"))
    return session if session is not None and pending.satisfied_by(session) else None
