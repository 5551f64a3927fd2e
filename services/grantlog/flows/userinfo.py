"""UserInfo (OpenID Connect Core section 5.3): our own protected resource, which judges a token as introspection does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grantlog.core.client.state import ClientState
from grantlog.core.grant.standing import Active, Inactive
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import StreamId, seconds
from grantlog.core.protocol import userinfo
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.protected_resource import PresentedToken
from grantlog.core.protocol.resource import own_resources
from grantlog.core.protocol.token_text import Kind
from grantlog.flows import sender
from grantlog.flows.claims import profile_of
from grantlog.flows.introspect import find_standing
from grantlog.flows.locate import locate
from grantlog.flows.mint import json_bytes
from grantlog.flows.service import Service
from grantlog.flows.signed_answers import algorithm_for, encrypted_for, signed_for


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The body, its media type, and the client whose token it was."""

    body: bytes
    media_type: str
    client: ClientState


async def tell(service: Service, presented: PresentedToken, proofs: Proofs) -> UserInfo:
    """What the client of this access token may know of its user.

    Raises InvalidTokenError, ProtocolError (insufficient_scope, and what a proof lacks), UnavailableError.
    """
    stream, found = await _alive(service, presented)
    profile = found.token.profile
    # RFC 9068 4: "the resource server MUST validate that the 'aud' claim contains a resource indicator value corresponding to
    # an identifier the resource server expects for itself"
    if set(profile.audience).isdisjoint(own_resources(service.policy.issuer)):
        raise InvalidTokenError("userinfo_other_audience")
    await sender.prove_possession(service, proofs, profile.confirmation, presented.text)
    if userinfo.SCOPE not in profile.scope:
        raise ProtocolError("insufficient_scope", "the access token is not good for openid", "userinfo_scope")
    client = await service.clients.find(found.family.client_id)
    members = None if client is None else await _members(service, stream, found, client.state)
    if client is None or members is None:
        raise InvalidTokenError("userinfo_gone")
    return await _answer(service, client.state, members)


async def _alive(service: Service, presented: PresentedToken) -> tuple[StreamId, Active]:
    located = locate(service, presented.text)
    if located is None or located.handle.kind is Kind.REFRESH:
        raise InvalidTokenError("userinfo_token_unknown")
    if located.handle.expires_at <= seconds(service.ports.log.now()):
        raise InvalidTokenError("userinfo_token_expired")
    found = await find_standing(service, located)
    if isinstance(found, Inactive):
        raise InvalidTokenError(found.reason)
    return located.handle.stream, found


async def _members(service: Service, stream: StreamId, found: Active, client: ClientState) -> Mapping[str, Any] | None:
    """The claims; None where nobody is there any more whom they could be about."""
    state = (await service.ports.log.load(stream)).state
    if not isinstance(state, GrantState) or state.account is None:
        return None
    person = await profile_of(service, state.account)
    if person is None:
        return None
    asked = "" if state.authentication is None else state.authentication.claims
    return userinfo.members(state.subject, found.token.profile.scope, person, asked, client.metadata.scope)


async def _answer(service: Service, client: ClientState, members: Mapping[str, Any]) -> UserInfo:
    """JSON, or a JWT as the client registered it: signed, encrypted, or signed and then encrypted."""
    metadata, plain = client.metadata, json_bytes(members)
    if metadata.userinfo_signed_response_alg is not None:
        claims = userinfo.as_jwt(members, issuer=service.policy.issuer, client_id=client.client_id)
        alg = algorithm_for(service, client, metadata.userinfo_signed_response_alg)
        encryption = metadata.userinfo_encryption
        text = await signed_for(service, client, claims, typ=userinfo.TYP, alg=alg, encryption=encryption)
        return UserInfo(text.encode(), userinfo.MEDIA_TYPE, client)
    if metadata.userinfo_encryption is not None:
        text = await encrypted_for(service, client, plain, metadata.userinfo_encryption, None)
        return UserInfo(text.encode(), userinfo.MEDIA_TYPE, client)
    return UserInfo(plain, "application/json", client)
