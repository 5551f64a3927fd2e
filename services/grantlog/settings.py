"""One frozen Settings, read once from ``GRANTLOG_*``. An unknown or missing variable stops the boot by name."""

import json
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableValueError

PREFIX = "GRANTLOG_"
JSON_SETTINGS = frozenset(
    {"resources", "authorization_details_types", "trusted_issuers", "upstream_providers", "login_delegate"}
)
"""Those that are written as JSON."""


class SettingsError(Exception):
    """The environment does not make a configuration; the message names the variables."""


class Resource(BaseModel):
    """One protected resource (RFC 8707): who may be named as an audience, and by which scopes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    scopes: tuple[str, ...]
    token_format: Literal["opaque", "jwt"] = "opaque"
    signing_alg: Literal["ES256", "EdDSA", "PS256", "RS256"] = "ES256"
    attributes: bool = False
    """Whether its tokens carry the roles, groups and entitlements of the account."""
    texts: dict[str, str] = Field(default_factory=dict)
    """What a scope is called on the consent page."""
    implies: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Scopes that hold others."""
    name: str = ""


class DetailsType(BaseModel):
    """A type of ``authorization_details`` (RFC 9396): the JSON Schema of an entry, and what the consent page calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    schema_: dict[str, Any] = Field(alias="schema")
    title: str
    labels: dict[str, str] = Field(default_factory=dict)


class AssertionRule(BaseModel):
    """What an assertion with these claims gets (RFC 7523)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claims: dict[str, str]
    client_id: str
    scope: tuple[str, ...]
    lifetime: Annotated[int, Field(ge=1, le=86_400)] | None = None


class TrustedIssuer(BaseModel):
    """Whose assertions or software statements count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    jwks_uri: str | None = None
    jwks: dict[str, Any] | None = None
    purposes: tuple[Literal["assertion", "software_statement"], ...] = ("assertion",)
    rules: tuple[AssertionRule, ...] = ()

    @model_validator(mode="after")
    def _keys(self) -> "TrustedIssuer":
        if (self.jwks_uri is None) == (self.jwks is None):
            raise ValueError("either jwks_uri or jwks")
        return self


class UpstreamProvider(BaseModel):
    """An OpenID provider whose users may log in here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    label: str
    issuer: str
    client_id: str
    client_secret: SecretStr
    scope: str = "openid profile email"
    creates_accounts: bool = False


