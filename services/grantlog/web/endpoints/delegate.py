"""Login and consent by the operator's own application: the way there, what it asks and answers, and the way back."""

from aiohttp import web

from grantlog.core.protocol.requests import read_form, read_query
from grantlog.flows import delegated_login as flow
from grantlog.flows.sessions import find_session
from grantlog.web.answers import json_answer, see_other
from grantlog.web.client_request import form_body, proofs
from grantlog.web.cookies import read_cookie
from grantlog.web.keys import ORIGIN, SERVICE
from grantlog.web.logging_in import give_session
from grantlog.web.pages.authorization_answer import answered
from grantlog.web.waiting import over


async def start(request: web.Request) -> web.Response:
    """To the application, with a challenge."""
    service = request.app[SERVICE]
    tx = read_query(request.rel_url.raw_query_string).get("tx") or ""
    browser, delegate = read_cookie(request, "login"), service.policy.login_delegate
    if delegate is None or browser is None:
        raise over()
    session = await find_session(service, read_cookie(request, "session"))
    location = await flow.begin(service, delegate, tx, browser, session)
    if location is None:
        raise over()
    return see_other(location)


async def challenge(request: web.Request) -> web.Response:
    """The application reads what is asked for."""
    parameters = read_form(await form_body(request))
    return json_answer(await flow.challenge(request.app[SERVICE], parameters, proofs(request), request[ORIGIN]))


async def answer(request: web.Request) -> web.Response:
    """The application answers."""
    parameters = read_form(await form_body(request))
    return json_answer(await flow.answer(request.app[SERVICE], parameters, proofs(request), request[ORIGIN]))


async def come_back(request: web.Request) -> web.Response:
    """The browser is back from the application."""
    verifier = read_query(request.rel_url.raw_query_string).get("verifier") or ""
    done = await flow.come_back(
        request.app[SERVICE],
        verifier,
        read_cookie(request, "login"),
        read_cookie(request, "device"),
        read_cookie(request, "session"),
        request[ORIGIN],
    )
    if done is None:
        raise over()
    response = see_other(done.answer) if isinstance(done.answer, str) else answered(request, done.answer)
    if done.logged_in is not None:
        give_session(request, response, done.logged_in)
    return response
