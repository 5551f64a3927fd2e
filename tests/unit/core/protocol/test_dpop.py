from typing import Any

import pytest
from tests.support.jwts import b64, key, proof, proof_claims
from tests.support.protocol import refused

from grantlog.core.protocol.dpop import (
    AGE,
    NONCE_SECONDS,
    access_token_hash,
    check_access_token,
    nonce_windows,
    normal_uri,
    read_proof,
)

NOW = 1_800_000_000.0
URL = "https://issuer.example/token"
MINE = key("ES256")


def read(text: str, **changes: Any) -> Any:
    given: dict[str, Any] = {"method": "POST", "url": URL, "now": NOW}
    return read_proof((text,), **(given | changes))


def good(**changes: Any) -> str:
    usual: dict[str, Any] = {"iat": NOW, "jti": "j"}
    return proof(MINE, proof_claims("POST", URL, **(usual | changes)))


def test_a_proof_says_whose_it_is_and_how_long_it_is_remembered() -> None:
    found = read(good(nonce="n"))
    assert (found.jkt, found.jti, found.nonce, found.expires_at) == (MINE.jkt, "j", "n", NOW + AGE + 1)
    assert found.key == MINE.jwk


def test_the_example_of_rfc9449_4_2_is_read_at_its_time() -> None:
    text = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoR"
        "jQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqd"
        "GkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNT"
        "YyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    found = read(text, url="https://server.example.com/token", now=1562262616)
    assert (found.jti, found.jkt) == ("-BwC3ESc6acc2lTc", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")


@pytest.mark.parametrize("texts", [(), (good(), good())], ids=["none", "two"])
def test_there_is_exactly_one(texts: tuple[str, ...]) -> None:
    with refused("invalid_dpop_proof", "dpop_doubled"):
        read_proof(texts, method="POST", url=URL, now=NOW)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("dpop_htm", {"htm": "GET"}),
        ("dpop_htm", {"htm": None}),
        ("dpop_htu", {"htu": "https://issuer.example/par"}),
        ("dpop_htu", {"htu": None}),
        ("dpop_nonce", {"nonce": 7}),
        ("dpop_jwt_jti", {"jti": None}),
        ("dpop_jwt_without_iat", {"iat": None}),
        ("dpop_jwt_iat", {"iat": "x"}),
        ("dpop_jwt_iat_ahead", {"iat": NOW + 61}),
        ("dpop_jwt_iat_old", {"iat": NOW - AGE - 1}),
        ("dpop_jwt_exp", {"exp": NOW}),
        ("dpop_jwt_nbf", {"nbf": NOW + 61}),
    ],
)
def test_every_claim_is_held_against_the_request(reason: str, changes: dict[str, Any]) -> None:
    with refused("invalid_dpop_proof", reason):
        read(good(**changes))


@pytest.mark.parametrize("changes", [{"exp": NOW + 1}, {"nbf": NOW}, {"iat": NOW - AGE}, {"iat": NOW + 10}])
def test_a_proof_may_say_more_about_its_time(changes: dict[str, Any]) -> None:
    assert read(good(**changes)).jti == "j"


def test_the_key_is_of_the_kind_that_the_algorithm_wants() -> None:
    claims = proof_claims("POST", URL, iat=NOW)
    with refused("invalid_dpop_proof", "dpop_key"):
        read(proof(MINE, claims, jwk=key("RS256").jwk))
    with refused("invalid_dpop_proof", "dpop_jwk_private"):
        read(proof(MINE, claims, jwk=MINE.jwk | {"d": "AA"}))
    with refused("invalid_dpop_proof", "dpop_jwt_typ"):
        read(proof(MINE, claims, typ="JWT"))


def test_fapi2_leaves_rs256_out() -> None:
    text = proof(key("RS256"), proof_claims("POST", URL, iat=NOW))
    assert read(text).jkt == key("RS256").jkt
    with refused("invalid_dpop_proof", "dpop_jwt_alg"):
        read(text, fapi2=True)


def test_the_hash_of_the_access_token_of_rfc9449_7_1() -> None:
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert access_token_hash(token) == b"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    check_access_token(read(good(ath=access_token_hash(token).decode())), token)
    for wrong in (None, 7, "", "é", b64(bytes(32))):
        with refused("invalid_dpop_proof", "dpop_ath"):
            check_access_token(read(good(ath=wrong)), token)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example/b", "https://a.example/b"),
        ("HTTPS://A.example:443/b?c#d", "https://a.example/b"),
        ("http://a.example:80", "http://a.example/"),
        ("https://a.example:8443/", "https://a.example:8443/"),
        ("https://a.example/./b/../c", "https://a.example/c"),
        ("https://a.example/../../c", "https://a.example/c"),
        ("https://a.example/b/..", "https://a.example/"),
        ("https://a.example/b/.", "https://a.example/b/"),
        ("https://a.example/%7Eb%2fc%2F", "https://a.example/~b%2Fc%2F"),
        ("http://[::1]:8080/b", "http://[::1]:8080/b"),
        ("ftp://a.example/b", None),
        ("https:///b", None),
        ("https://user@a.example/b", None),
        ("https://a.example:x/b", None),
        ("https://[::1/b", None),
        ("https://a.example/é", None),
        ("https://a.example/\n", None),
        ("", None),
        (7, None),
    ],
)
def test_a_uri_is_normalised_as_rfc3986_says(text: Any, expected: str | None) -> None:
    assert normal_uri(text) == expected


def test_a_nonce_counts_for_its_span_and_the_next() -> None:
    current, before = nonce_windows(NOW)
    assert nonce_windows(NOW + NONCE_SECONDS) == (current + 1, current)
    assert before == current - 1
