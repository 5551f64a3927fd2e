"""What the operator decided for all clients: issuer, lifetimes, resources. Built once from the settings, never changed."""

from dataclasses import dataclass

from grantlog.core.protocol.resource import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Spans are in seconds."""

    issuer: str
    """RFC 8414 section 2; without a trailing slash."""
    catalog: Catalog
    token_prefix: str = "gl"
    code_lifetime: int = 60
    access_token_lifetime: int = 600
    id_token_lifetime: int = 600
    refresh_idle_lifetime: int = 30 * 86_400
    refresh_absolute_lifetime: int = 180 * 86_400
    session_lifetime: int = 12 * 3600
    login_lifetime: int = 600
    grace_window: int = 10
    jwks_max_age: int = 300
    signing_key_lifetime: int = 30 * 86_400
    secret_overlap: int = 86_400
    pending_logins_per_client: int = 10_000
    projection_lease: float = 30.0
    registration_open: bool = False
    """Whether an initial access token is configured at all (RFC 7591 section 3)."""
