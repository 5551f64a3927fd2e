from typing import Any

import pytest
from tests.support.protocol import refused

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.jwt_time import AHEAD
from grantlog.core.protocol.request_object import FAPI_SPAN, algs, check_claims, parameters_of

CLIENT, ISSUER, NOW = ClientId("s6BhdRkqt3"), "https://server.example.com", 1_700_000_000
# RFC 9101 section 4
EXAMPLE: dict[str, Any] = {
    "iss": "s6BhdRkqt3",
    "aud": "https://server.example.com",
    "response_type": "code id_token",
    "client_id": "s6BhdRkqt3",
    "redirect_uri": "https://client.example.org/cb",
    "scope": "openid",
    "state": "af0ifjsldkj",
    "nonce": "n-0S6_WzA2Mj",
    "max_age": 86400,
}
FAPI = EXAMPLE | {"nbf": NOW - 10, "exp": NOW + 300}


def check(claims: dict[str, Any], *, fapi2: bool = False) -> None:
    check_claims(claims, CLIENT, ISSUER, NOW, fapi2=fapi2)


def test_the_example_of_rfc_9101_is_taken_and_its_parameters_are_read() -> None:
    check(EXAMPLE)
    values = parameters_of(EXAMPLE, CLIENT).values
    assert values == {
        "client_id": "s6BhdRkqt3",
        "response_type": "code id_token",
        "redirect_uri": "https://client.example.org/cb",
        "scope": "openid",
        "state": "af0ifjsldkj",
        "nonce": "n-0S6_WzA2Mj",
        "max_age": "86400",
    }


def test_structured_parameters_become_compact_json_and_resources_a_list() -> None:
    claims = {"claims": {"id_token": None}, "authorization_details": [{"type": "é"}], "resource": ["a:b", "c:d"]}
    found = parameters_of(claims, CLIENT)
    assert found.get("claims") == '{"id_token":null}'
    assert found.get("authorization_details") == '[{"type":"é"}]'
    assert found.all("resource") == ("a:b", "c:d")
    assert parameters_of({"resource": "a:b"}, CLIENT).all("resource") == ("a:b",)
    assert parameters_of({"claims": "{}"}, CLIENT).get("claims") == "{}"


def test_a_state_of_any_writing_is_read_as_it_is() -> None:
    state = "\u00a0\u200d\U0001f469 é"
    assert parameters_of({"state": state}, CLIENT).get("state") == state


def test_what_is_empty_null_or_nobodys_is_not_a_parameter() -> None:
    odd = {"scope": "", "state": None, "x": [1], "y": True, "z": {"a": 1}, "jti": "j", "sub": "s"}
    assert parameters_of(odd, CLIENT).values == {"client_id": CLIENT}


@pytest.mark.parametrize(
    "claims",
    [
        {"state": ["a"]},
        {"max_age": True},
        {"max_age": 1.5},
        {"scope": {"a": 1}},
        {"claims": 1.5},
        {"resource": [1]},
        {"resource": [""]},
        {"resource": {"a": 1}},
        {"state": "a\nb"},
        {"state": "\ud800"},
        {"claims": {"id_token": {"\udfff": None}}},
        {"resource": ["a:\x00"]},
    ],
    ids=str,
)
def test_a_parameter_of_another_type_is_refused(claims: dict[str, Any]) -> None:
    with refused("invalid_request_object", "object_value"):
        parameters_of(claims, CLIENT)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "somebody"}, "object_iss"),
        ({"aud": "https://other.example"}, "object_aud"),
        ({"aud": ["https://other.example"]}, "object_aud"),
        ({"aud": None}, "object_aud"),
        ({"sub": CLIENT}, "object_sub"),
        ({"request": "x"}, "object_nested"),
        ({"request_uri": "x"}, "object_nested"),
        ({"client_id": "somebody"}, "object_client_id"),
        ({"exp": NOW}, "object_exp"),
        ({"exp": "soon"}, "object_times"),
        ({"exp": True}, "object_times"),
        ({"nbf": None}, "object_times"),
        ({"exp": 10**400}, "object_times"),
        ({"nbf": NOW + AHEAD + 1}, "object_early"),
        ({"iat": NOW + AHEAD + 1}, "object_early"),
    ],
    ids=str,
)
def test_claims_that_are_wrong_are_refused_in_every_profile(changed: dict[str, Any], reason: str) -> None:
    for claims, fapi2 in ((EXAMPLE | changed, False), (FAPI | changed, True)):
        with refused("invalid_request_object", reason):
            check(claims, fapi2=fapi2)


@pytest.mark.parametrize(
    "changed",
    [{"aud": [ISSUER, "x"]}, {"exp": NOW + 1}, {"nbf": NOW + 10}, {"iat": NOW + 10.5}, {"sub": "ada"}],
    ids=str,
)
def test_claims_within_their_bounds_are_taken(changed: dict[str, Any]) -> None:
    check(EXAMPLE | changed)


def test_issuer_and_audience_may_be_missing_outside_fapi2() -> None:
    check({"response_type": "code"})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": ...}, "object_aud"),
        ({"nbf": ...}, "object_nbf"),
        ({"nbf": NOW - FAPI_SPAN - 1}, "object_nbf"),
        ({"exp": ...}, "object_lifetime"),
        ({"exp": NOW - 10 + FAPI_SPAN + 1}, "object_lifetime"),
    ],
    ids=str,
)
def test_fapi2_bounds_a_request_object_on_both_sides(changed: dict[str, Any], reason: str) -> None:
    claims = {name: value for name, value in (FAPI | changed).items() if value is not ...}
    with refused("invalid_request_object", reason):
        check(claims, fapi2=True)
    check(FAPI, fapi2=True)


def test_the_algorithms_are_those_of_the_profile_or_the_one_registered() -> None:
    assert algs(None, fapi2=False) == ("RS256", "PS256", "ES256", "EdDSA")
    assert algs(None, fapi2=True) == ("PS256", "ES256", "EdDSA")
    assert algs("ES256", fapi2=False) == ("ES256",)
    assert algs("RS256", fapi2=True) == ()
    assert algs("none", fapi2=False) == ()
