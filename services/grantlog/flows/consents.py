"""Consent that is remembered on the account: whether a request needs no page, and how a person takes it back."""

from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from grantlog import metrics
from grantlog.core.account import decide
from grantlog.core.account.decide import GiveConsent
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.client.identity import identity_digest
from grantlog.core.decision import Origin, Stamp
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.claims import scopes_of
from grantlog.core.protocol.resource import choose, reachable
from grantlog.core.protocol.silent import may_be_silent
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.handle import handle, plain
from grantlog.flows.operators import settle
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session


@dataclass(frozen=True, slots=True)
class Wish:
    """All that a client gets where it is allowed what it asks for."""

    scope: tuple[str, ...]
    """With everything that is implied."""
    audience: tuple[str, ...]
    """Every resource that can be reached with it; none where only the user's identity is asked for."""


def asked_scope(request: AuthorizationRequest) -> tuple[str, ...]:
    """What the person is asked for: the scope, and the scopes of claims that are asked for one by one.

    OpenID Connect Core section 5.5 knows a second way to the same data; consent is to the data.
    """
    return tuple(dict.fromkeys((*request.scope, *scopes_of(request.claims))))


def wish_of(service: Service, client: KnownClient, scope: tuple[str, ...], resources: tuple[str, ...]) -> Wish:
    """What a request of this scope comes to now. Raises ProtocolError where it may not be had any more."""
    catalog, allowed = service.policy.catalog, client.state.metadata.resources
    # what was asked for may have been withdrawn meanwhile
    choose(catalog, service.policy.issuer, scope, resources, allowed)
    audience = reachable(catalog, scope, resources, allowed)
    return Wish(catalog.holds(scope, audience), audience)


def stamp_of(service: Service, account: UUID, client_id: ClientId) -> Stamp:
    """The stamp of a grant of this account to this client. Take it before you ask whether, or what, the person allowed:
    who takes it back in between then gets a grant that is born dead.
    """
    gate = decide.consent_gate(account, client_id)
    return decide.consent_stamp(account, client_id, service.gates.epoch("consent", gate))


async def remembered(service: Service, session: Session, client: KnownClient, request: AuthorizationRequest) -> bool:
    """Whether the session's person has allowed this client all of this before, and the client may have it without a page.

    Raises ProtocolError where what is asked for is not to be had any more, UnavailableError.
    """
    # OpenID Connect Core 3.1.2.1: "consent: The Authorization Server SHOULD prompt the End-User for consent"
    if "consent" in request.prompt:
        return False
    if not may_be_silent(public=client.state.metadata.public, redirect_uri=request.redirect_uri):
        return False
    loaded = await service.ports.log.load(session.account)
    if not isinstance(loaded.state, AccountState) or loaded.state.locked:
        return False
    return decide.covers(loaded.state, _consent(service, client, request))


async def remember(
    service: Service, session: Session, client: KnownClient, request: AuthorizationRequest, origin: Origin
) -> None:
    """Remembers what the person has just allowed, where a page can ever be left out because of it.

    Raises ProtocolError, CommandRefusedError (the account is locked), UnavailableError.
    """
    if not may_be_silent(public=client.state.metadata.public, redirect_uri=request.redirect_uri):
        return
    command = _consent(service, client, request)
    rule = plain(lambda state: decide.give_consent(state, command, service.ports.log.now()))
    done = await handle(service, session.account, evolve, rule, replace(origin, account=session.account))
    settle(done.answer)


async def withdraw(service: Service, session: Session, client_id: ClientId, origin: Origin) -> None:
    """Takes back all that a client holds of this account. Returns when every reader knows; the client has to ask again.

    Raises UnavailableError while a reader may not know yet: try again.
    """
    account = session.account
    rule = plain(lambda state: decide.withdraw_consent(state, account, client_id), denies=True)
    done = await handle(service, account, evolve, rule, replace(origin, account=account))
    settle(done.answer)
    metrics.REVOCATIONS.labels("consent", "withdrawn").inc()


def _consent(service: Service, client: KnownClient, request: AuthorizationRequest) -> GiveConsent:
    wish = wish_of(service, client, asked_scope(request), request.resources)
    return GiveConsent(
        client_id=request.client_id,
        scope=wish.scope,
        resources=wish.audience,
        details_digest=sha256(request.details.encode()).digest() if request.details else None,
        client_digest=identity_digest(client.state.metadata),
    )
