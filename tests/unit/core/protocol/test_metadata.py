"""RFC 8414, OpenID Connect Discovery 1.0: what the server says about itself follows from what is on."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.client_metadata import ISSUER, PLAIN, POLICY

from grantlog.core.protocol.metadata import authorization_server_metadata, openid_configuration
from grantlog.core.protocol.supported import DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE

TENANT = replace(POLICY, issuer="https://id.example.com/tenant")


@pytest.fixture(params=[authorization_server_metadata, openid_configuration])
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param(TENANT)
    return found


def test_every_endpoint_stands_under_the_issuer(document: dict[str, Any]) -> None:
    assert document["issuer"] == TENANT.issuer
    endpoints = {name: uri for name, uri in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert endpoints == {
        "authorization_endpoint": "https://id.example.com/tenant/authorize",
        "token_endpoint": "https://id.example.com/tenant/token",
        "jwks_uri": "https://id.example.com/tenant/jwks",
        "introspection_endpoint": "https://id.example.com/tenant/introspect",
        "revocation_endpoint": "https://id.example.com/tenant/revoke",
        "userinfo_endpoint": "https://id.example.com/tenant/userinfo",
        "pushed_authorization_request_endpoint": "https://id.example.com/tenant/par",
        "device_authorization_endpoint": "https://id.example.com/tenant/device_authorization",
        "end_session_endpoint": "https://id.example.com/tenant/logout",
        "registration_endpoint": "https://id.example.com/tenant/register",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_uri_parameter_supported", False),
        ("request_parameter_supported", True),
        ("require_signed_request_object", False),
        ("require_pushed_authorization_requests", False),
        ("claims_parameter_supported", True),
        (
            "grant_types_supported",
            ["authorization_code", "refresh_token", "client_credentials", DEVICE_CODE, TOKEN_EXCHANGE, JWT_BEARER],
        ),
        ("response_types_supported", ["code"]),
        (
            "response_modes_supported",
            ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"],
        ),
        ("code_challenge_methods_supported", ["S256"]),
        ("authorization_response_iss_parameter_supported", True),
        ("dpop_signing_alg_values_supported", ["RS256", "ES256", "PS256", "EdDSA"]),
        ("authorization_details_types_supported", ["payment"]),
        ("client_id_metadata_document_supported", True),
        ("tls_client_certificate_bound_access_tokens", True),
    ],
)
def test_every_member_whose_default_would_be_wrong_is_stated(
    document: dict[str, Any], name: str, value: object
) -> None:
    assert document[name] == value


def test_each_endpoint_says_how_clients_prove_themselves_there(document: dict[str, Any]) -> None:
    for endpoint in ("token", "revocation", "introspection"):
        methods = document[f"{endpoint}_endpoint_auth_methods_supported"]
        assert ("none" in methods) == (endpoint != "introspection")
        assert {"private_key_jwt", "client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth"} < set(methods)
        algs = document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algs == ["RS256", "ES256", "PS256", "EdDSA", "HS256"]


def test_aliases_are_the_same_endpoints_at_the_other_address(document: dict[str, Any]) -> None:
    aliases = document["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == "https://mtls.example.com/tenant/token"
    for name, url in aliases.items():
        assert document[name].removeprefix("https://id.example.com") == url.removeprefix("https://mtls.example.com")


def test_scopes_are_those_of_openid_and_of_the_resources_each_once(document: dict[str, Any]) -> None:
    scopes = document["scopes_supported"]
    assert {"openid", "offline_access", "api:read", "api:write"} <= set(scopes)
    assert len(scopes) == len(set(scopes))


def test_what_is_off_is_not_advertised() -> None:
    document = openid_configuration(PLAIN)
    assert not {
        "registration_endpoint",
        "authorization_details_types_supported",
        "client_id_metadata_document_supported",
        "tls_client_certificate_bound_access_tokens",
        "mtls_endpoint_aliases",
    } & set(document)
    assert JWT_BEARER not in document["grant_types_supported"]
    assert not any("tls" in method for method in document["token_endpoint_auth_methods_supported"])


def test_registration_is_advertised_where_there_is_any_way_to_register() -> None:
    by_statement = replace(PLAIN, trusted_issuers=POLICY.trusted_issuers)
    by_token = replace(PLAIN, registration_open=True)
    for policy in (by_statement, by_token):
        assert authorization_server_metadata(policy)["registration_endpoint"] == f"{ISSUER}/register"


def test_openid_connect_discovery_has_what_it_requires() -> None:
    document = openid_configuration(POLICY)
    assert document["subject_types_supported"] == ["public", "pairwise"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert not any("none" in value for name, value in document.items() if "signing_alg" in name)
    assert {"sub", "auth_time", "at_hash", "nonce", "email", "address", "sid"} <= set(document["claims_supported"])
    assert document["backchannel_logout_supported"]
    assert authorization_server_metadata(POLICY).items() <= document.items()


def test_fapi_2_leaves_out_what_it_forbids() -> None:
    document = openid_configuration(replace(POLICY, profile="fapi2"))
    assert document["require_pushed_authorization_requests"]
    methods = document["token_endpoint_auth_methods_supported"]
    assert methods == ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
    for name, value in document.items():
        if name.endswith("signing_alg_values_supported"):
            assert value == ["PS256", "ES256", "EdDSA"], name


def test_hs256_is_named_where_a_secret_may_sign() -> None:
    document = authorization_server_metadata(PLAIN)
    assert document["token_endpoint_auth_signing_alg_values_supported"][-1] == "HS256"
    only_keys = authorization_server_metadata(replace(PLAIN, profile="fapi2"))
    assert only_keys["token_endpoint_auth_signing_alg_values_supported"] == ["PS256", "ES256", "EdDSA"]
