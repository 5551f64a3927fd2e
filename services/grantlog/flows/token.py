"""The token endpoint (RFC 6749 section 3.2): authenticate the client, pick the grant, redeem."""

from dataclasses import replace

from grantlog.core.decision import Origin
from grantlog.core.protocol.client_auth import read_credentials
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.authenticate import authenticate, count_failure, may_use
from grantlog.flows.grants import GRANTS
from grantlog.flows.sender import Sender
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest

RULE = "token"


async def token(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> bytes:
    """The JSON body of RFC 6749 section 5.1.

    Raises ProtocolError (section 5.2) and UnavailableError.
    """
    grant_type = parameters.require("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise ProtocolError("unsupported_grant_type", "this grant_type is not supported", "grant_type_unknown")
    credentials = read_credentials(proofs.authorization, parameters)
    client = await authenticate(service, RULE, credentials, origin)
    origin = replace(origin, client_id=credentials.client_id)
    may_use(client.client, grant_type)
    try:
        request = TokenRequest(
            client=client, parameters=_only(parameters, grant.PARAMETERS), sender=Sender(), origin=origin
        )
        body = await grant.redeem(service, request)
        if service.clients.remembered(credentials.client_id) is not client.client:
            # The client has changed meanwhile, or before and we had not heard of it: is the proof still one?
            await authenticate(service, RULE, credentials, origin)
    except ProtocolError:
        await count_failure(service, RULE, credentials.client_id, origin.subscriber)
        raise
    return body


def _only(parameters: Parameters, names: frozenset[str]) -> Parameters:
    """RFC 6749 section 3.2: "The authorization server MUST ignore unrecognized request parameters"."""
    return Parameters(
        {name: value for name, value in parameters.values.items() if name in names},
        {name: values for name, values in parameters.many.items() if name in names},
    )
