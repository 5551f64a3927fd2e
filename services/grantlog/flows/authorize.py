"""The authorization endpoint (RFC 6749 section 3.1): check the request, keep it, and say where the browser goes next."""

from dataclasses import dataclass

from grantlog.core.decision import Origin
from grantlog.core.protocol.authorize import AuthorizationError, AuthorizationRequest
from grantlog.core.protocol.errors import invalid_request
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import authorization_step, pending, pushed
from grantlog.flows.authorization_answer import Answer, Proven, refuse_at
from grantlog.flows.authorization_request import read_request
from grantlog.flows.authorization_step import Page, Show
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.known_client import known_client
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service
from grantlog.flows.sessions import find_session

__all__ = ["Continue", "authorize", "known_client"]


@dataclass(frozen=True, slots=True)
class Continue:
    """The request is kept; the browser goes on to a page."""

    key: str
    page: Page


async def authorize(
    service: Service, parameters: Parameters, browser: str, session_cookie: str | None, origin: Origin
) -> Continue | Answer:
    """Checks a request and keeps it for the browser with the pre-login cookie ``browser``.

    Raises ProtocolError for what is shown as a page, UnavailableError.
    """
    client = await known_client(service, parameters.require("client_id"))
    session = await find_session(service, session_cookie)
    try:
        request = await _request(service, client, parameters)
    except AuthorizationError as refused:
        # RFC 9700 4.11.2: "The authorization server SHOULD only automatically redirect the user-agent if it trusts the
        # redirection URI." Without a user who is known to want this, or a request that can have none, a page is the answer.
        if refused.redirect_uri is None or (session is None and not refused.silent):
            raise
        target = Proven(client.state.client_id, refused.redirect_uri, refused.response_mode, refused.state)
        return await refuse_at(service, target, refused, origin)
    if "none" in request.prompt:
        asked = Pending(request=request, binding="", started_at=service.ports.log.now())
        return await authorization_step.without_asking(service, asked, session, origin)
    key, kept = await pending.store(service, request, browser, origin.subscriber)
    step = await authorization_step.proceed(service, key, browser, kept, session, origin)
    if isinstance(step, Show):
        return Continue(key, step.page)
    # nobody but this browser has its key, and it has not been told it
    return Continue(key, "login") if step is None else step


async def _request(service: Service, client: KnownClient, parameters: Parameters) -> AuthorizationRequest:
    """The request that came, or the one that was pushed before. Raises ProtocolError, AuthorizationError."""
    reference = parameters.get("request_uri")
    # RFC 9126 4: the client "uses the request_uri value returned by the authorization server to build an authorization
    # request"; RFC 9101 5: what stands beside it does not count
    if reference is not None and reference.startswith(pushed.URN):
        # OIDC Core 6: "If one of these parameters is used, the other MUST NOT be used in the same request."
        if parameters.get("request") is not None:
            raise invalid_request("request and request_uri are used together", "request_twice")
        return await pushed.find(service, client, reference)
    return await read_request(service, client, parameters, by_push=False)
