"""RFC 8693: a token of ours for another one, that never does more, never lives longer, and dies with it.

Two streams, one word: the child is born first, and nobody has it; then its parent points at it, if it is alive at that very
version; only then the child is handed out. From there on who revokes the parent closes a gate that the child stands below.
"""

from dataclasses import replace
from typing import Final

from grantlog import metrics
from grantlog.core.client.state import ClientState
from grantlog.core.decision import Refused, Stamp
from grantlog.core.grant.children import family_gate, generation, issue_child, token_gate
from grantlog.core.grant.events import Exchanged, Profile
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import MICROS, Micros, StreamId, bucket_of
from grantlog.core.protocol import details as details_text
from grantlog.core.protocol import exchange
from grantlog.core.protocol.errors import ProtocolError, from_refused, invalid_request
from grantlog.core.protocol.exchange import ACCESS_TOKEN, Held, Requester, invalid_subject
from grantlog.flows import details, mint
from grantlog.flows.claims import attributes_of
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.exchange import Live, live_token, meant_for, targets_of
from grantlog.flows.handle import Prepared, begin, handle
from grantlog.flows.sender_constraint import confirmation_for
from grantlog.flows.service import Service
from grantlog.flows.subjects import subject_of
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Loaded

GRANT_TYPE: Final = exchange.GRANT_TYPE
PARAMETERS: Final = frozenset(
    {
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "resource",
        "audience",
        "scope",
        details.PARAMETER,
    }
)


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """An access token for the subject of another. Raises ProtocolError invalid_request, invalid_scope, invalid_target,
    invalid_authorization_details, unauthorized_client; UnavailableError.
    """
    client = request.client.client
    if client.state.metadata.public:
        raise ProtocolError("unauthorized_client", "a public client cannot use this grant_type", "exchange_public")
    asked = exchange.read_request(request.parameters)
    subject = await live_token(service, asked.subject_token, is_jwt=asked.subject_is_jwt)
    _entitled(subject, client.state, proven=request.sender.confirmation is not None)
    if generation(subject.state.stamps) >= service.policy.exchange_depth:
        raise invalid_request("the token was exchanged too often", "exchange_depth")
    actor = await _actor(service, client.state, subject, asked)
    profile = await _profile(service, request, subject, asked, actor)
    return await _issue(service, request, subject, profile)


def _entitled(subject: Live, client: ClientState, *, proven: bool) -> None:
    """Whether this client may exchange this token at all."""
    bound = subject.token.profile.confirmation is not None
    if not meant_for(subject, client) and (bound or subject.state.client_id not in client.metadata.may_exchange):
        # who was never sent a bound token has it from somebody who could not use it
        raise invalid_subject("exchange_token_of_others")
    if bound and not proven:
        # what only its sender could use does not become what anybody can
        raise invalid_request("a bound token is exchanged for a bound one only", "exchange_unbound")


async def _actor(service: Service, client: ClientState, subject: Live, asked: exchange.Asked) -> str:
    """``act`` of the new token: delegation names who acts, impersonation does not (RFC 8693 section 1.1)."""
    profile, party = subject.token.profile, str(client.client_id)
    if asked.actor_token is not None:
        actor = await live_token(service, asked.actor_token, is_jwt=asked.actor_is_jwt)
        if not meant_for(actor, client):
            raise invalid_subject("exchange_actor_of_others")
        party = actor.state.subject
    elif subject.state.client_id == client.client_id:
        # its own token, with less in it: nobody else acts
        return profile.actor
    exchange.check_may_act(profile.attributes, party, client.client_id, service.policy.issuer)
    if asked.actor_token is None and subject.state.client_id in client.metadata.may_exchange:
        # an operator lets it stand in for that client's users; the log says who asked
        return profile.actor
    return exchange.acting(profile.actor, party, service.policy.exchange_depth)


async def _profile(
    service: Service, request: TokenRequest, subject: Live, asked: exchange.Asked, actor: str
) -> Profile:
    client, held, policy = request.client.client.state, subject.token.profile, service.policy
    choice = exchange.choose(
        policy.catalog,
        policy.issuer,
        Held(scope=held.scope, audience=held.audience, granted=subject.state.resources),
        Requester(
            scope=client.metadata.scope,
            resources=client.metadata.resources,
            own=subject.state.client_id == client.client_id,
        ),
        asked.scope,
        await targets_of(service, asked.resources, asked.audiences),
    )
    granted = details_text.of_types(held.details, client.metadata.authorization_details_types)
    attributes = await attributes_of(service, subject.state.account, policy.catalog, choice.audience)
    return Profile(
        scope=choice.scope,
        audience=choice.audience,
        confirmation=confirmation_for(service, client, request.sender.confirmation),
        details=details_text.for_audience(
            details.narrowed(granted, request.parameters, policy, client), choice.audience
        ),
        actor=actor,
        attributes=exchange.with_may_act(attributes, exchange.may_act_of(held.attributes)),
    )


async def _issue(service: Service, request: TokenRequest, subject: Live, profile: Profile) -> bytes:
    client, state, log = request.client.client, subject.state, service.ports.log
    now = log.now()
    child = log.mint(bucket_of(subject.stream))
    known = None if state.account is None else subject_of(service, client.state, state.account)
    about = replace(mint.about_grant(client.state, state), subject=known or state.subject)
    # the child never outlives the token it was exchanged for
    not_after = Micros(subject.token.expires_at * MICROS)
    text, access = await mint.access_token(service, mint.Place(child, 1), about, profile, now, not_after)
    event = Exchanged(
        client_id=client.state.client_id,
        subject=about.subject,
        account=state.account,
        session=state.session,
        parent=subject.stream,
        issuer=None,
        stamps=_stamps(service, client, subject),
        access_token=access,
        authentication=state.authentication,
        issued_at=now,
        expires_at=not_after,
    )
    body = mint.answer(text, access, issued_token_type=ACCESS_TOKEN)
    await begin(service, child, evolve, Prepared(event=event, answer=None, replays=request.replays), request.origin)
    await _point_at(service, request, subject, child)
    metrics.TOKENS_ISSUED.labels("access_token", GRANT_TYPE).inc()
    return body


async def _point_at(service: Service, request: TokenRequest, subject: Live, child: StreamId) -> None:
    """The parent learns of its child, unless it has died meanwhile: then nobody ever gets the child."""

    async def rule(loaded: Loaded) -> Prepared[Refused | None]:
        decision = issue_child(loaded.state, child, subject.hash, service.ports.log.now(), service.gates.map)
        return Prepared(event=decision.event, answer=decision.answer)

    done = await handle(service, subject.stream, evolve, rule, request.origin)
    if isinstance(done.answer, Refused):
        raise from_refused(done.answer)


def _stamps(service: Service, client: KnownClient, subject: Live) -> tuple[Stamp, ...]:
    """Every gate above the parent, that of the client that asks, and two that only this parent's death closes."""
    gates = [family_gate(subject.stream), token_gate(subject.hash)]
    own = [Stamp(kind, name, service.gates.epoch(kind, name)) for kind, name in gates]
    if subject.token.kid is not None:
        # a token that was signed by a stolen key may never have been ours
        own.append(Stamp("key", subject.token.kid, 0))
    return tuple(dict.fromkeys((*subject.state.stamps, client.stamp, *own)))
