from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of, refused

from grantlog.core.protocol.registration import (
    LIST_LIMIT,
    NAME_LIMIT,
    TEXT_LIMIT,
    RegistrationRequest,
    read_registration,
    response_members,
)

KNOWN = ("openid", "api:read", "api:write")
EXAMPLE = VECTORS["rfc7591_3_1"]
CALLBACK = "https://client.example.org/callback"


def read(**members: object) -> RegistrationRequest:
    return read_registration({"redirect_uris": [CALLBACK]} | members, KNOWN)


def test_the_example_of_rfc7591_3_1_is_registered_with_its_defaults() -> None:
    assert read_registration(EXAMPLE, KNOWN) == RegistrationRequest(
        name="My Example Client",
        redirect_uris=tuple(EXAMPLE["redirect_uris"]),
        grant_types=("authorization_code",),
        response_types=("code",),
        token_endpoint_auth_method="client_secret_basic",
        scope=KNOWN,
        application_type="web",
        id_token_signed_response_alg="RS256",
        origins=(),
        client_uri=None,
        logo_uri="https://client.example.org/logo.png",
        policy_uri=None,
        tos_uri=None,
    )


def test_null_is_as_good_as_omitted() -> None:
    assert read(client_name=None, scope=None, grant_types=None, logo_uri=None) == read()


def test_what_is_chosen_is_kept() -> None:
    request = read(
        client_name="Ada's",
        redirect_uris=["com.example.app:/cb", "com.example.app:/cb"],
        grant_types=["refresh_token", "authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="none",
        scope="api:read openid",
        application_type="native",
        id_token_signed_response_alg="EdDSA",
        allowed_cors_origins=["https://app.example", "http://127.0.0.1:3000", "http://localhost", "http://[::1]:1"],
        client_uri="https://c.example/",
        policy_uri="https://c.example/p",
        tos_uri="https://c.example/t",
    )
    assert request.redirect_uris == ("com.example.app:/cb",)
    assert request.grant_types == ("refresh_token", "authorization_code")
    assert request.token_endpoint_auth_method == "none"
    assert request.scope == ("api:read", "openid")
    assert request.application_type == "native"
    assert request.id_token_signed_response_alg == "EdDSA"
    assert len(request.origins) == 4


def test_a_client_without_the_code_grant_needs_neither_response_type_nor_redirect_uri() -> None:
    request = read_registration({"grant_types": ["client_credentials"]}, KNOWN)
    assert (request.response_types, request.redirect_uris) == ((), ())
    assert read_registration({"grant_types": [], "response_types": []}, KNOWN).grant_types == ()


@pytest.mark.parametrize("document", [None, [], "x", 1, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    with refused("invalid_client_metadata", "registration_not_an_object"):
        read_registration(document, KNOWN)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"token_endpoint_auth_method": "private_key_jwt"}, "registration_token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": 1}, "registration_token_endpoint_auth_method"),
        ({"application_type": "tv"}, "registration_application_type"),
        ({"id_token_signed_response_alg": "none"}, "registration_id_token_signed_response_alg"),
        ({"id_token_signed_response_alg": "HS256"}, "registration_id_token_signed_response_alg"),
        ({"grant_types": ["implicit"]}, "registration_grant_types"),
        ({"grant_types": "authorization_code"}, "registration_grant_types"),
        ({"grant_types": [1]}, "registration_grant_types"),
        ({"grant_types": ["refresh_token"]}, "registration_refresh_alone"),
        (
            {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
            "registration_public_client_credentials",
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
    ],
)
def test_what_is_wrong_is_an_invalid_client_metadata(members: dict[str, object], reason: str) -> None:
    with refused("invalid_client_metadata", reason):
        read(**members)


@pytest.mark.parametrize(
    "uris",
    [None, [], "https://c.example/cb", [1], ["http://c.example/cb"], ["com.example.app:/cb"], ["https://c.example/#"]],
)
def test_what_is_wrong_with_redirect_uris_is_an_invalid_redirect_uri(uris: object) -> None:
    with refused("invalid_redirect_uri"):
        read(redirect_uris=uris)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*response_members(read(), client_id="c", client_secret=None, issued_at=1), "logo_uri"])


@given(st.one_of(VALUES, st.dictionaries(NAMES, VALUES)))
def test_whatever_is_sent_is_registered_or_refused(document: object) -> None:
    refusal = refusal_of(lambda: read_registration(document, KNOWN))
    assert refusal is None or refusal.error in {"invalid_client_metadata", "invalid_redirect_uri"}


def echo(request: RegistrationRequest, secret: str | None) -> dict[str, Any]:
    return response_members(request, client_id="c1", client_secret=secret, issued_at=1_700_000_000)


def test_the_answer_tells_all_that_was_registered() -> None:
    assert echo(read_registration(EXAMPLE, KNOWN), "s3cret") == {
        "client_id": "c1",
        "client_id_issued_at": 1_700_000_000,
        "client_secret": "s3cret",
        "client_secret_expires_at": 0,
        "client_name": "My Example Client",
        "redirect_uris": EXAMPLE["redirect_uris"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid api:read api:write",
        "application_type": "web",
        "id_token_signed_response_alg": "RS256",
        "logo_uri": "https://client.example.org/logo.png",
    }


def test_a_public_client_is_told_no_secret() -> None:
    members = echo(read(token_endpoint_auth_method="none"), None)
    assert not {"client_secret", "client_secret_expires_at"} & set(members)


def test_the_answer_registers_the_same_client_again() -> None:
    request = read(allowed_cors_origins=["https://app.example"], client_name="x", scope="api:read")
    assert read_registration(echo(request, None), KNOWN) == request
