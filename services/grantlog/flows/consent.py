"""Consent: the user allows, and a grant is born with its code; or denies, and the client is told."""

from dataclasses import dataclass, replace
from hashlib import sha256

from grantlog import metrics
from grantlog.core.decision import Origin, Stamp
from grantlog.core.grant.events import Authentication, Authorized
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import MICROS, StreamId, after, bucket_of
from grantlog.core.protocol.authorization_profile import code_lifetime
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.claims import USERNAME
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.redirect_uri import matches
from grantlog.core.protocol.scope import OFFLINE_ACCESS
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, write
from grantlog.flows import consents
from grantlog.flows.authorization_answer import Answer, answered_before, forget, once, refuse, respond
from grantlog.flows.claims import profile_of
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.consents import Wish
from grantlog.flows.handle import Prepared, RejectedError, begin
from grantlog.flows.known_client import known_client
from grantlog.flows.pending import Pending, answered
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session
from grantlog.flows.subjects import subject_of


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked."""

    client: KnownClient
    scope: tuple[str, ...]
    wish: Wish
    details: str
    """``authorization_details`` as compact JSON; empty: none."""


async def question(service: Service, pending: Pending) -> Question:
    """What the page says. Raises ProtocolError where the client is gone or suspended meanwhile, UnavailableError."""
    client, request = await acting_client(service, pending), pending.request
    scope = consents.asked_scope(request)
    wish = consents.wish_of(service, client, scope, request.resources)
    return Question(client, scope, wish, request.details)


async def user_name(service: Service, session: Session) -> str:
    """What the logged-in user calls himself; his identifier where nothing else is left. Raises UnavailableError."""
    profile = await profile_of(service, session.account) or {}
    found = profile.get("name") or profile.get(USERNAME)
    return str(found) if found else str(session.account)


async def allow(
    service: Service,
    pending: Pending,
    session: Session,
    origin: Origin,
    *,
    asked: bool = False,
    remember: bool = True,
) -> Answer:
    """Begins the grant; the answer that takes its code to the client. ``asked``: the user has just said yes on the page, and
    that is remembered unless ``remember`` says otherwise; else it has to be remembered already.

    The pending request is taken: nobody else answers it. Raises ProtocolError, CommandRefusedError, UnavailableError.
    """
    client, request = await acting_client(service, pending), pending.request
    # before anybody asks what was allowed: who takes it back in between gets a grant that is born dead
    stamp = consents.stamp_of(service, session.account, request.client_id)
    if asked:
        consents.wish_of(service, client, request.scope, request.resources)
        if remember:
            await consents.remember(service, session, client, request, origin)
    elif not await consents.remembered(service, session, client, request):
        error = ProtocolError("consent_required", "the end user has to consent", "consent_withdrawn")
        return await refuse(service, request, error, origin)
    stream, event, code = _grant(service, client, request, session, stamp)
    answer = await respond(service, request, [("code", code)])
    who = replace(origin, client_id=request.client_id, account=session.account)
    try:
        await begin(service, stream, evolve, Prepared(event=event, answer=None, replays=once(service, request)), who)
    except RejectedError:
        raise answered_before() from None
    await forget(service, request)
    await answered(service, pending, origin.subscriber)
    metrics.TOKENS_ISSUED.labels("authorization_code", "authorization_code").inc()
    return answer


async def deny(service: Service, pending: Pending, origin: Origin) -> Answer:
    """The answer that takes the user's no to the client. Raises ProtocolError, UnavailableError."""
    # RFC 6749 4.1.2.1: "access_denied: The resource owner or authorization server denied the request."
    error = ProtocolError("access_denied", "the user denied the request", "consent_denied")
    return await refuse(service, pending.request, error, origin)


def stamps_of(session: Session, scope: tuple[str, ...]) -> tuple[Stamp, ...]:
    """What a grant inherits of the session it was allowed in.

    OpenID Connect Core 11: offline_access "requests that an OAuth 2.0 Refresh Token be issued that can be used to obtain an
    Access Token that grants access [...] even when the End-User is not present (not logged in)". All else ends with the
    session.
    """
    return session.account_stamps if OFFLINE_ACCESS in scope else session.stamps


async def acting_client(service: Service, pending: Pending) -> KnownClient:
    """The client, as it is now and not as it was when the request began.

    Raises ProtocolError where it is gone or suspended, or the redirect URI is no longer its own; UnavailableError.
    """
    client = await known_client(service, pending.request.client_id)
    if client.state.suspended:
        raise ProtocolError("unauthorized_client", "the client is suspended", "client_suspended")
    if not matches(pending.request.redirect_uri, client.state.metadata.redirect_uris):
        raise ProtocolError("invalid_request", "redirect_uri is not registered any more", "redirect_uri_withdrawn")
    return client


def _grant(
    service: Service, client: KnownClient, request: AuthorizationRequest, session: Session, stamp: Stamp
) -> tuple[StreamId, Authorized, str]:
    """The birth of a grant, and the text of its code. Nothing has happened until the append."""
    log, secrets = service.ports.log, service.ports.secrets
    now = log.now()
    stream, secret = log.mint(bucket_of(session.account)), secrets.random(SECRET_BYTES)
    code_expires_at = after(now, code_lifetime(service.policy, client.state.metadata))
    event = Authorized(
        client_id=request.client_id,
        account=session.account,
        session=session.root,
        # OpenID Connect Core 2: "A locally unique and never reassigned identifier within the Issuer for the End-User"
        subject=subject_of(service, client.state, session.account),
        # every gate as it was when the credential was checked: who is logged out in between gets a code that is born dead
        stamps=(*stamps_of(session, request.scope), client.stamp, stamp),
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
            claims=request.claims,
        ),
        details=request.details,
        dpop_jkt=request.dpop_jkt,
    )
    handle = Handle(Kind.CODE, stream, 1, -(-code_expires_at // MICROS))
    return stream, event, write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
