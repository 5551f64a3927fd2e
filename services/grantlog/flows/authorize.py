"""The authorization endpoint (RFC 6749 section 3.1): check the request, keep it, and say where the browser goes next."""

from collections.abc import Iterable
from dataclasses import dataclass

from structlog import get_logger

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.authorize import AuthorizationError, AuthorizationRequest, ClientView, validate
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.redirect_uri import with_parameters
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import pending
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, find_session

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Continue:
    """The request is kept; the browser goes on to log in or, ``authenticated``, to consent."""

    key: str
    authenticated: bool


@dataclass(frozen=True, slots=True)
class Redirect:
    """The client is answered at its redirect URI."""

    location: str


async def authorize(
    service: Service, parameters: Parameters, browser: str, session_cookie: str | None, origin: Origin
) -> Continue | Redirect:
    """Checks a request and keeps it for the browser with the pre-login cookie ``browser``.

    Raises ProtocolError for what is shown as a page, UnavailableError.
    """
    client = await known_client(service, parameters.require("client_id"))
    session = await find_session(service, session_cookie)
    try:
        request = validate(parameters, _view(client), service.policy.catalog, service.policy.issuer)
    except AuthorizationError as refused:
        # RFC 9700 4.11.2: "The authorization server SHOULD only automatically redirect the user-agent if it trusts the
        # redirection URI." Without a user who is known to want this, or a request that can have none, a page is the answer.
        if refused.redirect_uri is None or (session is None and parameters.get("prompt") != "none"):
            raise
        _refused(refused, origin)
        return Redirect(error_location(service, refused, refused.redirect_uri, refused.state))
    if "none" in request.prompt:
        return Redirect(_without_asking(service, request, session, origin))
    key, kept = await pending.store(service, request, browser, origin.subscriber)
    return Continue(key, session is not None and kept.satisfied_by(session))


def _without_asking(service: Service, request: AuthorizationRequest, session: Session | None, origin: Origin) -> str:
    """``prompt=none`` (OpenID Connect Core section 3.1.2.1): no page is shown, and consent is not remembered yet."""
    asked = Pending(request=request, binding="", started_at=service.ports.log.now())
    if session is None or not asked.satisfied_by(session):
        error = ProtocolError("login_required", "the end user has to log in", "prompt_none_login")
    else:
        error = ProtocolError("consent_required", "the end user has to consent", "prompt_none_consent")
    _refused(error, origin)
    return error_location(service, error, request.redirect_uri, request.state)


async def known_client(service: Service, client_id: str) -> KnownClient:
    """The client that a request names. Raises ProtocolError, UnavailableError."""
    client = await service.clients.find(ClientId(client_id))
    if client is None:
        raise ProtocolError("invalid_request", "client_id is not known", "client_unknown")
    return client


def _view(client: KnownClient) -> ClientView:
    metadata = client.state.metadata
    return ClientView(
        client_id=client.state.client_id,
        redirect_uris=metadata.redirect_uris,
        scope=metadata.scope,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        resources=metadata.resources,
        suspended=client.state.suspended,
    )


def error_location(service: Service, error: ProtocolError, redirect_uri: str, state: str | None) -> str:
    """Where an error is taken to the client (RFC 6749 section 4.1.2.1). The redirect URI is proven."""
    members = [("error", error.error), ("error_description", error.description)]
    return with_parameters(redirect_uri, _answer(service, members, state), error=True)


def code_location(service: Service, code: str, redirect_uri: str, state: str | None) -> str:
    """Where a code is taken to the client (RFC 6749 section 4.1.2)."""
    return with_parameters(redirect_uri, _answer(service, [("code", code)], state))


def _answer(service: Service, members: Iterable[tuple[str, str]], state: str | None) -> list[tuple[str, str]]:
    # RFC 6749 4.1.2: "state REQUIRED if the 'state' parameter was present in the client authorization request. The exact
    # value received from the client."
    echoed = [] if state is None else [("state", state)]
    # RFC 9207 2: "In authorization responses to the client, including error responses, an authorization server supporting
    # this specification MUST indicate its identity by including the iss parameter in the response."
    return [*members, *echoed, ("iss", service.policy.issuer)]


def _refused(error: ProtocolError, origin: Origin) -> None:
    metrics.REFUSED.labels("authorize", error.reason).inc()
    _log.info("redirected_error", error=error.error, reason=error.reason, request_id=origin.request_id)
