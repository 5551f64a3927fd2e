"""The token endpoint (RFC 6749 section 3.2): authenticate the client, pick the grant, redeem."""

from contextlib import suppress
from dataclasses import replace

from grantlog.core.decision import Origin
from grantlog.core.protocol.client_auth import NAMING
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.supported import grant_types
from grantlog.flows.authenticate import Authenticated, authenticate, count_failure, may_use
from grantlog.flows.grants import GRANTS, NAME_CLIENTS, Grant
from grantlog.flows.handle import RejectedError
from grantlog.flows.one_time import claim_once, replayed
from grantlog.flows.sender import sender_of
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest

RULE = "token"


async def token(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> bytes:
    """The JSON body of RFC 6749 section 5.1.

    Raises ProtocolError (section 5.2) and UnavailableError.
    """
    grant_type = parameters.require("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None or grant_type not in grant_types(service.policy):
        raise ProtocolError("unsupported_grant_type", "this grant_type is not supported", "grant_type_unknown")
    client = await _client(service, grant_type, parameters, proofs, origin)
    client_id = client.client.state.client_id
    origin = replace(origin, client_id=client_id)
    try:
        body = await _redeem(service, grant, client, parameters, proofs, origin)
        if service.clients.remembered(client_id) is not client.client:
            # The client has changed meanwhile, or before and we had not heard of it: is the proof still one?
            await _client(service, grant_type, parameters, proofs, origin)
    except ProtocolError as refused:
        # who waits for a person does nothing wrong, however many devices wait behind one address
        if refused.error != "authorization_pending":
            await count_failure(service, RULE, client_id, origin.subscriber)
        raise
    return body


async def _client(
    service: Service, grant_type: str, parameters: Parameters, proofs: Proofs, origin: Origin
) -> Authenticated:
    """Who asks: the client that has proven itself, or one that the grant knows by something else."""
    by_grant = NAME_CLIENTS.get(grant_type)
    if by_grant is not None and proofs.authorization is None and parameters.values.keys().isdisjoint(NAMING):
        return await by_grant(service, RULE, parameters, origin)
    client = await authenticate(service, RULE, parameters, proofs, origin)
    may_use(client.client, grant_type)
    return client


async def _redeem(
    service: Service, grant: Grant, client: Authenticated, parameters: Parameters, proofs: Proofs, origin: Origin
) -> bytes:
    sender = await sender_of(service, proofs, client.client.state)
    request = TokenRequest(client=client, parameters=_only(parameters, grant.PARAMETERS), sender=sender, origin=origin)
    try:
        return await grant.redeem(service, request)
    except RejectedError as refused:
        if refused.reason != "replayed":
            raise
        raise await replayed(service, client) from None
    except ProtocolError:
        # What came with a request counts once, also where the request is refused; why it was is what the client is told.
        with suppress(ProtocolError):
            await claim_once(service, client, sender)
        raise


def _only(parameters: Parameters, names: frozenset[str]) -> Parameters:
    """RFC 6749 section 3.2: "The authorization server MUST ignore unrecognized request parameters"."""
    return Parameters(
        {name: value for name, value in parameters.values.items() if name in names},
        {name: values for name, values in parameters.many.items() if name in names},
    )
