"""We as another provider's client: what is read of its metadata, asked of it, and believed of its answers."""

from typing import Any

import pytest

from grantlog.core.protocol import upstream
from grantlog.core.protocol.policy import UpstreamProvider
from grantlog.core.protocol.upstream import Expected, ProviderMetadata, UpstreamError, Wanted

ISSUER = "https://server.example.com"
PROVIDER = UpstreamProvider(name="x", label="X", issuer=ISSUER, client_id="s6BhdRkqt3", client_secret="gX1fBat3bV")
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}
NOW = 1_311_280_970
# OpenID Connect Core 2, its example
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "24400320",
    "aud": "s6BhdRkqt3",
    "nonce": "n-0S6_WzA2Mj",
    "exp": 1311281970,
    "iat": 1311280970,
    "auth_time": 1311280969,
    "acr": "urn:mace:incommon:iap:silver",
}
EXPECTED = Expected(issuer=ISSUER, client_id="s6BhdRkqt3", nonce="n-0S6_WzA2Mj", at_hash="hash", now=NOW)


def reason_of(error: pytest.ExceptionInfo[UpstreamError]) -> str:
    return error.value.reason


@pytest.mark.parametrize("issuer", ["https://op.example", "https://op.example/", "https://op.example/tenant/"])
def test_the_configuration_is_below_the_issuer(issuer: str) -> None:
    assert upstream.configuration_uri(issuer) == issuer.rstrip("/") + "/.well-known/openid-configuration"


