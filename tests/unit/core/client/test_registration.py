"""RFC 7591 and OpenID Connect Registration 1.0: what a client may say of itself."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.client_metadata import API, CALLBACK, EC_KEY, ISSUER, JWKS, PLAIN, POLICY, RSA_KEY, read, rules
from tests.support.protocol import VECTORS, refusal_of, refused

from grantlog.core.client.events import ClientMetadata, Encryption
from grantlog.core.client.registration import audiences, read_registration, registered_members
from grantlog.core.client.registration.people import NAME_LIMIT
from grantlog.core.protocol.members import LIST_LIMIT, NUMBER_LIMIT, TEXT_LIMIT
from grantlog.core.protocol.supported import DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE

SCOPE = ("api:read", "api:write", "openid", "profile", "email", "address", "phone", "offline_access")
EXAMPLE = VECTORS["rfc7591_3_1"]


def test_the_example_of_rfc7591_3_1_is_registered_with_its_defaults() -> None:
    assert read_registration(EXAMPLE, rules()) == ClientMetadata(
        name="My Example Client",
        redirect_uris=tuple(EXAMPLE["redirect_uris"]),
        scope=SCOPE,
        logo_uri="https://client.example.org/logo.png",
        jwks_uri="https://client.example.org/my_public_keys.jwks",
        verified=False,
    )


def test_null_is_as_good_as_omitted() -> None:
    assert read(client_name=None, scope=None, grant_types=None, logo_uri=None, default_max_age=None) == read()
    assert read(dpop_bound_access_tokens=None, resource_server_for=None, jwks=None) == read()


EVERYTHING: dict[str, Any] = {
    "client_name": "Ada's",
    "redirect_uris": ["com.example.app:/cb", "https://c.example/cb"],
    "grant_types": ["refresh_token", "authorization_code", DEVICE_CODE, TOKEN_EXCHANGE, JWT_BEARER],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "jwks": JWKS,
    "tls_client_certificate_bound_access_tokens": True,
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": True,
    "require_signed_request_object": True,
    "request_object_signing_alg": "PS256",
    "authorization_details_types": ["payment"],
    "default_max_age": 0,
    "default_acr_values": ["urn:grantlog:acr:mfa"],
    "require_auth_time": True,
    "subject_type": "pairwise",
    "sector_identifier_uri": "https://sector.example/uris.json",
    "scope": "api:read openid",
    "application_type": "native",
    "id_token_signed_response_alg": "EdDSA",
    "id_token_encrypted_response_alg": "RSA-OAEP-256",
    "userinfo_signed_response_alg": "ES256",
    "userinfo_encrypted_response_alg": "ECDH-ES",
    "userinfo_encrypted_response_enc": "A256GCM",
    "introspection_signed_response_alg": "PS256",
    "introspection_encrypted_response_alg": "ECDH-ES+A256KW",
    "authorization_signed_response_alg": "RS256",
    "authorization_encrypted_response_alg": "RSA-OAEP-256",
    "post_logout_redirect_uris": ["https://c.example/out"],
    "backchannel_logout_uri": "https://c.example/logout",
    "backchannel_logout_session_required": True,
    "initiate_login_uri": "https://c.example/login",
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "1.0",
    "allowed_cors_origins": ["https://app.example", "http://127.0.0.1:3000", "http://localhost", "http://[::1]:1"],
    "client_uri": "https://c.example/",
    "policy_uri": "https://c.example/p",
    "tos_uri": "https://c.example/t",
}


def test_what_is_chosen_is_kept() -> None:
    made = read(**EVERYTHING)
    assert made.redirect_uris == ("com.example.app:/cb", "https://c.example/cb")
    assert (made.default_max_age, made.sector_identifier) == (0, "sector.example")
    assert made.id_token_encryption == Encryption(alg="RSA-OAEP-256", enc="A128CBC-HS256")
    assert made.userinfo_encryption == Encryption(alg="ECDH-ES", enc="A256GCM")
    assert json.loads(made.jwks) == JWKS


def test_the_answer_tells_all_that_was_registered_and_registers_the_same_client_again() -> None:
    made = read(**EVERYTHING)
    told = registered_members(made)
    assert {name: told[name] for name in EVERYTHING} == EVERYTHING
    assert read_registration(told, rules()) == made
    assert read_registration(registered_members(read()), rules()) == read()


def test_a_client_of_a_certificate_names_exactly_one_subject() -> None:
    made = read(token_endpoint_auth_method="tls_client_auth", tls_client_auth_san_dns="c.example")
    assert made.tls_client_auth == ("san_dns", "c.example")
    assert registered_members(made)["tls_client_auth_san_dns"] == "c.example"
    assert read_registration(registered_members(made), rules()) == made
    assert read(token_endpoint_auth_method="self_signed_tls_client_auth", jwks=JWKS).tls_client_auth is None


def test_no_registration_reads_what_only_an_operator_decides() -> None:
    wish = {
        "pkce_optional": True,
        "profile": "fapi2",
        "verified": True,
        "may_exchange": ["x"],
        "resources": [API],
        "introspects": [API],
        "access_token_format": "jwt",
        "rotate_refresh_tokens": False,
        "software_statement_issuer": "me",
        "sector_identifier": "other.example",
    }
    assert {field.name for field in fields(ClientMetadata)} >= set(wish)
    assert read(**wish) == read()


def test_a_client_without_the_code_grant_needs_neither_response_type_nor_redirect_uri() -> None:
    made = read_registration({"grant_types": ["client_credentials"]}, rules())
    assert (made.response_types, made.redirect_uris) == ((), ())
    assert read_registration({"grant_types": [], "response_types": []}, rules()).grant_types == ()
    device = {"grant_types": [DEVICE_CODE, "refresh_token"], "token_endpoint_auth_method": "none"}
    assert read_registration(device, rules()).public


def test_a_resource_server_is_one_for_what_it_was_allowed() -> None:
    held = rules(resource_servers=audiences(POLICY))
    made = read_registration({"resource_server_for": [API, ISSUER]}, held)
    assert (made.introspects, made.grant_types, made.redirect_uris) == ((API, ISSUER), (), ())
    assert read_registration({"resource_server_for": API}, held).introspects == (API,)
    assert registered_members(made)["resource_server_for"] == [API, ISSUER]
    with refused("invalid_client_metadata", "registration_resource_unknown"):
        read_registration({"resource_server_for": ["https://other.example/"]}, held)
    with refused("invalid_client_metadata", "registration_resource_server_for"):
        read_registration({"resource_server_for": API}, rules())


def test_a_pairwise_subject_is_of_the_one_host_of_the_redirect_uris() -> None:
    made = read(subject_type="pairwise", redirect_uris=["https://A.example/1", "https://a.example/2"])
    assert made.sector_identifier == "a.example"
    assert read(sector_identifier_uri="https://s.example/").sector_identifier is None
    for uris in (["https://a.example/", "https://b.example/"], []):
        with refused("invalid_client_metadata", "registration_sector_missing"):
            read(subject_type="pairwise", redirect_uris=uris, grant_types=["client_credentials"])
    with refused("invalid_client_metadata", "registration_sector_missing"):
        read(subject_type="pairwise", redirect_uris=["com.example.app:/cb"], application_type="native")


def test_a_demo_alone_may_name_urls_of_this_machine() -> None:
    demo = rules(replace(POLICY, issuer="http://127.0.0.1:8000"))
    assert read(demo, jwks_uri="http://127.0.0.1:9/jwks").jwks_uri == "http://127.0.0.1:9/jwks"
    for uri in ("http://127.0.0.1.evil.example/", "http://10.0.0.1/", "ftp://127.0.0.1/"):
        with refused("invalid_client_metadata", "registration_jwks_uri"):
            read(demo, jwks_uri=uri)


def test_the_algorithm_of_assertions_means_nothing_to_a_client_that_makes_none() -> None:
    assert read(token_endpoint_auth_signing_alg="ES256") == read()
    sealed = read(token_endpoint_auth_method="client_secret_jwt", token_endpoint_auth_signing_alg="HS256")
    assert sealed.token_endpoint_auth_signing_alg == "HS256"


# FAPI 2.0


def test_under_fapi_2_a_client_proves_itself_by_keys_and_its_tokens_are_bound() -> None:
    for held in (rules(fapi2=True), rules(replace(POLICY, profile="fapi2"))):
        made = read(held, token_endpoint_auth_method="private_key_jwt", jwks=JWKS)
        assert made.dpop_bound_access_tokens
        assert made.require_pushed_authorization_requests
        assert made.id_token_signed_response_alg == "PS256"
        bound = read(
            held,
            token_endpoint_auth_method="tls_client_auth",
            tls_client_auth_subject_dn="CN=c",
            tls_client_certificate_bound_access_tokens=True,
        )
        assert not bound.dpop_bound_access_tokens
        for method in ("none", "client_secret_basic", "client_secret_post", "client_secret_jwt", None):
            with refused("invalid_client_metadata", "registration_token_endpoint_auth_method"):
                read(held, token_endpoint_auth_method=method)
        for name in ("id_token_signed_response_alg", "token_endpoint_auth_signing_alg", "request_object_signing_alg"):
            with refused("invalid_client_metadata", f"registration_{name}"):
                read(held, token_endpoint_auth_method="private_key_jwt", jwks=JWKS, **{name: "RS256"})
    assert read(rules(fapi2=True), token_endpoint_auth_method="private_key_jwt", jwks=JWKS).profile == "fapi2"


def test_whoever_can_be_told_no_secret_has_none() -> None:
    held = rules(shared_secrets=False, default_method="none")
    assert read(held).public
    assert read(held, token_endpoint_auth_method="private_key_jwt", jwks=JWKS).jwks
    for method in ("client_secret_basic", "client_secret_post", "client_secret_jwt"):
        with refused("invalid_client_metadata", "registration_token_endpoint_auth_method"):
            read(held, token_endpoint_auth_method=method)


# refusals


@pytest.mark.parametrize("document", [None, [], "x", 1, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    with refused("invalid_client_metadata", "registration_not_an_object"):
        read_registration(document, rules())


PRIVATE = EC_KEY | {"d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"token_endpoint_auth_method": "password"}, "registration_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": 1}, "registration_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "registration_keys_missing"),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "registration_keys_missing"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [EC_KEY | {"use": "enc"}]}},
            "registration_jwks_signing",
        ),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "HS256",
                "jwks": JWKS,
            },
            "registration_auth_alg",
        ),
        (
            {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"},
            "registration_auth_alg",
        ),
        ({"token_endpoint_auth_signing_alg": "none"}, "registration_token_endpoint_auth_signing_alg"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "registration_tls_client_auth"),
        (
            {
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_san_dns": "a",
                "tls_client_auth_san_ip": "10.0.0.1",
            },
            "registration_tls_client_auth",
        ),
        (
            {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=a\n"},
            "registration_tls_client_auth_subject_dn",
        ),
        ({"jwks": JWKS, "jwks_uri": "https://c.example/jwks"}, "registration_keys_twice"),
        ({"jwks": {}}, "registration_jwks_keys"),
        ({"jwks": "x"}, "registration_jwks_not_an_object"),
        ({"jwks": {"keys": []}}, "registration_jwks_empty"),
        ({"jwks": {"keys": [{"kty": "EC"}]}}, "registration_jwks_empty"),
        ({"jwks": {"keys": [PRIVATE]}}, "registration_jwks_private"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "registration_jwks_private"),
        ({"jwks_uri": "http://c.example/jwks"}, "registration_jwks_uri"),
        ({"jwks_uri": "https://user@c.example/jwks"}, "registration_jwks_uri"),
        ({"require_signed_request_object": True}, "registration_request_object_keys"),
        ({"request_object_signing_alg": "ES256"}, "registration_request_object_keys"),
        ({"request_object_signing_alg": "none", "jwks": JWKS}, "registration_request_object_signing_alg"),
        ({"require_auth_time": "true"}, "registration_require_auth_time"),
        ({"dpop_bound_access_tokens": 1}, "registration_dpop_bound_access_tokens"),
        ({"default_max_age": -1}, "registration_default_max_age"),
        ({"default_max_age": True}, "registration_default_max_age"),
        ({"default_max_age": 1.5}, "registration_default_max_age"),
        ({"default_max_age": NUMBER_LIMIT + 1}, "registration_default_max_age"),
        ({"default_acr_values": "x"}, "registration_default_acr_values"),
        ({"authorization_details_types": ["unknown"]}, "registration_authorization_details_types"),
        ({"subject_type": "private"}, "registration_subject_type"),
        ({"sector_identifier_uri": "http://c.example/"}, "registration_sector_identifier_uri"),
        ({"application_type": "tv"}, "registration_application_type"),
        ({"id_token_signed_response_alg": "none"}, "registration_id_token_signed_response_alg"),
        ({"id_token_signed_response_alg": "HS256"}, "registration_id_token_signed_response_alg"),
        ({"userinfo_signed_response_alg": "none"}, "registration_userinfo_signed_response_alg"),
        (
            {"id_token_encrypted_response_alg": "RSA1_5", "jwks": JWKS},
            "registration_id_token_encrypted_response_alg",
        ),
        ({"id_token_encrypted_response_alg": "ECDH-ES"}, "registration_id_token_encrypted_response_key"),
        (
            {"id_token_encrypted_response_alg": "RSA-OAEP-256", "jwks": {"keys": [EC_KEY]}},
            "registration_id_token_encrypted_response_key",
        ),
        (
            {"userinfo_encrypted_response_alg": "ECDH-ES", "jwks": {"keys": [RSA_KEY, EC_KEY | {"use": "sig"}]}},
            "registration_userinfo_encrypted_response_key",
        ),
        (
            {"id_token_encrypted_response_enc": "A256GCM", "jwks": JWKS},
            "registration_id_token_encrypted_response_enc",
        ),
        ({"post_logout_redirect_uris": ["http://c.example/"]}, "redirect_uri_plain_http"),
        ({"post_logout_redirect_uris": "https://c.example/"}, "registration_post_logout_redirect_uris"),
        ({"backchannel_logout_uri": "http://c.example/"}, "registration_backchannel_logout_uri"),
        ({"initiate_login_uri": "http://c.example/"}, "registration_initiate_login_uri"),
        ({"software_id": "a\u202eb"}, "registration_software_id"),
        ({"grant_types": ["implicit"]}, "registration_grant_types"),
        ({"grant_types": ["password"]}, "registration_grant_types"),
        ({"grant_types": "authorization_code"}, "registration_grant_types"),
        ({"grant_types": [1]}, "registration_grant_types"),
        ({"grant_types": ["refresh_token"]}, "registration_refresh_alone"),
        (
            {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
            "registration_public_client_credentials",
        ),
        (
            {"grant_types": [TOKEN_EXCHANGE], "token_endpoint_auth_method": "none"},
            "registration_public_token_exchange",
        ),
        ({"response_types": ["token"]}, "registration_response_types"),
        ({"response_types": []}, "registration_response_types"),
        ({"grant_types": ["client_credentials"], "response_types": ["code"]}, "registration_response_types"),
        ({"client_name": "x" * (NAME_LIMIT + 1)}, "registration_name"),
        ({"client_name": "a\u202eb"}, "registration_name"),
        ({"client_name": "a\nb"}, "registration_name"),
        ({"client_name": "\ud800"}, "registration_name"),
        ({"client_name": ["a"]}, "registration_client_name"),
        ({"client_name": "x" * (TEXT_LIMIT + 1)}, "registration_client_name"),
        ({"scope": "api:admin"}, "scope_exceeded"),
        ({"scope": "a  b"}, "scope_malformed"),
        ({"scope": ["a"]}, "registration_scope"),
        ({"allowed_cors_origins": "ada"}, "registration_allowed_cors_origins"),
        ({"allowed_cors_origins": ["a"] * (LIST_LIMIT + 1)}, "registration_allowed_cors_origins"),
        ({"allowed_cors_origins": ["x" * (TEXT_LIMIT + 1)]}, "registration_allowed_cors_origins"),
        ({"allowed_cors_origins": ["\ud800"]}, "registration_allowed_cors_origins"),
        ({"allowed_cors_origins": [None]}, "registration_allowed_cors_origins"),
        ({"logo_uri": "http://c.example/logo"}, "registration_logo_uri"),
        ({"client_uri": "javascript:alert(1)"}, "registration_client_uri"),
        ({"policy_uri": "x"}, "registration_policy_uri"),
        ({"tos_uri": {}}, "registration_tos_uri"),
        ({"allowed_cors_origins": ["https://app.example/"]}, "registration_origin"),
        ({"allowed_cors_origins": ["http://app.example"]}, "registration_origin"),
        ({"allowed_cors_origins": ["null"]}, "registration_origin"),
        ({"allowed_cors_origins": ["*"]}, "registration_origin"),
        ({"allowed_cors_origins": ["https://a..b"]}, "registration_origin"),
        ({"resource_server_for": 7}, "registration_resource_server_for"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else value,
)
def test_what_is_wrong_is_an_invalid_client_metadata(members: dict[str, object], reason: str) -> None:
    with refused("invalid_client_metadata", reason):
        read(**members)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"token_endpoint_auth_method": "tls_client_auth"}, "registration_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "registration_token_endpoint_auth_method"),
        ({"tls_client_certificate_bound_access_tokens": True}, "registration_tls_bound"),
        ({"grant_types": [JWT_BEARER]}, "registration_grant_types"),
        ({"authorization_details_types": ["payment"]}, "registration_authorization_details_types"),
    ],
)
def test_what_is_not_on_cannot_be_registered(members: dict[str, object], reason: str) -> None:
    with refused("invalid_client_metadata", reason):
        read(rules(PLAIN), **members)


@pytest.mark.parametrize(
    "uris",
    [None, [], "https://c.example/cb", [1], ["http://c.example/cb"], ["com.example.app:/cb"], ["https://c.example/#"]],
)
def test_what_is_wrong_with_redirect_uris_is_an_invalid_redirect_uri(uris: object) -> None:
    with refused("invalid_redirect_uri"):
        read(redirect_uris=uris)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ES256", "none", CALLBACK]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*EVERYTHING, "logo_uri", "resource_server_for", "jwks_uri", "tls_client_auth_subject_dn"])


@given(st.one_of(VALUES, st.dictionaries(NAMES, VALUES)))
def test_whatever_is_sent_is_registered_or_refused(document: object) -> None:
    refusal = refusal_of(lambda: read_registration(document, rules()))
    assert refusal is None or refusal.error in {"invalid_client_metadata", "invalid_redirect_uri"}
