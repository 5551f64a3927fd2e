"""RFC 6749 section 4.4: a client asks for itself. A family of one access token, and no refresh token (section 4.4.3)."""

from typing import Final

from grantlog import metrics
from grantlog.core.grant.events import ClientCredentialsIssued
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import after
from grantlog.core.protocol import scope
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows import mint
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.service import Service
from grantlog.flows.token_profile import own_profile
from grantlog.flows.token_request import TokenRequest

GRANT_TYPE: Final = "client_credentials"
PARAMETERS: Final = frozenset({"scope", "resource", "authorization_details"})


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """An access token for the client itself.

    Raises ProtocolError invalid_scope, invalid_target, invalid_request, invalid_authorization_details, unauthorized_client.
    """
    client, origin = request.client, request.origin
    registered = client.client.state
    if registered.metadata.token_endpoint_auth_method == "none":
        # RFC 6749 4.4: "The client credentials grant type MUST only be used by confidential clients."
        raise ProtocolError("unauthorized_client", "a public client cannot use this grant_type", "cc_public_client")
    # OpenID Connect Core 3.1.2.1 knows its scopes from authentication requests only: there is no end user here
    own = tuple(value for value in registered.metadata.scope if value not in scope.OIDC_SCOPES)
    profile = own_profile(service, request, own)
    log = service.ports.log
    now = log.now()
    stream = log.mint()
    access_text, trace = await mint.access_token(
        service,
        mint.Place(stream, 1),
        mint.About(client=registered, subject=registered.client_id),
        profile,
        now,
        after(now, service.policy.access_token_lifetime),
    )
    event = ClientCredentialsIssued(
        client_id=registered.client_id,
        stamps=(client.client.stamp,),
        access_token=trace,
        issued_at=now,
        expires_at=after(now, service.policy.access_token_lifetime),
    )
    done = await begin(
        service,
        stream,
        evolve,
        Prepared(event=event, answer=mint.answer(access_text, trace), replays=request.replays),
        origin,
    )
    metrics.TOKENS_ISSUED.labels("access_token", GRANT_TYPE).inc()
    return done.answer
