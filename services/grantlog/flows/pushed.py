"""Pushed authorization requests (RFC 9126): checked like any other, kept for a moment, and named by a one-time URI."""

import re
from dataclasses import asdict, replace
from json import dumps, loads
from typing import Any

from grantlog.core.decision import Origin
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.authenticate import Authenticated, authenticate, count_failure
from grantlog.flows.authorization_answer import PUSHED, answered_before
from grantlog.flows.authorization_request import read_request
from grantlog.flows.browser_binding import new_id
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.one_time import claim_once
from grantlog.flows.pending import FULL_FOR, request_of
from grantlog.flows.sender import Sender, sender_of
from grantlog.flows.service import Service

RULE = "par"
URN = "urn:ietf:params:oauth:request_uri:"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


async def push(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> dict[str, Any]:
    """The members of RFC 9126 section 2.2. Raises ProtocolError, UnavailableError."""
    client = await authenticate(service, RULE, parameters, proofs, origin)
    client_id = client.client.state.client_id
    try:
        request = await _checked(service, client, parameters, proofs)
    except ProtocolError:
        await count_failure(service, RULE, client_id, origin.subscriber)
        raise
    key = new_id(service)
    kept = await service.ports.transactions.put(
        PUSHED,
        key,
        dumps(asdict(replace(request, pushed=key))).encode(),
        service.policy.par_lifetime,
        owner=client_id,
        limit=service.policy.pending_logins_per_client,
    )
    if not kept:
        raise ProtocolError(
            "temporarily_unavailable",
            "too many requests of this client are under way",
            "par_full",
            headers={"Retry-After": str(FULL_FOR)},
        )
    return {"request_uri": URN + key, "expires_in": service.policy.par_lifetime}


async def find(service: Service, client: KnownClient, request_uri: str) -> AuthorizationRequest:
    """The request that this client pushed and nobody has answered yet. It stays: a reload is no second use.

    Raises ProtocolError invalid_request_uri, UnavailableError.
    """
    key = request_uri.removeprefix(URN)
    stored = await service.ports.transactions.get(PUSHED, key) if _KEY.fullmatch(key) else None
    request = None if stored is None else request_of(loads(stored))
    # RFC 9126 2.2: "The request_uri value MUST be bound to the client that posted the authorization request."
    if request is None or request.client_id != client.state.client_id:
        raise answered_before()
    return request


async def _checked(
    service: Service, client: Authenticated, parameters: Parameters, proofs: Proofs
) -> AuthorizationRequest:
    # RFC 9126 2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided."
    if parameters.get("request_uri") is not None:
        raise invalid_request("request_uri must not be pushed", "par_request_uri")
    sender = await sender_of(service, proofs, client.client.state, demanded=False)
    await claim_once(service, client, sender)
    request = await read_request(service, client.client, parameters, by_push=True)
    return replace(request, dpop_jkt=_bound_to(request, sender))


def _bound_to(request: AuthorizationRequest, sender: Sender) -> str | None:
    confirmation = sender.confirmation
    if confirmation is None or confirmation.method != "jkt":
        return request.dpop_jkt
    # RFC 9449 10.1: "If both mechanisms are used, the authorization server MUST reject the request if the JWK Thumbprint in
    # dpop_jkt does not match the public key in the DPoP header."
    if request.dpop_jkt not in {None, confirmation.thumbprint}:
        raise invalid_request("dpop_jkt is not the key of the DPoP proof", "dpop_jkt_differs")
    return confirmation.thumbprint
