"""Making tokens: texts for the client, hashes for the log. Nothing here has happened until the append."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import AccessToken, Authentication, Confirmation, Profile, RefreshToken
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import MICROS, Micros, StreamId, after, seconds
from grantlog.core.protocol import claims as person_claims
from grantlog.core.protocol import id_token, jwt_access_token, token_text
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind
from grantlog.flows.claims import profile_of
from grantlog.flows.service import Service
from grantlog.flows.sessions import sid_of
from grantlog.flows.signed_answers import algorithm_for, signed_for
from grantlog.flows.token_claims import extra_claims

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the log the tokens will stand: the stream, and the version of the event that issues them."""

    stream: StreamId
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whom tokens speak of. ``account`` and ``session`` are of the end user; None where nobody authenticated here."""

    client: ClientState
    subject: str
    authentication: Authentication | None = None
    account: UUID | None = None
    session: UUID | None = None


def about_grant(client: ClientState, state: GrantState) -> About:
    """Whom the tokens of a grant speak of."""
    return About(
        client=client,
        subject=state.subject,
        authentication=state.authentication,
        account=state.account,
        session=state.session,
    )


async def access_token(
    service: Service,
    place: Place,
    about: About,
    profile: Profile,
    now: Micros,
    not_after: Micros,
    *,
    lifetime: int | None = None,
) -> tuple[str, AccessToken]:
    """The text of a new access token and its trace on the log; JWT (RFC 9068) where client or resource ask for it.

    It never outlives ``not_after``, the end of its family, nor ``lifetime`` seconds where they are given. Raises
    UnavailableError when there is no key to sign with.
    """
    issued_at = seconds(now)
    usual = service.policy.access_token_lifetime
    span = usual if lifetime is None else min(usual, lifetime)
    expires_at = min(issued_at + span, seconds(not_after))
    kind, alg = _format(service, about.client, profile)
    handle = Handle(kind, place.stream, place.version, expires_at)
    secrets = service.ports.secrets
    if kind is Kind.ACCESS:
        secret = secrets.random(SECRET_BYTES)
        text = token_text.write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
        return text, AccessToken(
            hash=sha256(secret).digest(), issued_at=issued_at, expires_at=expires_at, profile=profile
        )
    claims = jwt_access_token.claims(
        issuer=service.policy.issuer,
        subject=about.subject,
        audience=profile.audience,
        client_id=about.client.client_id,
        issued_at=issued_at,
        expires_at=expires_at,
        jti=token_text.write_handle(handle, secrets.token_mac_keys()[0]),
        scope=service.policy.catalog.holds(profile.scope, profile.audience),
        auth_time=about.authentication.auth_time if about.authentication else None,
        acr=about.authentication.acr if about.authentication else None,
        amr=about.authentication.amr if about.authentication else (),
        extra=extra_claims(profile),
    )
    # RFC 9068 2.1: "JWT access tokens MUST include this media type in the 'typ' header parameter"
    text, kid = await service.ports.signer.sign(alg, claims, jwt_access_token.TYP)
    return text, AccessToken(
        hash=sha256(text.encode()).digest(), issued_at=issued_at, expires_at=expires_at, profile=profile, kid=kid
    )


def _format(service: Service, client: ClientState, profile: Profile) -> tuple[Kind, str]:
    """Opaque or JWT, as the client says; else as its resources say, when all of them say JWT."""
    rules = [rule for uri in profile.audience if (rule := service.policy.catalog.find(uri)) is not None]
    alg = rules[0].signing_alg if rules else "ES256"
    if client.metadata.access_token_format is not None:
        return (Kind.JWT if client.metadata.access_token_format == "jwt" else Kind.ACCESS), alg
    wants_jwt = bool(rules) and all(rule.token_format == "jwt" for rule in rules)
    return (Kind.JWT if wants_jwt else Kind.ACCESS), alg


def refresh_token(
    service: Service,
    place: Place,
    now: Micros,
    not_after: Micros,
    confirmation: Confirmation | None = None,
    *,
    rotates: bool = True,
) -> tuple[str, RefreshToken]:
    """The text of a new refresh token and its trace: it idles out, at the latest with its family.

    ``confirmation``: who alone may spend it (a public client's sender, RFC 9449 section 5). One that never ``rotates`` is
    kept from idling out by its use, so its text is good as long as the family.
    """
    expires_at = idles_out(service, now, not_after)
    secrets = service.ports.secrets
    secret = secrets.random(SECRET_BYTES)
    handle = Handle(Kind.REFRESH, place.stream, place.version, -(-(expires_at if rotates else not_after) // MICROS))
    text = token_text.write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
    return text, RefreshToken(hash=sha256(secret).digest(), expires_at=expires_at, confirmation=confirmation)


def idles_out(service: Service, now: Micros, not_after: Micros) -> Micros:
    """When a refresh token that is issued or used now is dead without further use."""
    return Micros(min(after(now, service.policy.refresh_idle_lifetime), not_after))


async def identity_token(
    service: Service, about: About, access_text: str, now: Micros, *, with_nonce: bool
) -> str | None:
    """An ID token (OpenID Connect Core section 2), encrypted where the client registered that; None where nobody logged in.

    Raises UnavailableError.
    """
    known, metadata = about.authentication, about.client.metadata
    if known is None:
        return None
    alg = algorithm_for(service, about.client, metadata.id_token_signed_response_alg)
    issued_at = seconds(now)
    claims = id_token.claims(
        issuer=service.policy.issuer,
        subject=about.subject,
        client_id=about.client.client_id,
        issued_at=issued_at,
        expires_at=issued_at + service.policy.id_token_lifetime,
        auth_time=known.auth_time,
        nonce=known.nonce if with_nonce else None,
        at_hash=id_token.at_hash(access_text, alg),
        amr=known.amr,
        acr=known.acr,
        session=None if about.session is None else sid_of(service, about.session, about.client.client_id),
        told=await _asked_for(service, about),
    )
    return await signed_for(
        service, about.client, claims, typ=id_token.TYP, alg=alg, encryption=metadata.id_token_encryption
    )


async def _asked_for(service: Service, about: About) -> Mapping[str, Any]:
    """What the ``claims`` parameter wants in the ID token (OpenID Connect Core section 5.5), as far as the account says it."""
    asked = person_claims.requested(about.authentication.claims, "id_token") if about.authentication else {}
    if about.account is None or asked.keys().isdisjoint(person_claims.STANDARD):
        return {}
    person = await profile_of(service, about.account) or {}
    return person_claims.told_by_request(person, asked, about.client.metadata.scope)


def answer(
    access_text: str,
    trace: AccessToken,
    *,
    refresh: str | None = None,
    identity: str | None = None,
    issued_token_type: str | None = None,
) -> bytes:
    """The body of RFC 6749 section 5.1; with ``issued_token_type`` that of RFC 8693 section 2.2.1."""
    proof = trace.profile.confirmation
    members: dict[str, Any] = {
        "access_token": access_text,
        # RFC 9449 5: "A token_type of DPoP MUST be included in the access token response to signal to the client that the
        # access token was bound to its DPoP key"; RFC 6750: case-insensitive, and spelt like this by most
        "token_type": "DPoP" if proof is not None and proof.method == "jkt" else "Bearer",
        "expires_in": trace.expires_at - trace.issued_at,
        # RFC 6749 5.1: "OPTIONAL, if identical to the scope requested by the client; otherwise, REQUIRED"
        "scope": " ".join(trace.profile.scope),
    }
    # RFC 9396 7: "the AS MUST also return the authorization_details as granted by the resource owner and assigned to the
    # respective access token."
    if trace.profile.details:
        members["authorization_details"] = msgspec.Raw(trace.profile.details.encode())
    if issued_token_type is not None:
        members["issued_token_type"] = issued_token_type
    if refresh is not None:
        members["refresh_token"] = refresh
    if identity is not None:
        members["id_token"] = identity
    return json_bytes(members)


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return _encode(members)
