"""RFC 7591: a client registers itself, where somebody gave it the initial access token."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from grantlog.core.client.events import ClientMetadata
from grantlog.core.decision import Origin
from grantlog.core.identifiers import seconds
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, TooManyRequestsError
from grantlog.core.protocol.registration import RegistrationRequest, read_registration, response_members
from grantlog.core.protocol.scope import OIDC_SCOPES
from grantlog.flows.authenticate import count_failure, refuse_throttled
from grantlog.flows.clients import register
from grantlog.flows.service import Service

RULE = "register"


async def register_client(
    service: Service, document: object, authorization: str | None, origin: Origin
) -> Mapping[str, Any]:
    """The members of RFC 7591 section 3.2.1, the secret among them, this once.

    ``document``: the parsed JSON. Raises ProtocolError (invalid_token, invalid_client_metadata, invalid_redirect_uri).
    """
    await refuse_throttled(service, RULE, origin.address)
    try:
        _authorize(service, authorization)
    except InvalidTokenError:
        await count_failure(service, RULE, origin.address)
        raise
    known = (*service.policy.catalog.scopes, *OIDC_SCOPES)
    request = read_registration(document, known)
    # every registration writes to the log, so every one counts
    wait = await service.ports.throttle.hit(RULE, origin.address)
    if wait:
        raise TooManyRequestsError(wait)
    made = await register(service, _metadata(request), origin)
    return response_members(
        request,
        client_id=made.state.client_id,
        client_secret=made.secret,
        issued_at=seconds(made.state.registered_at),
    )


def _authorize(service: Service, authorization: str | None) -> None:
    expected = service.initial_access_digest
    if expected is None:
        raise ProtocolError("access_denied", "registration is closed", "registration_closed")
    # RFC 7591 3: "an OAuth 2.0 access token ... Bearer Token Usage"
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("initial_access_token_missing", presented=False)
    if not compare_digest(sha256(token.strip().encode()).digest(), expected):
        raise InvalidTokenError("initial_access_token_wrong")


def _metadata(request: RegistrationRequest) -> ClientMetadata:
    return ClientMetadata(
        name=request.name,
        token_endpoint_auth_method=request.token_endpoint_auth_method,
        redirect_uris=request.redirect_uris,
        grant_types=request.grant_types,
        response_types=request.response_types,
        scope=request.scope,
        application_type=request.application_type,
        id_token_signed_response_alg=request.id_token_signed_response_alg,
        origins=request.origins,
        contacts=request.contacts,
        client_uri=request.client_uri,
        logo_uri=request.logo_uri,
        policy_uri=request.policy_uri,
        tos_uri=request.tos_uri,
    )
