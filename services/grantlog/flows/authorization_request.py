"""An authorization request, from what came to what may be shown to a user: at ``/authorize`` and where it is pushed alike."""

from dataclasses import replace

from grantlog.core.protocol.authorize import AuthorizationError, AuthorizationRequest, ClientView, Sent, validate
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import details
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.hints import hint_of
from grantlog.flows.request_object import resolve
from grantlog.flows.service import Service


async def read_request(
    service: Service, client: KnownClient, parameters: Parameters, *, by_push: bool
) -> AuthorizationRequest:
    """The request, after every check of the table. Raises AuthorizationError, UnavailableError."""
    resolved = await resolve(service, client, parameters)
    sent = Sent(
        parameters=resolved.parameters,
        by_push=by_push,
        signed=resolved.signed,
        object_refused=resolved.refused,
        details=lambda text: details.parse(text, service.policy, client.state),
    )
    request = validate(sent, view_of(client), service.policy)
    hint = resolved.parameters.get("id_token_hint")
    if hint is None:
        return request
    try:
        return replace(request, hinted_subject=await _hinted(service, request, hint))
    except ProtocolError as refused:
        raise AuthorizationError(
            refused,
            redirect_uri=request.redirect_uri,
            state=request.state,
            response_mode=request.response_mode,
            silent="none" in request.prompt,
        ) from refused


async def _hinted(service: Service, request: AuthorizationRequest, text: str) -> str:
    """Whom the client means. Raises invalid_request."""
    # OIDC Core 3.1.2.1: "ID Token previously issued by the Authorization Server being passed as a hint about the End-User's
    # current or past authenticated session with the Client."
    hint = await hint_of(service, text, request.client_id)
    if hint is None:
        raise invalid_request("id_token_hint is not an ID token of this server for this client", "id_token_hint")
    if request.hinted_subject not in {None, hint.subject}:
        raise invalid_request("id_token_hint and claims name two different people", "id_token_hint_differs")
    return hint.subject


def view_of(client: KnownClient) -> ClientView:
    """What the checks look at."""
    metadata = client.state.metadata
    return ClientView(
        client_id=client.state.client_id,
        redirect_uris=metadata.redirect_uris,
        scope=metadata.scope,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        resources=metadata.resources,
        suspended=client.state.suspended,
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
        profile=metadata.profile,
        pkce_optional=metadata.pkce_optional,
        require_pushed_authorization_requests=metadata.require_pushed_authorization_requests,
        require_signed_request_object=metadata.require_signed_request_object,
        default_max_age=metadata.default_max_age,
        default_acr_values=metadata.default_acr_values,
    )
