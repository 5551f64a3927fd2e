"""The tokens of an exchange (RFC 8693): judged as introspection judges them, and only for a client that they concern."""

from dataclasses import dataclass

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import AccessToken
from grantlog.core.grant.standing import Inactive, family_of, standing
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import ClientId, StreamId, seconds
from grantlog.core.protocol.exchange import invalid_subject
from grantlog.core.protocol.resource import invalid_target
from grantlog.core.protocol.token_text import Kind
from grantlog.flows.locate import locate
from grantlog.flows.service import Service


@dataclass(frozen=True, slots=True)
class Live:
    """An access token of ours that is alive, and the grant it comes from. ``hash`` is the whole one."""

    stream: StreamId
    state: GrantState
    token: AccessToken
    hash: bytes


async def live_token(service: Service, text: str, *, is_jwt: bool) -> Live:
    """The access token in ``text``. Raises invalid_request for everything else, UnavailableError."""
    located = locate(service, text)
    if located is None or located.handle.kind not in {Kind.ACCESS, Kind.JWT}:
        raise invalid_subject("exchange_token_unknown")
    if is_jwt and located.handle.kind is not Kind.JWT:
        raise invalid_subject("exchange_token_no_jwt")
    if located.handle.expires_at <= seconds(service.ports.log.now()):
        raise invalid_subject("exchange_token_expired")
    loaded = await service.ports.log.load(located.handle.stream)
    await service.gates.catch_up(loaded.head.gate_sequence)
    state: GrantState | None = loaded.state
    family = None if state is None else family_of(state)
    found = standing(family, located.hash, service.ports.log.now(), service.gates.map)
    if state is None or isinstance(found, Inactive):
        raise invalid_subject(f"exchange_token_{found.reason}" if isinstance(found, Inactive) else "exchange_token")
    return Live(located.handle.stream, state, found.token, located.hash)


def meant_for(live: Live, client: ClientState) -> bool:
    """Whether a client came by the token as it should: it was issued to it, or sent to it as to a resource server."""
    introspects = client.metadata.introspects
    return live.state.client_id == client.client_id or any(uri in introspects for uri in live.token.profile.audience)


async def targets_of(service: Service, resources: tuple[str, ...], audiences: tuple[str, ...]) -> tuple[str, ...]:
    """The resources that an exchange asks for: by their URIs, or by the client id of a resource server.

    Raises invalid_target, UnavailableError.
    """
    targets = list(resources)
    for audience in audiences:
        # RFC 8693 2.1: "audience: OPTIONAL. The logical name of the target service where the client intends to use the
        # requested security token."
        if service.policy.catalog.find(audience) is not None:
            targets.append(audience)
            continue
        # what looks like a URL is no name that the server gave, and nothing is fetched for it
        known = None if "://" in audience else await service.clients.find(ClientId(audience))
        if known is None or known.state.suspended or not known.state.metadata.introspects:
            raise invalid_target("the audience is not known", "exchange_audience_unknown")
        targets.extend(known.state.metadata.introspects)
    return tuple(dict.fromkeys(targets))
