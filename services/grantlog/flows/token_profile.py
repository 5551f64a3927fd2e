"""What the next access token of a grant may do: scope, audience, authorization details, attributes, and in whose hands."""

from collections.abc import Sequence

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import Confirmation, Profile
from grantlog.core.grant.state import GrantState
from grantlog.core.protocol import details as details_text
from grantlog.core.protocol import resource, scope
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import details
from grantlog.flows.claims import attributes_of
from grantlog.flows.sender_constraint import confirmation_for
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest


async def profile_of_request(
    service: Service,
    client: ClientState,
    state: GrantState,
    parameters: Parameters,
    wanted_scope: tuple[str, ...],
    confirmation: Confirmation | None,
) -> Profile:
    """Of a grant that somebody gave, what a token request asks for by ``wanted_scope`` and its parameters; what is left out: all.

    Raises invalid_scope, invalid_target, invalid_authorization_details, UnavailableError.
    """
    wanted, allowed = parameters.all("resource"), client.metadata.resources
    choice = resource.narrow(
        service.policy.catalog,
        service.policy.issuer,
        resource.Choice(state.resources, state.scope),
        wanted_scope,
        wanted,
        allowed,
    )
    granted = details.narrowed(state.details, parameters, service.policy, client)
    audience = choice.audience
    if not wanted:
        audience = with_places(service, choice, details_text.locations(granted), state.resources, allowed)
    return Profile(
        scope=choice.scope,
        audience=audience,
        confirmation=confirmation,
        details=details_text.for_audience(granted, audience),
        attributes=await attributes_of(service, state.account, service.policy.catalog, audience),
    )


def own_profile(service: Service, request: TokenRequest, allowed: tuple[str, ...], attributes: str = "") -> Profile:
    """What a client gets where no grant stands behind it: of ``allowed`` what ``scope`` asks for, or all.

    Raises invalid_request, invalid_scope, invalid_target, invalid_authorization_details.
    """
    client, parameters, policy = request.client.client.state, request.parameters, service.policy
    named = scope.within(scope.parse(parameters.get("scope")), allowed)
    wanted = named or allowed
    text = parameters.get(details.PARAMETER)
    asked = "" if text is None else details.parse(text, policy, client)
    if not wanted and not asked:
        # RFC 6749 3.3: "either process the request using a pre-defined default value or fail the request indicating an
        # invalid scope"
        raise scope.invalid_scope("there is no scope to have", "scope_none_registered")
    resources, limits = parameters.all("resource"), client.metadata.resources
    if resources and wanted and not named:
        # RFC 8707 2.2: "To the extent possible, when issuing access tokens, the authorization server should downscope the
        # scope value associated with an access token to the value the respective resource is able to process"
        whole = resource.Choice((), wanted)
        choice = resource.narrow(policy.catalog, policy.issuer, whole, (), resources, limits)
    else:
        choice = resource.choose(policy.catalog, policy.issuer, wanted, resources, limits)
    audience = choice.audience
    if not resources:
        audience = with_places(service, choice, details_text.locations(asked), (), limits)
    return Profile(
        scope=choice.scope,
        audience=audience,
        confirmation=confirmation_for(service, client, request.sender.confirmation),
        details=details_text.for_audience(asked, audience),
        attributes=attributes,
    )


def with_places(
    service: Service,
    choice: resource.Choice,
    places: Sequence[str],
    granted: tuple[str, ...],
    allowed: tuple[str, ...],
) -> tuple[str, ...]:
    """The audience of a token whose request named no resource: also where its authorization details are meant to be used.

    ``granted`` and ``allowed``: the resources of the grant and of the client; none means all.
    """
    known = tuple(
        uri
        for uri in places
        if service.policy.catalog.find(uri) is not None
        and (not granted or uri in granted)
        and (not allowed or uri in allowed)
    )
    issuer = service.policy.issuer
    # it stood there because nothing else was named: now something is
    named = tuple(uri for uri in choice.audience if not known or uri != issuer or "openid" in choice.scope)
    return tuple(dict.fromkeys((*named, *known)))
