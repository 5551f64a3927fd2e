"""What ``grantlog lint`` says of settings and clients."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.client_metadata import ISSUER, PLAIN, POLICY

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.lint import lint_client, lint_issuers, lint_policy
from grantlog.core.client.state import ClientSecret, ClientState
from grantlog.core.identifiers import ClientId, Micros
from grantlog.core.protocol.policy import AssertionRule, LoginDelegate, Policy, TrustedIssuer
from grantlog.core.protocol.resource import Catalog, ResourceRule
from grantlog.core.protocol.supported import JWT_BEARER

GOOD = ClientMetadata(name="Good", redirect_uris=("https://c.example/callback",))
TWO = replace(PLAIN, catalog=Catalog((*PLAIN.catalog.rules, ResourceRule("https://b.example/", ("b",)))))


def client(secrets: int = 1, *, removed: bool = False, **metadata: Any) -> ClientState:
    return ClientState(
        version=1,
        client_id=ClientId("c"),
        metadata=replace(GOOD, **metadata),
        secrets=(ClientSecret(hash=b"s", created_at=Micros(0)),) * secrets,
        registered_at=Micros(0),
        deregistered=removed,
    )


def issuer(rule: str | None = None) -> TrustedIssuer:
    rules = () if rule is None else (AssertionRule(claims={"sub": rule, "ref": "*"}, client_id="c", scope=()),)
    return TrustedIssuer(issuer="https://ci.example", jwks_uri=None, jwks="{}", purposes=("assertion",), rules=rules)


def said(state: ClientState, policy: Policy = PLAIN) -> set[tuple[str, str]]:
    remarks = list(lint_client(state, policy))
    assert all(remark.about == "c" and remark.text for remark in remarks)
    return {(remark.level, remark.rule) for remark in remarks}


def test_nothing_is_said_of_what_is_usual() -> None:
    assert list(lint_policy(PLAIN)) == []
    assert said(client()) == set()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"profile": "oidc"}, ("error", "profile_oidc")),
        ({"issuer": "http://127.0.0.1:8000"}, ("error", "issuer_http")),
        ({"access_token_lifetime": 7200}, ("warning", "access_token_long")),
        ({"code_lifetime": 120}, ("warning", "code_long")),
        ({"code_lifetime": 120, "profile": "fapi2", "par_required": True}, ("error", "code_long")),
        ({"profile": "fapi2"}, ("error", "par_optional")),
        ({"session_lifetime": 90 * 86_400}, ("warning", "session_long")),
        ({"grace_window": 60}, ("warning", "grace_long")),
        ({"catalog": Catalog(())}, ("warning", "no_resources")),
        ({"login_delegate": LoginDelegate(url="http://x.example", client_id="c")}, ("error", "delegate_http")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_setting_to_look_at_is_named(changes: dict[str, Any], found: tuple[str, str]) -> None:
    remarks = list(lint_policy(replace(PLAIN, **changes)))
    assert [(remark.level, remark.rule) for remark in remarks] == [found]
    assert remarks[0].about.startswith("GRANTLOG_")


@pytest.mark.parametrize(
    ("trusted", "registered", "found"),
    [
        (issuer("repo:a/b"), {"c"}, []),
        (issuer(), {"c"}, [("warning", "issuer_without_rules")]),
        (issuer("repo:*"), {"c"}, [("warning", "issuer_wide_rule")]),
        (issuer("repo:a/b"), set(), [("warning", "issuer_unused")]),
    ],
)
def test_an_issuer_to_look_at_is_named(
    trusted: TrustedIssuer, registered: set[str], found: list[tuple[str, str]]
) -> None:
    remarks = list(lint_issuers(replace(PLAIN, trusted_issuers=(trusted,)), registered))
    assert [(remark.level, remark.rule) for remark in remarks] == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"pkce_optional": True}, ("error", "pkce_optional")),
        ({"redirect_uris": ("http://localhost/cb",)}, ("warning", "redirect_localhost")),
        ({"redirect_uris": ("https://c.example/",)}, ("note", "redirect_root")),
        ({"redirect_uris": tuple(f"https://c.example/{n}" for n in range(11))}, ("warning", "redirect_many")),
        ({"introspects": (ISSUER,), "verified": False}, ("warning", "unverified_resource_server")),
        ({"grant_types": (JWT_BEARER,)}, ("warning", "grant_off")),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, ("error", "mtls_off")),
        ({"tls_client_certificate_bound_access_tokens": True}, ("error", "mtls_bound_off")),
        ({"profile": "fapi2"}, ("error", "fapi2_unfit")),
        ({"rotate_refresh_tokens": False}, ("error", "refresh_unbound")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_client_to_look_at_is_named(changes: dict[str, Any], found: tuple[str, str]) -> None:
    assert said(client(**changes)) == {found}


def test_a_public_client_with_tokens_of_its_own_is_an_error() -> None:
    state = client(
        0,
        token_endpoint_auth_method="none",
        redirect_uris=("http://127.0.0.1/cb",),
        grant_types=("authorization_code", "client_credentials"),
    )
    assert said(state) == {("error", "public_client_credentials"), ("note", "redirect_loopback")}


def test_a_client_that_is_to_present_a_secret_has_one() -> None:
    assert said(client(0)) == {("error", "secret_missing")}


def test_a_client_that_may_reach_every_resource_is_noted() -> None:
    assert said(client(grant_types=("client_credentials",)), TWO) == {("note", "every_resource")}
    assert said(client(grant_types=("client_credentials",), resources=("https://b.example/",)), TWO) == set()


def test_a_client_of_fapi_2_as_it_should_be_is_fine() -> None:
    fit = client(0, token_endpoint_auth_method="private_key_jwt", dpop_bound_access_tokens=True, profile="fapi2")
    assert said(fit, POLICY) == set()


def test_a_certificate_needs_somebody_whose_certificates_count() -> None:
    state = client(0, token_endpoint_auth_method="tls_client_auth")
    assert said(state, POLICY) == set()
    assert said(state, replace(POLICY, certificate_authorities=False)) == {("error", "no_authorities")}


def test_nothing_is_said_of_a_client_that_is_gone() -> None:
    assert said(client(removed=True, pkce_optional=True)) == set()