class LoginDelegate(BaseModel):
    """The operator's own application that logs users in and asks for consent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    client_id: str


class Settings(BaseSettings):
    """Everything that can be set. Spans are in seconds unless a name says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    issuer: str
    """The issuer identifier (RFC 8414 section 2). Never taken from ``Host``."""
    dev: bool = False
    """Set by ``grantlog dev`` only: allows an http issuer on loopback, the demo seed and loopback egress."""
    database_url: SecretStr
    operator_database_url: SecretStr | None = None
    """The role that migrates; ``database_url`` where it is not set."""
    vault_database_url: SecretStr | None = None
    """Where data keys of persons live; ``database_url`` where it is not set."""
    redis_url: SecretStr
    redis_cluster: bool = False
    broker_url: SecretStr | None = None
    root_keys: SecretStr | None = None
    """Root key list, newest first: comma-separated base64url values of 32 bytes."""
    root_keys_file: Path | None = None
    initial_access_token: SecretStr | None = None
    """Who holds it may register clients (RFC 7591 section 3). Not set: registration is off."""
    resources: tuple[Resource, ...] = ()
    profile: Literal["oauth21", "oidc", "fapi2"] = "oauth21"
    """``oidc`` lets confidential clients leave out PKCE, for certification only; ``fapi2`` holds every client to FAPI 2.0."""
    token_prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,7}$")] = "gl"

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    introspection_port: int | None = None
    """In production introspection has a listener of its own; not set: the same as ``port``."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9464
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Networks whose ``Forwarded``, ``X-Forwarded-*`` and certificate headers count."""
    worker_name: str = "main"
    """The label ``worker`` of every metric of this process."""

    mtls_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """A listener of its own that asks clients for their certificates (RFC 8705); needs ``tls_certificate``."""
    mtls_base_url: str | None = None
    """Where clients reach that listener, or a proxy that does the same; not set: mTLS is off."""
    client_certificate_header: str | None = None
    """The header in which a trusted proxy hands on the client's certificate: ``Client-Cert`` (RFC 9440) or PEM, escaped."""
    client_certificate_authorities: Path | None = None
    """PEM of those that issue clients' certificates themselves; not set: no ``tls_client_auth``, only self-signed ones."""

    code_lifetime: Annotated[int, Field(ge=1, le=600)] = 60
    access_token_lifetime: Annotated[int, Field(ge=1, le=86_400)] = 600
    id_token_lifetime: Annotated[int, Field(ge=1, le=86_400)] = 600
    refresh_idle_lifetime: Annotated[int, Field(ge=1)] = 30 * 86_400
    refresh_absolute_lifetime: Annotated[int, Field(ge=1, le=180 * 86_400)] = 180 * 86_400
    session_lifetime: Annotated[int, Field(ge=60)] = 12 * 3600
    login_lifetime: Annotated[int, Field(ge=60, le=3600)] = 600
    grace_window: Annotated[int, Field(ge=0, le=60)] = 10
    grace_retries: Annotated[int, Field(ge=1)] = 1000
    """How often one spent refresh token is answered again in its grace window."""
    jwks_max_age: int = 300
    signing_key_lifetime: int = 30 * 86_400

    par_required: bool = False
    """Every authorization request has to be pushed (RFC 9126)."""
    par_lifetime: Annotated[int, Field(ge=5, lt=600)] = 90
    device_lifetime: Annotated[int, Field(ge=60, le=3600)] = 600
    device_interval: Annotated[int, Field(ge=1, le=60)] = 5
    device_codes_per_client: Annotated[int, Field(ge=1)] = 1000
    dpop_nonce_required: bool = False
    """Every DPoP proof has to carry a nonce of the server (RFC 9449 section 8)."""
    client_id_documents: bool = False
    """A client may be known by the URL of its metadata document."""
    exchange_depth: Annotated[int, Field(ge=1, le=16)] = 4
    authorization_details_types: tuple[DetailsType, ...] = ()
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    upstream_providers: tuple[UpstreamProvider, ...] = ()
    login_delegate: LoginDelegate | None = None

    projection_lease: Annotated[float, Field(gt=0.5, le=600)] = 30.0
    """How long a beat is trusted (design section 5)."""
    projection_tags: Annotated[int, Field(ge=1, le=1024)] = 1
    fallback_limit: int = 32
    """How many introspections may ask PostgreSQL at once."""
    append_queue: int = 4096
    password_workers: int = 2
    password_queue: int = 32

    rate_token: str = "6000/minute"
    rate_register: str = "600/minute"
    rate_revoke: str = "6000/minute"
    rate_login_account: str = "10/minute"
    rate_login_address: str = "100/minute"
    """Token buckets: capacity and refill. Only failures count."""
    rate_user_code: str = "30/minute"
    """Guesses of user codes (RFC 8628 section 5.1), an address; and of second factors, an account."""
    rate_second_factor: str = "10/minute"
    rate_device: str = "600/minute"
    rate_authorize: str = "900/minute"
    """Authorization requests of an address for a client, where nobody allows one: so that no address can fill
    ``pending_logins_per_client`` within a ``login_lifetime``."""
    pending_logins_per_client: int = 10_000
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    egress_private: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        # RFC 8414 2: "a URL that uses the 'https' scheme and has no query or fragment components"
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an https URL without query and fragment")
        return value.rstrip("/")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(str(ip_network(part.strip())) for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _signed_webhook(self) -> "Settings":
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ValueError("GRANTLOG_WEBHOOK_SECRET is missing: nobody could tell our notices from forged ones")
        return self

    @model_validator(mode="after")
    def _mtls(self) -> "Settings":
        if self.mtls_port is not None and (self.tls_certificate is None or self.mtls_base_url is None):
            raise ValueError("GRANTLOG_MTLS_PORT needs GRANTLOG_TLS_CERTIFICATE and GRANTLOG_MTLS_BASE_URL")
        if self.client_certificate_header is not None and not self.trusted_proxies:
            raise ValueError("GRANTLOG_CLIENT_CERTIFICATE_HEADER counts from GRANTLOG_TRUSTED_PROXIES only")
        return self

    @model_validator(mode="after")
    def _production(self) -> "Settings":
        if self.dev:
            return self
        if not self.issuer.startswith("https://"):
            raise ValueError("GRANTLOG_ISSUER must be https outside `grantlog dev`")
        if self.root_keys is None and self.root_keys_file is None:
            raise ValueError("GRANTLOG_ROOT_KEYS or GRANTLOG_ROOT_KEYS_FILE is missing")
        if self.egress_private:
            raise ValueError("GRANTLOG_EGRESS_PRIVATE is for `grantlog dev`")
        return self

    @property
    def tls(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.issuer.startswith("https://")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment. Raises SettingsError, naming every unknown, missing or wrong variable."""
    given = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError("unknown: " + ", ".join(unknown))
    try:
        if environ is None:
            return Settings()  # type: ignore[call-arg]  # the environment fills it
        values = {name[len(PREFIX) :].lower(): value for name, value in given.items() if name in known}
        return _from_values(values)
    except ValidationError as wrong:
        raise SettingsError("; ".join(_complaint(error) for error in wrong.errors())) from None
    except UnreadableValueError as wrong:
        # its text names the field and, as its cause, holds the value: only the first goes on
        field = re.search(r'field "(\w+)"', str(wrong))
        raise SettingsError(f"{PREFIX}{field[1].upper() if field else '*'}: is not JSON") from None


def _from_values(values: Mapping[str, str]) -> Settings:
    """Settings from a mapping, read as the environment would be."""
    decoded: dict[str, object] = dict(values)
    for name in JSON_SETTINGS & values.keys():
        try:
            decoded[name] = json.loads(values[name])
        except ValueError:
            raise UnreadableValueError(f'field "{name}"') from None
    return Settings(**decoded)  # type: ignore[arg-type]  # validated there


def _complaint(error: Mapping[str, object]) -> str:
    """One line per wrong variable: its name and what is wrong, never its value."""
    location = error.get("loc")
    name = PREFIX + str(location[0]).upper() if isinstance(location, tuple) and location else "GRANTLOG_*"
    return f"{name}: {error.get('msg')}"
