"""RFC 7662: what may this token do? From the projection where it can be trusted, else from the log, else 503.

``find_standing`` is how every reader of an access token judges it: resource servers here, our own UserInfo elsewhere.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from grantlog import metrics
from grantlog.core.client.state import ClientState
from grantlog.core.decision import Origin
from grantlog.core.grant.standing import Active, Inactive, family_of, standing
from grantlog.core.identifiers import seconds
from grantlog.core.protocol.client_auth import NAMING, read_credentials
from grantlog.core.protocol.errors import InvalidClientError, ProtocolError
from grantlog.core.protocol.introspection import INACTIVE, TYP, active, as_jwt
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.token_text import Kind
from grantlog.flows.authenticate import authenticate
from grantlog.flows.locate import Located, locate
from grantlog.flows.one_time import claim_once
from grantlog.flows.service import Service
from grantlog.flows.signed_answers import algorithm_for, signed_for
from grantlog.flows.token_claims import extra_claims

RULE = "introspect"

_FROM_PROJECTION = {
    True: metrics.INTROSPECTIONS.labels("active", "projection"),
    False: metrics.INTROSPECTIONS.labels("inactive", "projection"),
}
_FROM_LOG = {
    True: metrics.INTROSPECTIONS.labels("active", "log"),
    False: metrics.INTROSPECTIONS.labels("inactive", "log"),
}
_WITHOUT_IO = metrics.INTROSPECTIONS.labels("inactive", "token")


async def introspect(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> Mapping[str, Any]:
    """The members of RFC 7662 section 2.2, or ``{"active": false}`` and nothing else.

    Raises ProtocolError when the caller is no authenticated resource server, UnavailableError when neither the projection
    nor PostgreSQL can say.
    """
    token = parameters.require("token")
    gates_before = service.gates.sequence
    caller = _recalled(service, parameters, proofs)
    if caller is None:
        caller = await _caller(service, parameters, proofs, origin)

    def again() -> Awaitable[ClientState]:
        return _caller(service, parameters, proofs, origin, first=False)

    return await _answer(service, token, caller, gates_before, again)


async def introspect_signed(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> str:
    """The same as a JWT for this very resource server (RFC 9701 section 5), encrypted where it registered that.

    Raises as ``introspect`` does, UnavailableError also where nothing can be signed or the caller's key cannot be had.
    """
    members = await introspect(service, parameters, proofs, origin)
    # who it was has just been proven
    known = await service.clients.find(read_credentials(proofs.authorization, parameters).client_id)
    if known is None:
        raise InvalidClientError("client_unknown")
    caller = known.state
    claims = as_jwt(
        issuer=service.policy.issuer,
        audience=caller.client_id,
        issued_at=seconds(service.ports.log.now()),
        answer=members,
    )
    metadata = caller.metadata
    alg = algorithm_for(service, caller, metadata.introspection_signed_response_alg)
    return await signed_for(service, caller, claims, typ=TYP, alg=alg, encryption=metadata.introspection_encryption)


async def introspect_batch(
    service: Service, tokens: Sequence[str], parameters: Parameters, proofs: Proofs, origin: Origin
) -> Sequence[Mapping[str, Any]]:
    """The answers to several tokens, in their order."""
    gates_before = service.gates.sequence
    caller = await _caller(service, parameters, proofs, origin)

    def again() -> Awaitable[ClientState]:
        return _caller(service, parameters, proofs, origin, first=False)

    return await gather(*(_answer(service, token, caller, gates_before, again) for token in tokens))


def _recalled(service: Service, parameters: Parameters, proofs: Proofs) -> ClientState | None:
    """The resource server that this very header has proven before, where nothing beside it names or proves another."""
    authorization = proofs.authorization
    if authorization is None or not parameters.values.keys().isdisjoint(NAMING):
        return None
    known = service.callers.recall(authorization, service.ports.log.now)
    return None if known is None else known.state


async def _caller(
    service: Service, parameters: Parameters, proofs: Proofs, origin: Origin, *, first: bool = True
) -> ClientState:
    """Who asks. ``first``: not yet proven in this request; what counts once is claimed then."""
    recalled = _recalled(service, parameters, proofs)
    if recalled is not None:
        return recalled
    # RFC 7662 2.1: "the endpoint MUST also require some form of authorization to access this endpoint"
    proven = await authenticate(service, RULE, parameters, proofs, origin)
    client = proven.client
    if first:
        await claim_once(service, proven)
    if not client.state.metadata.introspects:
        raise ProtocolError("unauthorized_client", "the client is not a resource server", "not_a_resource_server")
    authorization = proofs.authorization
    if authorization is not None and parameters.values.keys().isdisjoint(NAMING):
        service.callers.remember(authorization, client)
    return client.state


async def _answer(
    service: Service,
    token: str,
    caller: ClientState,
    gates_before: int,
    prove_again: Callable[[], Awaitable[ClientState]],
) -> Mapping[str, Any]:
    """What ``token`` may do at ``caller``, which was proven when ``gates_before`` was the newest gate."""
    located = locate(service, token)
    if (
        located is None
        or located.handle.kind is Kind.REFRESH  # a refresh token is meant for no resource server
        or located.handle.expires_at <= seconds(service.ports.log.now())
    ):
        _WITHOUT_IO.inc()
        return INACTIVE
    found = await find_standing(service, located)
    if service.gates.sequence != gates_before:
        # a gate has changed: the caller itself may have been suspended
        caller = await prove_again()
    # RFC 7662 4: "If the token can be used only at certain resource servers, the authorization server MUST determine whether
    # or not the token can be used at the resource server making the introspection call."
    if isinstance(found, Inactive) or not _meant_for(found, caller):
        return INACTIVE
    return _described(service, found)


def _described(service: Service, found: Active) -> Mapping[str, Any]:
    """The members of a token that is alive. Most tokens are plain, and this is what every introspection costs."""
    family, token, policy = found.family, found.token, service.policy
    profile, login, catalog = token.profile, family.login, policy.catalog
    proof = profile.confirmation
    members = active(
        issuer=policy.issuer,
        subject=family.subject,
        client_id=family.client_id,
        scope=catalog.holds(profile.scope, profile.audience) if catalog.has_hierarchy else profile.scope,
        audience=profile.audience,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        bound_to_key=proof is not None and proof.method == "jkt",
    )
    if login is not None:
        # RFC 9470 6.2: how and when the user authenticated
        members["auth_time"] = login.auth_time
        if login.acr is not None:
            members["acr"] = login.acr
        if login.amr:
            members["amr"] = login.amr
    if proof is not None or profile.details or profile.actor or profile.attributes:
        members |= extra_claims(profile)
    return members


async def find_standing(service: Service, located: Located) -> Active | Inactive:
    """Whether the access token that stands there is alive, judged by the projection where it can be trusted, else by the log.

    Raises UnavailableError where neither can say.
    """
    handle = located.handle
    seen = await service.ports.read_model.read(handle.stream)
    if seen.trusted and seen.family is not None and seen.version >= handle.version:
        if seen.gate_sequence > service.gates.sequence:
            await service.gates.catch_up(seen.gate_sequence)
        found = standing(seen.family, located.hash, seen.now, service.gates.map)
        _FROM_PROJECTION[isinstance(found, Active)].inc()
        return found
    # Absent is not dead, and what is behind the token's own version cannot know it: ask the log.
    loaded = await service.fallback.load(handle.stream)
    await service.gates.catch_up(loaded.head.gate_sequence)
    family = None if loaded.state is None else family_of(loaded.state)
    found = standing(family, located.hash, service.ports.log.now(), service.gates.map)
    _FROM_LOG[isinstance(found, Active)].inc()
    return found


def _meant_for(found: Active, caller: ClientState) -> bool:
    introspects = caller.metadata.introspects
    for audience in found.token.profile.audience:  # noqa: SIM110  # a generator costs more than the loop, on every request
        if audience in introspects:
            return True
    return False
