from json import dumps, loads
from typing import Any

import pytest

from grantlog.core.protocol.claims import (
    ATTRIBUTES,
    LIST_LIMIT,
    STANDARD,
    TEXT_LIMIT,
    attributes,
    check_profile,
    requested,
    scopes_of,
    standard_claims,
    told_by_request,
    told_by_scope,
    within,
)

# OpenID Connect Core section 5.3.2
JANE: dict[str, Any] = {
    "name": "Jane Doe",
    "given_name": "Jane",
    "family_name": "Doe",
    "preferred_username": "j.doe",
    "email": "janedoe@example.com",
    "email_verified": True,
    "picture": "http://example.com/janedoe/me.jpg",
    "updated_at": 1_311_280_970,
    "phone_number": "+1 (604) 555-1234;ext=5678",
    "phone_number_verified": False,
    "address": {"street_address": "1234 Hollywood Blvd.", "country": "US"},
    "roles": ["admin"],
    "username": "jane",
}


def test_there_are_twenty_standard_claims_less_sub() -> None:
    """OpenID Connect Core section 5.1 lists twenty."""
    assert len(set(STANDARD)) == 19


def test_a_profile_of_claims_of_their_own_types_is_taken_as_it_is() -> None:
    assert check_profile(JANE) == JANE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub", "x"),
        ("iss", "x"),
        ("unknown", "x"),
        ("name", ""),
        ("name", None),
        ("name", 5),
        ("name", "x" * (TEXT_LIMIT + 1)),
        ("name", "x\x00"),
        ("email_verified", "true"),
        ("phone_number_verified", 1),
        ("updated_at", True),
        ("updated_at", -1),
        ("updated_at", 2**53),
        ("updated_at", 1.5),
        ("address", "1234 Hollywood Blvd."),
        ("address", {}),
        ("address", {"planet": "Earth"}),
        ("address", {"country": 5}),
        ("roles", "admin"),
        ("groups", [""]),
        ("entitlements", [5]),
        ("roles", ["x"] * (LIST_LIMIT + 1)),
    ],
)
def test_what_is_no_claim_or_no_value_of_one_is_refused_by_name_alone(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name) as wrong:
        check_profile({name: value})
    assert "1234" not in str(wrong.value)


def test_clients_are_told_standard_claims_only() -> None:
    assert standard_claims(JANE).keys() == JANE.keys() - {"roles", "username"}
    assert standard_claims({"username": "jane"}) == {"preferred_username": "jane"}
    assert standard_claims({}) == {}


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        (("openid",), set()),
        (("openid", "email"), {"email", "email_verified"}),
        (("phone",), {"phone_number", "phone_number_verified"}),
        (("address", "api:read"), {"address"}),
        (
            ("profile",),
            {"name", "given_name", "family_name", "preferred_username", "picture", "updated_at"},
        ),
    ],
)
def test_a_scope_asks_for_its_claims_as_far_as_they_are_known(scope: tuple[str, ...], told: set[str]) -> None:
    assert told_by_scope(JANE, scope).keys() == told


ALL = ("openid", "profile", "email", "address", "phone")

# OpenID Connect Core section 5.5
EXAMPLE = dumps(
    {
        "userinfo": {
            "given_name": {"essential": True},
            "nickname": None,
            "email": {"essential": True},
            "email_verified": {"essential": True},
            "picture": None,
            "http://example.info/claims/groups": None,
        },
        "id_token": {"auth_time": {"essential": True}, "acr": {"values": ["urn:mace:incommon:iap:silver"]}},
    }
)


def test_the_example_of_openid_connect_core_5_5() -> None:
    told = told_by_request(JANE, requested(EXAMPLE, "userinfo"), ALL)
    assert told == {name: JANE[name] for name in ("given_name", "email", "email_verified", "picture")}
    assert told_by_request(JANE, requested(EXAMPLE, "id_token"), ALL) == {}


def test_a_claims_parameter_without_the_member_asks_for_nothing() -> None:
    assert requested("", "userinfo") == {}
    assert requested('{"id_token":{}}', "userinfo") == {}
    assert requested('{"userinfo":null}', "userinfo") == {}


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"value": "janedoe@example.com"}, True),
        ({"value": "other@example.com"}, False),
        ({"values": ["other@example.com", "janedoe@example.com"]}, True),
        ({"values": []}, False),
        ({"values": "janedoe@example.com"}, True),
        ({"essential": False}, True),
        (None, True),
    ],
)
def test_a_claim_asked_for_with_a_value_is_told_where_it_has_that_value(how: object, told: bool) -> None:
    assert ("email" in told_by_request(JANE, {"email": how}, ALL)) is told


def test_what_a_client_may_not_have_by_a_scope_it_has_by_no_claim_either() -> None:
    assert told_by_request(JANE, {"email": None, "name": None}, ("openid", "profile")) == {"name": JANE["name"]}
    assert told_by_request(JANE, {"email": None}, ()) == {}


def test_claims_asked_for_one_by_one_are_consented_to_by_their_scopes() -> None:
    assert scopes_of(EXAMPLE) == ("profile", "email")
    assert scopes_of('{"id_token":{"phone_number":null}}') == ("phone",)
    assert scopes_of("") == ()


def test_claims_go_with_the_scopes_that_are_not_allowed() -> None:
    assert within("", ()) == ""
    assert within(EXAMPLE, ("openid", "profile", "email")) == EXAMPLE
    assert scopes_of(within(EXAMPLE, ("openid", "email"))) == ("email",)
    left = loads(within(EXAMPLE, ("openid",)))
    assert left == {"userinfo": {"http://example.info/claims/groups": None}, "id_token": loads(EXAMPLE)["id_token"]}


def test_attributes_are_those_that_the_account_has() -> None:
    text = attributes({"roles": ["a", "b"], "groups": [], "entitlements": ["c"], "name": "x"})
    assert text == '{"roles":["a","b"],"entitlements":["c"]}'
    assert set(loads(text)) <= set(ATTRIBUTES)
    assert attributes({"groups": []}) == attributes({}) == ""
