"""Consent: the user allows, and a grant is born with its code; or denies, and the client is told."""

from dataclasses import dataclass, replace
from hashlib import sha256

from structlog import get_logger

from grantlog import metrics
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Origin
from grantlog.core.grant.events import Authentication, Authorized
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import MICROS, after, bucket_of
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.redirect_uri import matches
from grantlog.core.protocol.resource import choose, reachable
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, write
from grantlog.flows.accounts import read_profile
from grantlog.flows.authorize import code_location, error_location, known_client
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.pending import Pending, answered
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked."""

    client: KnownClient
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    """Every resource that can be reached with it; none where only the user's identity is asked for."""


async def question(service: Service, pending: Pending) -> Question:
    """What the page says. Raises ProtocolError where the client is gone or suspended meanwhile, UnavailableError."""
    client = await _acting_client(service, pending)
    request = pending.request
    catalog, allowed = service.policy.catalog, client.state.metadata.resources
    # what was asked for may have been withdrawn meanwhile
    choose(catalog, service.policy.issuer, request.scope, request.resources, allowed)
    return Question(client, request.scope, reachable(catalog, request.scope, request.resources, allowed))


async def user_name(service: Service, session: Session) -> str:
    """What the logged-in user calls himself; his identifier where nothing else is left. Raises UnavailableError."""
    loaded = await service.ports.log.load(session.account)
    profile = None
    if isinstance(loaded.state, AccountState):
        profile = await read_profile(service, session.account, loaded.state)
    return (profile or {}).get("name") or (profile or {}).get("username") or str(session.account)


async def allow(service: Service, pending: Pending, session: Session, origin: Origin) -> str:
    """Begins the grant; where the browser takes its code. The pending request is taken: nobody else answers it.

    Raises ProtocolError, UnavailableError.
    """
    client = await _acting_client(service, pending)
    request, log, secrets = pending.request, service.ports.log, service.ports.secrets
    now = log.now()
    stream, secret = log.mint(bucket_of(session.account)), secrets.random(SECRET_BYTES)
    code_expires_at = after(now, service.policy.code_lifetime)
    handle = Handle(Kind.CODE, stream, 1, -(-code_expires_at // MICROS))
    code = write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
    event = Authorized(
        client_id=request.client_id,
        account=session.account,
        session=session.stream,
        # OpenID Connect Core 2: "A locally unique and never reassigned identifier within the Issuer for the End-User"
        subject=str(session.account),
        # every gate as it was when the credential was checked: who is logged out in between gets a code that is born dead
        stamps=(*session.stamps, client.stamp),
        scope=request.scope,
        resources=request.resources,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        code_hash=sha256(secret).digest(),
        code_expires_at=code_expires_at,
        authorized_at=now,
        expires_at=after(now, service.policy.refresh_absolute_lifetime),
        authentication=Authentication(
            auth_time=session.state.auth_time,
            nonce=request.nonce,
            amr=session.state.amr,
            acr=session.state.acr,
        ),
    )
    who = replace(origin, client_id=request.client_id, account=session.account)
    await begin(service, stream, evolve, Prepared(event=event, answer=None), who)
    await answered(service, pending, origin.subscriber)
    metrics.TOKENS_ISSUED.labels("authorization_code", "authorization_code").inc()
    return code_location(service, code, request.redirect_uri, request.state)


def deny(service: Service, pending: Pending, origin: Origin) -> str:
    """Where the browser takes the user's no."""
    # RFC 6749 4.1.2.1: "access_denied: The resource owner or authorization server denied the request."
    error = ProtocolError("access_denied", "the user denied the request", "consent_denied")
    metrics.REFUSED.labels("consent", error.reason).inc()
    _log.info("redirected_error", error=error.error, reason=error.reason, request_id=origin.request_id)
    return error_location(service, error, pending.request.redirect_uri, pending.request.state)


async def _acting_client(service: Service, pending: Pending) -> KnownClient:
    """The client, as it is now and not as it was when the request began."""
    client = await known_client(service, pending.request.client_id)
    if client.state.suspended:
        raise ProtocolError("unauthorized_client", "the client is suspended", "client_suspended")
    if not matches(pending.request.redirect_uri, client.state.metadata.redirect_uris):
        raise ProtocolError("invalid_request", "redirect_uri is not registered any more", "redirect_uri_withdrawn")
    return client
