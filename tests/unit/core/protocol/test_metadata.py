from typing import Any

import pytest

from grantlog.core.protocol.metadata import Published, authorization_server_metadata, openid_configuration

PUBLISHED = Published(
    issuer="https://id.example.com/tenant", scopes=("api:read", "api:write", "openid"), registration_open=True
)
CLOSED = Published(issuer="https://id.example.com", scopes=(), registration_open=False)


@pytest.fixture(params=[authorization_server_metadata, openid_configuration])
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param(PUBLISHED)
    return found


def test_every_endpoint_stands_under_the_issuer(document: dict[str, Any]) -> None:
    assert document["issuer"] == PUBLISHED.issuer
    endpoints = {name: uri for name, uri in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert endpoints == {
        "authorization_endpoint": "https://id.example.com/tenant/authorize",
        "token_endpoint": "https://id.example.com/tenant/token",
        "jwks_uri": "https://id.example.com/tenant/jwks",
        "introspection_endpoint": "https://id.example.com/tenant/introspect",
        "revocation_endpoint": "https://id.example.com/tenant/revoke",
        "registration_endpoint": "https://id.example.com/tenant/register",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_uri_parameter_supported", False),
        ("request_parameter_supported", False),
        ("claims_parameter_supported", False),
        ("grant_types_supported", ["authorization_code", "refresh_token", "client_credentials"]),
        ("response_types_supported", ["code"]),
        ("response_modes_supported", ["query"]),
        ("code_challenge_methods_supported", ["S256"]),
        ("authorization_response_iss_parameter_supported", True),
        ("token_endpoint_auth_methods_supported", ["client_secret_basic", "client_secret_post", "none"]),
        ("revocation_endpoint_auth_methods_supported", ["client_secret_basic", "client_secret_post", "none"]),
        ("introspection_endpoint_auth_methods_supported", ["client_secret_basic", "client_secret_post"]),
    ],
)
def test_every_member_whose_default_would_be_wrong_is_stated(
    document: dict[str, Any], name: str, value: object
) -> None:
    assert document[name] == value


def test_scopes_are_those_of_openid_and_of_the_resources_each_once(document: dict[str, Any]) -> None:
    scopes = document["scopes_supported"]
    assert {"openid", "offline_access", "api:read", "api:write"} <= set(scopes)
    assert len(scopes) == len(set(scopes))


def test_nothing_is_advertised_that_does_not_work(document: dict[str, Any]) -> None:
    assert not {"userinfo_endpoint", "end_session_endpoint", "device_authorization_endpoint"} & set(document)


def test_registration_is_advertised_where_it_is_open_only() -> None:
    assert "registration_endpoint" not in authorization_server_metadata(CLOSED)
    assert "registration_endpoint" not in openid_configuration(CLOSED)


def test_openid_connect_discovery_has_what_it_requires() -> None:
    document = openid_configuration(PUBLISHED)
    assert document["subject_types_supported"] == ["public"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "none" not in document["id_token_signing_alg_values_supported"]
    assert {"sub", "auth_time", "at_hash", "nonce"} <= set(document["claims_supported"])
    assert authorization_server_metadata(PUBLISHED).items() <= document.items()
