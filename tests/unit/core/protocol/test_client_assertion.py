from typing import Any

import pytest
from tests.support.jwts import assertion_claims, by_secret, key
from tests.support.protocol import refused

from grantlog.core.protocol.client_assertion import (
    OneTime,
    assertion_algs,
    assertion_audiences,
    assertion_subject,
    check_assertion,
    read_assertion,
)
from grantlog.core.protocol.client_auth import read_credentials
from grantlog.core.protocol.jwt_text import MalformedJwtError
from grantlog.core.protocol.requests import Parameters

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_an_assertion_names_its_client_twice() -> None:
    assert assertion_subject(read_assertion(key("ES256").sign({"iss": "me", "sub": "me"}))) == "me"
    for claims in ({}, {"iss": "me"}, {"iss": "me", "sub": "you"}, {"iss": ["me"], "sub": ["me"]}):
        with pytest.raises(MalformedJwtError, match="assertion_subject"):
            assertion_subject(read_assertion(key("ES256").sign(claims)))


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
def test_the_types_of_assertions_are_understood(typ: str | None) -> None:
    assert read_assertion(key("ES256").sign({}, typ=typ)).alg == "ES256"


def test_the_algorithms_follow_from_method_registration_and_profile() -> None:
    assert assertion_algs("client_secret_jwt", None, fapi2=False) == ("HS256",)
    assert assertion_algs("client_secret_jwt", None, fapi2=True) == ()
    assert assertion_algs("private_key_jwt", None, fapi2=False) == ("RS256", "PS256", "ES256", "EdDSA")
    assert assertion_algs("private_key_jwt", None, fapi2=True) == ("PS256", "ES256", "EdDSA")
    assert assertion_algs("private_key_jwt", "PS256", fapi2=True) == ("PS256",)
    assert assertion_algs("private_key_jwt", "HS256", fapi2=False) == ()


def test_fapi2_knows_one_audience() -> None:
    called = f"{ISSUER}/revoke"
    assert assertion_audiences(ISSUER, called, fapi2=True) == (ISSUER,)
    assert set(assertion_audiences(ISSUER, called, fapi2=False)) == {ISSUER, f"{ISSUER}/token", f"{ISSUER}/par", called}


def test_a_good_assertion_says_what_is_remembered_of_it() -> None:
    claims = assertion_claims("me", ISSUER, iat=NOW, exp=NOW + 60, jti="j")
    assert check_assertion(claims, (ISSUER,), NOW) == OneTime("j", NOW + 60)


@pytest.mark.parametrize("audience", [None, [ISSUER], "https://other.example", 7])
def test_the_audience_is_one_string(audience: Any) -> None:
    claims = assertion_claims("me", audience, iat=NOW, exp=NOW + 60)
    with pytest.raises(MalformedJwtError, match="assertion_audience"):
        check_assertion(claims, (ISSUER,), NOW)


def test_credentials_hold_the_assertion_and_whose_it_says_it_is() -> None:
    for text, method in (
        (key("ES256").sign({"iss": "me", "sub": "me"}), "private_key_jwt"),
        (by_secret(b"x" * 32, {"iss": "me", "sub": "me"}), "client_secret_jwt"),
    ):
        found = read_credentials(None, Parameters({"client_assertion": text, "client_assertion_type": TYPE}))
        assert (found.method, found.client_id, found.secret) == (method, "me", None)
        assert found.assertion == read_assertion(text)
        assert text not in repr(found)


@pytest.mark.parametrize(
    ("reason", "parameters"),
    [
        ("client_assertion_type", {"client_assertion": "x"}),
        ("client_assertion_type", {"client_assertion_type": TYPE}),
        ("client_assertion_type", {"client_assertion": "x", "client_assertion_type": "other"}),
        ("client_assertion_jwt_parts", {"client_assertion": "x", "client_assertion_type": TYPE}),
    ],
)
def test_half_an_assertion_is_none(reason: str, parameters: dict[str, str]) -> None:
    with refused("invalid_client", reason):
        read_credentials(None, Parameters(parameters))


def test_the_client_id_beside_an_assertion_is_the_same() -> None:
    text = key("ES256").sign({"iss": "me", "sub": "me"})
    given = {"client_assertion": text, "client_assertion_type": TYPE}
    assert read_credentials(None, Parameters(given | {"client_id": "me"})).client_id == "me"
    with refused("invalid_client", "client_assertion_client_id"):
        read_credentials(None, Parameters(given | {"client_id": "you"}))
    with refused("invalid_request", "client_auth_twice"):
        read_credentials(None, Parameters(given | {"client_secret": "x"}))
    with refused("invalid_request", "client_auth_twice"):
        read_credentials("Basic YTpi", Parameters(given))
