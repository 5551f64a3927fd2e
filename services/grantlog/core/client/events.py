"""Facts of one client: its registration (RFC 7591), its secrets, and whether it may act at all.

Secrets never stand on the log, only their SHA-256. Every fact of a client goes with a change of the gate
``('client', client_id)``, so that nobody answers from what he remembered of it.
"""

from dataclasses import dataclass
from typing import Literal

from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros

AuthMethod = Literal[
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
]
ApplicationType = Literal["web", "native"]
TokenFormat = Literal["opaque", "jwt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """How answers to a client are encrypted to its key (RFC 7516)."""

    alg: str
    enc: str = "A128CBC-HS256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """What a client registered about itself (RFC 7591 section 2; OpenID Connect Registration section 2), validated."""

    name: str
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scope: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """Audiences it may ask for (RFC 8707); empty: all that are configured."""
    introspects: tuple[str, ...] = ()
    """A resource server: audiences whose tokens it may introspect (RFC 7662 section 2.1)."""
    application_type: ApplicationType = "web"
    id_token_signed_response_alg: str = "RS256"
    access_token_format: TokenFormat | None = None
    """None: as the resource says."""
    origins: tuple[str, ...] = ()
    """Browser origins that CORS lets in."""
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None

    # keys and authentication
    jwks: str = ""
    """The client's public keys as compact JSON (RFC 7591 section 2); empty: none, or those at ``jwks_uri``."""
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    """Of assertions (OpenID Connect Registration section 2); None: any that is supported."""
    tls_client_auth: tuple[str, str] | None = None
    """RFC 8705 section 2.1.2: which of the five ``tls_client_auth_*`` members, without that prefix, and its value."""
    tls_client_certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = False

    # requests
    profile: Literal["fapi2"] | None = None
    """Held to FAPI 2.0, whatever the server's own profile is."""
    pkce_optional: bool = False
    """An operator's exception for a named confidential client; no registration can set it."""
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    request_object_signing_alg: str | None = None
    authorization_details_types: tuple[str, ...] = ()
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()
    require_auth_time: bool = False

    # answers
    subject_type: Literal["public", "pairwise"] = "public"
    sector_identifier: str | None = None
    """The host that pairwise subjects are computed for (OpenID Connect Core section 8.1), checked at registration."""
    sector_identifier_uri: str | None = None
    id_token_encryption: Encryption | None = None
    userinfo_signed_response_alg: str | None = None
    """None: as plain JSON."""
    userinfo_encryption: Encryption | None = None
    introspection_signed_response_alg: str | None = None
    introspection_encryption: Encryption | None = None
    authorization_signed_response_alg: str | None = None
    authorization_encryption: Encryption | None = None
    rotate_refresh_tokens: bool = True
    """May be turned off for a client whose tokens are sender-constrained."""

    # logout and login
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    initiate_login_uri: str | None = None

    # where it comes from
    software_id: str | None = None
    software_version: str | None = None
    software_statement_issuer: str | None = None
    """Who vouched for it by a software statement (RFC 7591 section 2.3)."""
    verified: bool = True
    """False: it registered itself, or is known by a document only; people are told so."""
    may_exchange: tuple[str, ...] = ()
    """Clients whose tokens it may exchange (RFC 8693) besides its own and those that are meant for it."""

    @property
    def public(self) -> bool:
        """Whether this is a public client (RFC 6749 section 2.1): one that has no secret."""
        return self.token_endpoint_auth_method == "none"

    @property
    def sender_constrained(self) -> bool:
        """Whether every access token of it is bound to a DPoP key or to its certificate."""
        return self.dpop_bound_access_tokens or self.tls_client_certificate_bound_access_tokens


@event("client.registered", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A client was registered, by itself (RFC 7591 section 3) or by an operator."""

    client_id: ClientId
    metadata: ClientMetadata
    secret_hash: bytes | None
    """SHA-256 of the first secret; None for a public client."""
    secret_expires_at: Micros | None
    registered_at: Micros
    registration_token_hash: bytes | None = None
    """SHA-256 of the registration access token (RFC 7592 section 3); None: nobody manages it by HTTP."""


@event("client.registration_token_replaced", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationTokenReplaced:
    """The client got another registration access token (RFC 7592 section 3); the one before it is dead."""

    registration_token_hash: bytes


@event("client.deregistered", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Deregistered:
    """The client was removed (RFC 7592 section 2.3), and everything issued to it is dead. Its id is never used again."""


@event("client.secret_added", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecretAdded:
    """A new secret was made; the one before it works on until ``overlap_ends_at``, older ones do not."""

    secret_hash: bytes
    secret_expires_at: Micros | None
    overlap_ends_at: Micros
    added_at: Micros


@event("client.suspended", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """The client may not act, and everything issued to it before is dead."""

    cause: str


@event("client.resumed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The client may act again. What was issued before its suspension stays dead."""


@event("client.updated", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The registration was replaced as a whole (the semantics of RFC 7592 section 2.2)."""

    metadata: ClientMetadata
