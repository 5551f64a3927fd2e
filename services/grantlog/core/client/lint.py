"""What is dangerous or inconsistent about a client's registration, although every part of it is allowed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from grantlog.core.client.state import ClientState
from grantlog.core.protocol import supported
from grantlog.core.protocol.policy import Policy

Level = Literal["error", "warning", "note"]
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to look at. ``rule`` is stable and greppable; ``about`` a setting or a client_id."""

    level: Level
    rule: str
    about: str
    text: str


def lint_policy(policy: Policy) -> Iterator[Remark]:
    """What the settings say."""
    if policy.profile == "oidc":
        yield _remark(
            "error",
            "profile_oidc",
            "GRANTLOG_PROFILE",
            "confidential clients may leave PKCE out: for certification only",
        )
    if policy.issuer.startswith("http://"):
        yield _remark("error", "issuer_http", "GRANTLOG_ISSUER", "the issuer is not https: a demo, never production")
    yield from _lifetimes(policy)
    if not policy.catalog.rules:
        yield _remark("warning", "no_resources", "GRANTLOG_RESOURCES", "there is no resource, so no scope but OpenID's")
    if policy.login_delegate is not None and not policy.login_delegate.url.startswith("https://"):
        yield _remark("error", "delegate_http", "GRANTLOG_LOGIN_DELEGATE", "people would log in without TLS")
    if policy.profile == "fapi2" and not policy.par_required:
        yield _remark("error", "par_optional", "GRANTLOG_PAR_REQUIRED", "FAPI 2.0 has every request pushed")


def lint_issuers(policy: Policy, registered: Collection[str]) -> Iterator[Remark]:
    """Whose assertions count, against the client_ids that are ``registered``."""
    for issuer in policy.trusted_issuers:
        about = f"GRANTLOG_TRUSTED_ISSUERS {issuer.issuer}"
        if "assertion" in issuer.purposes and not issuer.rules:
            yield _remark(
                "warning", "issuer_without_rules", about, "an assertion for anybody gets all that the client may have"
            )
        if any("*" in value for rule in issuer.rules for name, value in rule.claims.items() if name == "sub"):
            yield _remark("warning", "issuer_wide_rule", about, "a rule matches subjects by a prefix only")
        for rule in issuer.rules:
            if rule.client_id not in registered:
                yield _remark("warning", "issuer_unused", about, f"a rule is for {rule.client_id}, which nobody knows")


def lint_client(state: ClientState, policy: Policy) -> Iterator[Remark]:
    """What one client's registration says. A removed one says nothing."""
    if state.deregistered:
        return
    metadata, about = state.metadata, state.client_id
    yield from _authentication(state, policy)
    if metadata.pkce_optional:
        yield _remark("error", "pkce_optional", about, "may leave PKCE out: its codes can be injected")
    if any(uri.startswith("http://localhost") for uri in metadata.redirect_uris):
        yield _remark(
            "warning", "redirect_localhost", about, "a redirect URI names localhost, not the loopback address"
        )
    if metadata.public and any(uri.startswith("http://") for uri in metadata.redirect_uris):
        yield _remark(
            "note", "redirect_loopback", about, "anybody on the machine can stand in for a public loopback client"
        )
    if any(uri.startswith("https://") and uri.rstrip("/").count("/") == 2 for uri in metadata.redirect_uris):
        yield _remark("note", "redirect_root", about, "a redirect URI has no path of its own")
    if len(metadata.redirect_uris) > 10:
        yield _remark("warning", "redirect_many", about, "has so many redirect URIs that nobody watches them all")
    if not metadata.verified and metadata.introspects:
        yield _remark("warning", "unverified_resource_server", about, "registered itself, and may introspect tokens")
    if not metadata.resources and len(policy.catalog.rules) > 1 and "client_credentials" in metadata.grant_types:
        yield _remark("note", "every_resource", about, "may ask for tokens of every resource")
    unknown = sorted({*metadata.grant_types} - {*supported.grant_types(policy)})
    if unknown:
        yield _remark("warning", "grant_off", about, f"is registered for {unknown[0]}, which is off")


def _lifetimes(policy: Policy) -> Iterator[Remark]:
    if policy.access_token_lifetime > 3600:
        yield _remark(
            "warning", "access_token_long", "GRANTLOG_ACCESS_TOKEN_LIFETIME", "access tokens live for more than an hour"
        )
    if policy.code_lifetime > 60:
        level: Level = "error" if policy.profile == "fapi2" else "warning"
        yield _remark(level, "code_long", "GRANTLOG_CODE_LIFETIME", "authorization codes live for more than a minute")
    if policy.session_lifetime > 30 * DAY:
        yield _remark("warning", "session_long", "GRANTLOG_SESSION_LIFETIME", "sessions live for more than a month")
    if policy.grace_window > 30:
        yield _remark("warning", "grace_long", "GRANTLOG_GRACE_WINDOW", "a spent refresh token is answered for long")


def _authentication(state: ClientState, policy: Policy) -> Iterator[Remark]:
    metadata, about = state.metadata, state.client_id
    method, fapi2 = metadata.token_endpoint_auth_method, policy.fapi2_for(state.metadata.profile)
    if metadata.public and "client_credentials" in metadata.grant_types:
        yield _remark("error", "public_client_credentials", about, "is public, and would get tokens for its name alone")
    if method in supported.TLS_METHODS and policy.mtls_base_url is None:
        yield _remark(
            "error", "mtls_off", about, "proves itself by a certificate, and GRANTLOG_MTLS_BASE_URL is not set"
        )
    if method == "tls_client_auth" and not policy.certificate_authorities:
        yield _remark(
            "error",
            "no_authorities",
            about,
            "its certificate's issuer is not in GRANTLOG_CLIENT_CERTIFICATE_AUTHORITIES",
        )
    if metadata.tls_client_certificate_bound_access_tokens and policy.mtls_base_url is None:
        yield _remark(
            "error", "mtls_bound_off", about, "has certificate-bound tokens, and GRANTLOG_MTLS_BASE_URL is not set"
        )
    if fapi2 and (method not in supported.FAPI_METHODS or not metadata.sender_constrained):
        yield _remark("error", "fapi2_unfit", about, "is held to FAPI 2.0, and cannot meet it as it is registered")
    if not metadata.rotate_refresh_tokens and not metadata.sender_constrained:
        yield _remark("error", "refresh_unbound", about, "keeps its refresh tokens, and they are bound to nothing")
    if method in {"client_secret_basic", "client_secret_post"} and not state.secrets:
        yield _remark("error", "secret_missing", about, "is to present a secret, and has none")


def _remark(level: Level, rule: str, about: str, text: str) -> Remark:
    return Remark(level=level, rule=rule, about=about, text=text)
