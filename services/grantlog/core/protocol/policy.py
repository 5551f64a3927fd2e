"""What the operator decided for all clients: issuer, lifetimes, resources. Built once from the settings, never changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grantlog.core.protocol.resource import Catalog

ProfileName = Literal["oauth21", "oidc", "fapi2"]


def _nothing_conforms(_entry: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsType:
    """One type of ``authorization_details`` (RFC 9396 section 5.1), as the operator registered it."""

    type: str
    schema: Mapping[str, Any]
    """A JSON Schema (2020-12) of one whole entry."""
    title: str
    """What the consent page calls it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What the page calls its members, by a path with dots: ``creditorAccount.iban``."""
    valid: Callable[[object], bool] = field(default=_nothing_conforms, repr=False, compare=False)
    """``schema``, compiled by whoever reads the settings: whether an entry conforms to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRule:
    """What an assertion whose claims match gets: every member of ``claims`` must equal, or match with ``*`` at its end."""

    claims: Mapping[str, str]
    client_id: str
    scope: tuple[str, ...]
    lifetime: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Who may issue assertions (RFC 7523 section 3), software statements, or both."""

    issuer: str
    jwks_uri: str | None
    jwks: str
    """The keys as JSON, where no ``jwks_uri`` is given."""
    purposes: tuple[Literal["assertion", "software_statement"], ...]
    rules: tuple[AssertionRule, ...] = ()
    """None: the client that presents the assertion must be registered for the grant, and gets what it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamProvider:
    """An OpenID provider whose users may log in here."""

    name: str
    """Letters, digits and dashes: stands in URLs."""
    label: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "openid profile email"
    creates_accounts: bool = False
    """Whether an unknown identity gets an account of its own; else it must be linked from the account page first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginDelegate:
    """The operator's own application that logs users in and asks for their consent."""

    url: str
    """Where the browser is sent, with ``challenge``."""
    client_id: str
    """The confidential client as which that application answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Spans are in seconds."""

    issuer: str
    """RFC 8414 section 2; without a trailing slash."""
    catalog: Catalog
    profile: ProfileName = "oauth21"
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

    par_required: bool = False
    par_lifetime: int = 90
    device_lifetime: int = 600
    device_interval: int = 5
    device_codes_per_client: int = 1000
    dpop_nonce_required: bool = False
    """Whether every DPoP proof must carry a nonce of ours (RFC 9449 section 8)."""
    mtls_base_url: str | None = None
    """Where clients reach us with their certificates (RFC 8705 section 5); None: mTLS is off."""
    certificate_authorities: bool = False
    """Whether anybody vouches for clients' certificates: without, there is no ``tls_client_auth``."""
    client_id_documents: bool = False
    """Whether a client may be known by the URL of its metadata document."""
    exchange_depth: int = 4
    """So many actors may follow each other in ``act`` (RFC 8693 section 4.1)."""
    details_types: tuple[DetailsType, ...] = ()
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    upstream_providers: tuple[UpstreamProvider, ...] = ()
    login_delegate: LoginDelegate | None = None

    def details_type(self, name: str) -> DetailsType | None:
        """The registered type of authorization details with this name."""
        return next((known for known in self.details_types if known.type == name), None)

    def fapi2_for(self, client_profile: str | None) -> bool:
        """Whether requests of a client with this profile are held to FAPI 2.0: all are, or it alone is."""
        return self.profile == "fapi2" or client_profile == "fapi2"
