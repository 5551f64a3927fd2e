"""``/consent``: what the application asks for, and the user's answer."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import consent as flow
from grantlog.flows.authorization_step import Show, next_step
from grantlog.flows.pending import give_back, take
from grantlog.flows.sessions import find_session
from grantlog.ports import UnavailableError
from grantlog.web.answers import see_other
from grantlog.web.client_request import form_body
from grantlog.web.cookies import read_cookie
from grantlog.web.csrf import form_token, require_form_token
from grantlog.web.delegation import delegated
from grantlog.web.failures import Problem
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.origin import base_path
from grantlog.web.pages.authorization_answer import answered
from grantlog.web.pages.consent_view import consent_view
from grantlog.web.pages.render import page
from grantlog.web.proceeding import go_on, page_of
from grantlog.web.waiting import over, waiting_request

FORM = "consent"


async def show(request: web.Request) -> web.Response:
    """The page; who has to prove more first goes to do so, and who need not be asked goes back at once."""
    service = request.app[SERVICE]
    key = read_query(request.rel_url.raw_query_string).get("tx") or ""
    pending, browser = await waiting_request(request, key)
    session = await find_session(service, read_cookie(request, "session"))
    elsewhere = await go_on(request, key, browser, pending, session)
    if elsewhere is not None or session is None:
        return elsewhere or see_other(f"{base_path(service.policy.issuer)}/login?tx={key}")
    elsewhere = delegated(request, key)
    if elsewhere is not None:
        return elsewhere
    asked = await flow.question(service, pending)
    return page(
        request,
        "consent.html",
        view=consent_view(
            service.policy,
            asked.client.state,
            asked.scope,
            asked.wish,
            asked.details,
            pending.request.redirect_uri,
        ),
        user=await flow.user_name(service, session),
        tx=key,
        csrf=form_token(request, FORM, key, browser, str(session.stream)),
    )


async def submit(request: web.Request) -> web.Response:
    """Allow or deny, once: the request is taken, so that a double click yields one code."""
    service = request.app[SERVICE]
    parameters = read_form(await form_body(request))
    key = parameters.get("tx") or ""
    pending, browser = await waiting_request(request, key)
    session = await find_session(service, read_cookie(request, "session"))
    client = await flow.acting_client(service, pending)
    step = await next_step(service, client, pending, session)
    if session is None or step != Show("consent"):
        # the page itself tells the client where there is nothing to go on to
        return page_of(request, step.page if isinstance(step, Show) else "consent", key)
    if delegated(request, key) is not None:
        raise over()
    require_form_token(request, parameters, FORM, key, browser, str(session.stream))
    decision = parameters.get("decision")
    if decision not in {"allow", "deny"}:
        raise Problem(400, "Please go back and choose whether to allow it.", "consent_undecided")
    taken = await take(service, key, browser)
    if taken is None:
        raise over()
    try:
        if decision == "deny":
            return answered(request, await flow.deny(service, taken, request[ORIGIN]))
        return answered(request, await flow.allow(service, taken, session, request[ORIGIN], asked=True))
    except UnavailableError:
        await give_back(service, key, taken)
        raise
