"""Making tokens: texts for the client, hashes for the log. Nothing here has happened until the append."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import JSONEncoder
from typing import Any

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import AccessToken, Authentication, Profile, RefreshToken
from grantlog.core.identifiers import MICROS, Micros, StreamId, after, seconds
from grantlog.core.protocol import id_token, jwt_access_token, token_text
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind
from grantlog.flows.service import Service

_encode = JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the log the tokens will stand: the stream, and the version of the event that issues them."""

    stream: StreamId
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whom an access token speaks of."""

    client: ClientState
    subject: str
    authentication: Authentication | None = None


async def access_token(
    service: Service, place: Place, about: About, profile: Profile, now: Micros, not_after: Micros
) -> tuple[str, AccessToken]:
    """The text of a new access token and its trace on the log; JWT (RFC 9068) where client or resource ask for it.

    It never outlives ``not_after``, the end of its family. Raises UnavailableError when there is no key to sign with.
    """
    issued_at = seconds(now)
    expires_at = min(issued_at + service.policy.access_token_lifetime, seconds(not_after))
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
        scope=profile.scope,
        auth_time=about.authentication.auth_time if about.authentication else None,
        acr=about.authentication.acr if about.authentication else None,
        amr=about.authentication.amr if about.authentication else (),
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


def refresh_token(service: Service, place: Place, now: Micros, not_after: Micros) -> tuple[str, RefreshToken]:
    """The text of a new refresh token and its trace: it idles out, at the latest with its family."""
    expires_at = Micros(min(after(now, service.policy.refresh_idle_lifetime), not_after))
    secrets = service.ports.secrets
    secret = secrets.random(SECRET_BYTES)
    handle = Handle(Kind.REFRESH, place.stream, place.version, -(-expires_at // MICROS))
    text = token_text.write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
    return text, RefreshToken(hash=sha256(secret).digest(), expires_at=expires_at)


async def identity_token(
    service: Service, about: About, access_text: str, now: Micros, *, with_nonce: bool
) -> str | None:
    """An ID token (OpenID Connect Core section 2); None where nobody authenticated."""
    if about.authentication is None:
        return None
    alg = about.client.metadata.id_token_signed_response_alg
    issued_at = seconds(now)
    claims = id_token.claims(
        issuer=service.policy.issuer,
        subject=about.subject,
        client_id=about.client.client_id,
        issued_at=issued_at,
        expires_at=issued_at + service.policy.id_token_lifetime,
        auth_time=about.authentication.auth_time,
        nonce=about.authentication.nonce if with_nonce else None,
        at_hash=id_token.at_hash(access_text, alg),
        amr=about.authentication.amr,
        acr=about.authentication.acr,
    )
    text, _ = await service.ports.signer.sign(alg, claims, "JWT")
    return text


def answer(
    access_text: str,
    trace: AccessToken,
    *,
    refresh: str | None = None,
    identity: str | None = None,
) -> bytes:
    """The body of RFC 6749 section 5.1."""
    members: dict[str, Any] = {
        "access_token": access_text,
        # RFC 6750: case-insensitive, and spelt like this by most
        "token_type": "Bearer",
        "expires_in": trace.expires_at - trace.issued_at,
        # RFC 6749 5.1: "OPTIONAL, if identical to the scope requested by the client; otherwise, REQUIRED"
        "scope": " ".join(trace.profile.scope),
    }
    if refresh is not None:
        members["refresh_token"] = refresh
    if identity is not None:
        members["id_token"] = identity
    return json_bytes(members)


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return _encode(members).encode()
