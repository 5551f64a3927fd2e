"""Every answer of an authorization request, code or error, is made here: where it goes, how it travels, what is always in it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from structlog import get_logger

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId, after, seconds
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.redirect_uri import with_fragment, with_parameters
from grantlog.core.protocol.response import encoding_of
from grantlog.flows.service import Service
from grantlog.flows.signed_answers import algorithm_for, signed_for
from grantlog.ports import Replay, UnavailableError

_log = get_logger(__name__)

JARM_LIFETIME = 600
"""Seconds. JARM 2.1: "A maximum JWT lifetime of 10 minutes is RECOMMENDED."."""
JARM_TYP = "oauth-authz-resp+jwt"
"""Ours: no specification names one, and no other verifier takes it."""
PUSHED = "par"
"""The kind under which pushed requests are kept."""
Members = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Redirect:
    """The browser is sent to the client's redirect URI."""

    location: str


@dataclass(frozen=True, slots=True)
class FormPost:
    """The browser posts the members to the client's redirect URI (OAuth 2.0 Form Post Response Mode)."""

    uri: str
    members: tuple[tuple[str, str], ...]


Answer = Redirect | FormPost


class Target(Protocol):
    """Where an answer goes. The redirect URI is proven."""

    @property
    def client_id(self) -> ClientId:
        """Whose answer it is."""
        ...

    @property
    def redirect_uri(self) -> str:
        """Where it goes."""
        ...

    @property
    def response_mode(self) -> str:
        """How it travels."""
        ...

    @property
    def state(self) -> str | None:
        """What the client wants back."""
        ...


@dataclass(frozen=True, slots=True)
class Proven:
    """The target of a request that is refused before it became one."""

    client_id: ClientId
    redirect_uri: str
    response_mode: str
    state: str | None


async def respond(service: Service, target: Target, members: Members) -> Answer:
    """The answer with ``members``, the state and the issuer, in the response mode that was asked for.

    Raises UnavailableError where a JWT is wanted and cannot be made.
    """
    # RFC 6749 4.1.2: "state REQUIRED if the 'state' parameter was present in the client authorization request. The exact
    # value received from the client."
    echoed = [] if target.state is None else [("state", target.state)]
    # RFC 9207 2: "In authorization responses to the client, including error responses, an authorization server supporting
    # this specification MUST indicate its identity by including the iss parameter in the response."
    complete = [*members, *echoed, ("iss", service.policy.issuer)]
    encoding, as_jwt = encoding_of(target.response_mode)
    if as_jwt:
        complete = [("response", await _jwt(service, target, complete))]
    if encoding == "form_post":
        return FormPost(target.redirect_uri, tuple(complete))
    if encoding == "fragment":
        return Redirect(with_fragment(target.redirect_uri, complete))
    return Redirect(with_parameters(target.redirect_uri, complete, error=members[0][0] == "error"))


async def refuse(service: Service, request: AuthorizationRequest, error: ProtocolError, origin: Origin) -> Answer:
    """The error is taken to the client (RFC 6749 section 4.1.2.1).

    Raises ProtocolError where a pushed request was answered before, UnavailableError.
    """
    answer = await refuse_at(service, request, error, origin)
    if not await service.ports.log.claim(once(service, request)):
        raise answered_before()
    await forget(service, request)
    return answer


async def refuse_at(service: Service, target: Target, error: ProtocolError, origin: Origin) -> Answer:
    """The same, where there is no request yet that could be answered. Raises UnavailableError."""
    metrics.REFUSED.labels("authorize", error.reason).inc()
    _log.info("redirected_error", error=error.error, reason=error.reason, request_id=origin.request_id)
    return await respond(service, target, [("error", error.error), ("error_description", error.description)])


def once(service: Service, request: AuthorizationRequest) -> tuple[Replay, ...]:
    """What the append of an answer has to claim, so that a pushed request is answered once, also by two tabs at a time.

    What could try again was begun before, and so is over when this is forgotten.
    """
    if not request.pushed:
        return ()
    # RFC 9126 4: "the authorization server SHOULD treat request_uri values as one-time use"
    lives = service.policy.par_lifetime + service.policy.login_lifetime
    key = sha256(f"pushed request {request.pushed}".encode()).digest()
    return (Replay(key, after(service.ports.log.now(), lives)),)


async def forget(service: Service, request: AuthorizationRequest) -> None:
    """The answer is issued: a pushed request can be begun no more. That it is not answered again was claimed before.

    Never raises: where the store does not answer, what is left of the request expires by itself.
    """
    if request.pushed:
        with suppress(UnavailableError):
            await service.ports.transactions.take(PUSHED, request.pushed)


def answered_before() -> ProtocolError:
    """RFC 9101 section 7: the ``request_uri`` of a pushed request is not good (any more)."""
    return ProtocolError("invalid_request_uri", "request_uri is not known, has expired or was used", "par_over")


async def _jwt(service: Service, target: Target, members: Members) -> str:
    client = await service.clients.find(target.client_id)
    if client is None:
        raise ProtocolError("invalid_request", "client_id is not known", "client_unknown")
    metadata = client.state.metadata
    # JARM 2.1: iss "the issuer URL of the authorization server", aud "the client_id of the client the response is intended
    # for", exp "expiration of the JWT", and the parameters of the response
    claims = {
        **dict(members),
        "iss": service.policy.issuer,
        "aud": client.state.client_id,
        "exp": seconds(service.ports.log.now()) + JARM_LIFETIME,
    }
    return await signed_for(
        service,
        client.state,
        claims,
        typ=JARM_TYP,
        alg=algorithm_for(service, client.state, metadata.authorization_signed_response_alg),
        encryption=metadata.authorization_encryption,
    )
