"""Facts of one client: its registration (RFC 7591), its secrets, and whether it may act at all.

Secrets never stand on the log, only their SHA-256. Every fact of a client goes with a change of the gate
``('client', client_id)``, so that nobody answers from what he remembered of it.
"""

from dataclasses import dataclass
from typing import Literal

from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros

AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]
ApplicationType = Literal["web", "native"]
TokenFormat = Literal["opaque", "jwt"]


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

    @property
    def public(self) -> bool:
        """Whether this is a public client (RFC 6749 section 2.1): one that has no secret."""
        return self.token_endpoint_auth_method == "none"


@event("client.registered", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A client was registered, by itself (RFC 7591 section 3) or by an operator."""

    client_id: ClientId
    metadata: ClientMetadata
    secret_hash: bytes | None
    """SHA-256 of the first secret; None for a public client."""
    secret_expires_at: Micros | None
    registered_at: Micros


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


@event("client.updated", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The registration was replaced as a whole (the semantics of RFC 7592 section 2.2)."""

    metadata: ClientMetadata