def test_metadata_are_read() -> None:
    found = upstream.read_metadata(ISSUER, METADATA)
    assert found == ProviderMetadata(f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/jwks", False, False)
    told = METADATA | {
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    assert upstream.read_metadata(ISSUER, told) == ProviderMetadata(
        f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/jwks", True, True
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": ISSUER + "/"}, "upstream_metadata_issuer"),
        ({"issuer": None}, "upstream_metadata_issuer"),
        ({"token_endpoint": None}, "upstream_metadata_token_endpoint"),
        ({"token_endpoint": "http://server.example.com/token"}, "upstream_metadata_token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "upstream_metadata_authorization_endpoint"),
        ({"authorization_endpoint": f"{ISSUER}/\r\nSet-Cookie: a=b"}, "upstream_metadata_authorization_endpoint"),
        ({"authorization_endpoint": "https:///x"}, "upstream_metadata_authorization_endpoint"),
        ({"jwks_uri": "https://["}, "upstream_metadata_jwks_uri"),
    ],
)
def test_metadata_of_another_or_without_an_address_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UpstreamError) as refused:
        upstream.read_metadata(ISSUER, METADATA | changes)
    assert reason_of(refused) == reason


@pytest.mark.parametrize("query", ["", "?tenant=a"])
@pytest.mark.parametrize("fresh", [True, False])
def test_state_nonce_and_pkce_are_always_asked_for(query: str, *, fresh: bool) -> None:
    metadata = upstream.read_metadata(ISSUER, METADATA | {"authorization_endpoint": f"{ISSUER}/authorize{query}"})
    wanted = Wanted(redirect_uri="https://us/cb", state="s", nonce="n", code_challenge="c", fresh=fresh)
    url = upstream.authorization_url(PROVIDER, metadata, wanted)
    assert url == (
        f"{ISSUER}/authorize{query + '&' if query else '?'}response_type=code&client_id=s6BhdRkqt3"
        "&redirect_uri=https%3A%2F%2Fus%2Fcb&scope=openid+profile+email&state=s&nonce=n&code_challenge=c"
        "&code_challenge_method=S256" + ("&prompt=login" if fresh else "")
    )


def test_an_answer_names_who_was_asked_or_nobody_else_can_have() -> None:
    silent, named = (ProviderMetadata("", "", "", sends_issuer=announced, by_post=False) for announced in (False, True))
    upstream.check_answer_issuer(ISSUER, named, ISSUER, alone=False)
    upstream.check_answer_issuer(ISSUER, silent, ISSUER, alone=False)
    upstream.check_answer_issuer(ISSUER, silent, None, alone=True)
    for metadata, sent, alone, reason in (
        (silent, "https://evil.example", True, "upstream_mix_up"),
        (named, None, True, "upstream_issuer_missing"),
        (silent, None, False, "upstream_issuer_missing"),
    ):
        with pytest.raises(UpstreamError) as refused:
            upstream.check_answer_issuer(ISSUER, metadata, sent, alone=alone)
        assert reason_of(refused) == reason


@pytest.mark.parametrize(
    "changes", [{}, {"aud": ["s6BhdRkqt3"]}, {"azp": "s6BhdRkqt3"}, {"at_hash": "hash"}, {"exp": NOW + 1}]
)
def test_a_good_id_token_tells_the_subject(changes: dict[str, Any]) -> None:
    assert upstream.check_id_token(CLAIMS | changes, EXPECTED) == "24400320"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://server.example.com/"}, "upstream_token_iss"),
        ({"aud": "another"}, "upstream_token_aud"),
        ({"aud": ["s6BhdRkqt3", "another"]}, "upstream_token_aud"),
        ({"aud": []}, "upstream_token_aud"),
        ({"aud": {"s6BhdRkqt3": 1}}, "upstream_token_aud"),
        ({"azp": "another"}, "upstream_token_azp"),
        ({"azp": None}, "upstream_token_azp"),
        ({"exp": NOW}, "upstream_token_jwt_expired"),
        ({"exp": True}, "upstream_token_jwt_exp"),
        ({"exp": NOW + 10 * 86_400}, "upstream_token_jwt_lives_too_long"),
        ({"iat": NOW + 61}, "upstream_token_jwt_iat_ahead"),
        ({"nonce": "n-0S6_WzA2Mk"}, "upstream_token_nonce"),
        ({"nonce": None}, "upstream_token_nonce"),
        ({"at_hash": "other"}, "upstream_token_at_hash"),
        ({"at_hash": 7}, "upstream_token_at_hash"),
        ({"at_hash": []}, "upstream_token_at_hash"),
        ({"at_hash": {}}, "upstream_token_at_hash"),
        ({"sub": ""}, "upstream_token_sub"),
        ({"sub": "\u00e4"}, "upstream_token_sub"),
        ({"sub": 24400320}, "upstream_token_sub"),
        ({"sub": "x" * 256}, "upstream_token_sub"),
    ],
)
def test_an_id_token_that_says_something_else_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UpstreamError) as refused:
        upstream.check_id_token(CLAIMS | changes, EXPECTED)
    assert reason_of(refused) == reason


def test_an_id_token_says_when_it_was_issued() -> None:
    with pytest.raises(UpstreamError) as refused:
        upstream.check_id_token({name: value for name, value in CLAIMS.items() if name != "iat"}, EXPECTED)
    assert reason_of(refused) == "upstream_token_iat"


@pytest.mark.parametrize(
    ("told", "found"), [(5, 5), (10, 10), (11, None), (0, None), (True, None), ("5", None), (None, None), (5.0, None)]
)
def test_a_time_of_login_counts_where_it_can_be_one(told: object, found: int | None) -> None:
    assert upstream.authenticated_at({"auth_time": told}, 10) == found


def test_a_profile_takes_over_what_can_be_a_claim_and_no_power() -> None:
    told = {
        "name": "Jane Doe",
        "email": "janedoe@example.com",
        "email_verified": "true",
        "address": {"country": "DE"},
        "phone_number": 7,
        "updated_at": 5,
        "roles": ["admin"],
        "groups": ["all"],
        "username": "root",
        "sub": "x",
    }
    assert upstream.profile_of(told) == {
        "name": "Jane Doe",
        "email": "janedoe@example.com",
        "address": {"country": "DE"},
    }
