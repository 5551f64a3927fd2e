"""Facts of one grant: the token family of RFC 6749 (code, refresh chain, access tokens).

Hashes are SHA-256 of the 32 secret bytes of an opaque token, or of the whole text of a JWT access token.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What its sender has to prove: ``cnf`` (RFC 7800 section 3.1)."""

    method: Literal["jkt", "x5t#S256"]
    """A DPoP key (RFC 9449 section 6.1), or a client certificate (RFC 8705 section 3.1)."""
    thumbprint: str
    """SHA-256 in base64url, 43 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an access token may do: scope (RFC 6749 section 3.3) at an audience (RFC 8707), and in whose hands.

    The texts are compact JSON with its members in the order in which they came; empty: none.
    """

    scope: tuple[str, ...]
    audience: tuple[str, ...]
    confirmation: Confirmation | None = None
    details: str = ""
    """``authorization_details`` (RFC 9396 section 7): an array."""
    actor: str = ""
    """``act`` (RFC 8693 section 4.1): an object."""
    attributes: str = ""
    """``roles``, ``groups`` and ``entitlements`` (RFC 9068 section 2.2.3.1) where the resource asks for them: an object."""


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
    confirmation: Confirmation | None = None
    """Of a public client's (RFC 9449 section 5): only who proves this may spend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How and when the end user authenticated, and what the client asked to be told (OpenID Connect Core section 2)."""

    auth_time: int
    nonce: str | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    claims: str = ""
    """The ``claims`` parameter (OpenID Connect Core section 5.5) as compact JSON; empty: it was not sent."""


@event("grant.authorized", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """The resource owner consented: to an authorization code (RFC 6749 section 4.1.2) or a device code (RFC 8628)."""

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
    credential: Literal["authorization_code", "device_code"] = "authorization_code"
    """Which kind of code ``code_hash`` is of. A device code has no redirect URI and no challenge: both are empty."""
    details: str = ""
    """The granted ``authorization_details`` (RFC 9396), compact JSON; empty: none."""
    dpop_jkt: str | None = None
    """The key that the code is bound to (RFC 9449 section 10)."""


@event("grant.code_redeemed", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRedeemed:
    """The code was exchanged for the first tokens (RFC 6749 section 4.1.3)."""

    access_token: AccessToken
    refresh_token: RefreshToken | None
    redeemed_at: Micros


@event("grant.client_credentials_issued", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentialsIssued:
    """A client got a token for itself (RFC 6749 section 4.4): a family of one access token."""

    client_id: ClientId
    stamps: tuple[Stamp, ...]
    access_token: AccessToken
    issued_at: Micros
    expires_at: Micros


@event("grant.exchanged", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A family of one access token, for another token: an exchanged one (RFC 8693) or an assertion (RFC 7523)."""

    client_id: ClientId
    subject: str
    account: UUID | None
    session: UUID | None
    parent: UUID | None
    """The family of the subject token; None for an assertion of another issuer."""
    issuer: str | None
    """Who issued the assertion; None where we issued the subject token."""
    stamps: tuple[Stamp, ...]
    """The parent's, and ``("family", parent)``: who revokes the parent revokes its children, by one gate."""
    access_token: AccessToken
    authentication: Authentication | None
    issued_at: Micros
    expires_at: Micros


@event("grant.child_issued", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChildIssued:
    """On the parent: a token of this family was exchanged for ``child``, which was harmless until now."""

    child: UUID
    token_hash: bytes
    """Of the subject token."""


@event("grant.refreshed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """A refresh token that is not rotated (sender-constrained, or of a FAPI 2.0 client) was used: another access token."""

    access_token: AccessToken
    refreshed_at: Micros
    refresh_expires_at: Micros
    """When the refresh token idles out now: every use counts."""


@event("grant.refresh_token_rotated", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenRotated:
    """The current refresh token was spent for a successor (OAuth 2.1 section 4.3.1)."""

    spent_version: int
    request_digest: bytes
    client_authentication: str
    access_token: AccessToken
    refresh_token: RefreshToken
    rotated_at: Micros


@event("grant.access_token_issued", version=2)
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
