"""Facts of one grant: the token family of RFC 6749 (code, refresh chain, access tokens).

Hashes are SHA-256 of the 32 secret bytes of an opaque token, or of the whole text of a JWT access token.
"""

from dataclasses import dataclass
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an access token may do: scope (RFC 6749 section 3.3) at an audience (RFC 8707)."""

    scope: tuple[str, ...]
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """One issued access token, without its secret. Times are NumericDates."""

    hash: bytes
    issued_at: int
    expires_at: int
    profile: Profile
    kid: str | None = None
    """The signing key of a JWT access token (RFC 9068); None for an opaque one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One issued refresh token, without its secret."""

    hash: bytes
    expires_at: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How and when the end user authenticated, and what the client asked to be told (OpenID Connect Core section 2)."""

    auth_time: int
    nonce: str | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None


@event("grant.authorized", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """The resource owner consented; an authorization code was issued (RFC 6749 section 4.1.2)."""

    client_id: ClientId
    account: UUID
    session: UUID
    subject: str
    stamps: tuple[Stamp, ...]
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    code_hash: bytes
    code_expires_at: Micros
    authorized_at: Micros
    expires_at: Micros
    authentication: Authentication


@event("grant.code_redeemed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRedeemed:
    """The code was exchanged for the first tokens (RFC 6749 section 4.1.3)."""

    access_token: AccessToken
    refresh_token: RefreshToken | None
    redeemed_at: Micros


@event("grant.client_credentials_issued", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentialsIssued:
    """A client got a token for itself (RFC 6749 section 4.4): a family of one access token."""

    client_id: ClientId
    stamps: tuple[Stamp, ...]
    access_token: AccessToken
    issued_at: Micros
    expires_at: Micros


@event("grant.refresh_token_rotated", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenRotated:
    """The current refresh token was spent for a successor (OAuth 2.1 section 4.3.1)."""

    spent_version: int
    request_digest: bytes
    client_authentication: str
    access_token: AccessToken
    refresh_token: RefreshToken
    rotated_at: Micros


@event("grant.access_token_issued", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenIssued:
    """A second caller of a spent refresh token asked, in the grace window, for other access: under the same successor."""

    request_digest: bytes
    access_token: AccessToken


@event("grant.access_token_revoked", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenRevoked:
    """One access token was revoked by its client (RFC 7009 section 2.1)."""

    hash: bytes


@event("grant.reuse_detected", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseDetected:
    """A spent code or refresh token came again outside the grace rules: the family is dead (RFC 9700 section 4.14.2)."""

    credential: str
    """``authorization_code`` or ``refresh_token``."""
    presented_version: int
    cause: str


@event("grant.revoked", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The family was revoked as a whole: by its client, the user, an operator or an incident."""

    cause: str
