"""A request object (RFC 9101) as it came: decrypted where it is encrypted, verified by the client's keys, read."""

from dataclasses import dataclass

from grantlog.core.identifiers import seconds
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwk import select
from grantlog.core.protocol.jwt_text import MalformedJwtError, ReadJwt, read_jwt
from grantlog.core.protocol.request_object import (
    SIZE_LIMIT,
    TYPS,
    algs,
    check_claims,
    invalid_request_object,
    parameters_of,
)
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import client_keys
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

_JWE_PARTS = 5


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parameters that count: those of a good request object alone, or those that came without one.

    ``refused``: what is wrong with the request object; the parameters beside it then say no more than where to tell that.
    """

    parameters: Parameters
    signed: bool = False
    refused: ProtocolError | None = None


async def resolve(service: Service, client: KnownClient, parameters: Parameters) -> Resolved:
    """What a request asks for, by value or in its request object. Never raises ProtocolError."""
    text = parameters.get("request")
    if text is None:
        return Resolved(parameters)
    try:
        # RFC 9101 6.3: "the authorization server MUST only use the parameters in the Request Object, even if the same
        # parameter is provided in the query parameter"
        return Resolved(await _opened(service, client, text), signed=True)
    except ProtocolError as refused:
        return Resolved(parameters, refused=refused)


async def _opened(service: Service, client: KnownClient, text: str) -> Parameters:
    metadata, client_id = client.state.metadata, client.state.client_id
    fapi2 = service.policy.fapi2_for(metadata.profile)
    if len(text) > SIZE_LIMIT:
        raise invalid_request_object("object_size")
    try:
        jwt = read_jwt(
            await _signed(service, text), algs=algs(metadata.request_object_signing_alg, fapi2=fapi2), typ=TYPS
        )
    except MalformedJwtError as malformed:
        raise invalid_request_object(malformed.reason) from None
    await _verify(service, client, jwt)
    check_claims(jwt.claims, client_id, service.policy.issuer, seconds(service.ports.log.now()), fapi2=fapi2)
    return parameters_of(jwt.claims, client_id)


async def _signed(service: Service, text: str) -> str:
    """The JWS in a nested JWT; any other text as it is (RFC 9101 section 6.1: decrypted first, then verified)."""
    if text.count(".") != _JWE_PARTS - 1:
        return text
    inside = await service.ports.verifier.decrypt(text)
    if inside is None:
        raise invalid_request_object("object_encryption")
    return inside.decode("ascii", "replace")


async def _verify(service: Service, client: KnownClient, jwt: ReadJwt) -> None:
    try:
        keys = await client_keys.keys_of(service, client.state, jwt.kid)
    except UnavailableError:
        # the client's keys are at a URL of its own choice: that it does not answer is the client's fault
        raise invalid_request_object("object_keys") from None
    if await service.ports.verifier.verify(jwt, select(keys, jwt.alg, jwt.kid)) is None:
        raise invalid_request_object("object_signature")
