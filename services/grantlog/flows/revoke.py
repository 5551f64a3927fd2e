"""RFC 7009: a client gives a token back. The answer leaves when every reader knows."""

from dataclasses import replace
from hmac import compare_digest

from grantlog import metrics
from grantlog.core.decision import Origin, Refused
from grantlog.core.grant import decide
from grantlog.core.grant.events import CodeRedeemed, RefreshTokenRotated
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.errors import from_refused
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.token_text import Kind
from grantlog.flows.authenticate import authenticate, count_failure
from grantlog.flows.findings import record_finding
from grantlog.flows.handle import Prepared, handle
from grantlog.flows.locate import Located, locate
from grantlog.flows.one_time import claim_once
from grantlog.flows.service import Service
from grantlog.ports import Loaded

RULE = "revoke"


async def revoke(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> None:
    """Revokes the family of a refresh token, or the one access token. Nothing happens for an unknown one.

    Raises ProtocolError (invalid_client; invalid_grant for another client's token, which stays as it is) and
    UnavailableError while the projection has not acknowledged: "the client must assume the token still exists".
    """
    text = parameters.require("token")
    client = await authenticate(service, RULE, parameters, proofs, origin)
    await claim_once(service, client)
    located = locate(service, text)
    if located is None:
        # RFC 7009 2.2: "invalid tokens do not cause an error response"
        return
    client_id = client.client.state.client_id
    origin = replace(origin, client_id=client_id)

    async def rule(loaded: Loaded) -> Prepared[Refused | None]:
        return await _rule(service, located, client_id, loaded)

    done = await handle(service, located.handle.stream, evolve, rule, origin)
    if isinstance(done.answer, Refused):
        await record_finding(service, "foreign_revocation", origin, grant=located.handle.stream, client_id=client_id)
        await count_failure(service, RULE, client_id, origin.subscriber)
        raise from_refused(done.answer)
    if done.appended:
        scope = "family" if located.handle.kind is Kind.REFRESH else "access_token"
        metrics.REVOCATIONS.labels(scope, "client_request").inc()


async def _rule(service: Service, located: Located, client_id: ClientId, loaded: Loaded) -> Prepared[Refused | None]:
    state: GrantState | None = loaded.state
    if located.handle.kind is Kind.REFRESH:
        if not await _genuine(service, located, state):
            return Prepared(event=None, answer=None)
        decision = decide.revoke_family(state, client_id, "client_request")
    else:
        decision = decide.revoke_access_token(state, client_id, located.hash)
    refused = isinstance(decision.answer, Refused)
    return Prepared(event=decision.event, answer=decision.answer, denies=not refused)


async def _genuine(service: Service, located: Located, state: GrantState | None) -> bool:
    """Whether the presented refresh token was ever issued, spent or not: a MAC of 4 bytes alone proves nothing."""
    if state is None or state.version < located.handle.version:
        return False
    recorded = await service.ports.log.event_at(located.handle.stream, located.handle.version)
    if recorded is None or not isinstance(recorded.event, CodeRedeemed | RefreshTokenRotated):
        return False
    token = recorded.event.refresh_token
    return token is not None and compare_digest(token.hash, located.hash)
