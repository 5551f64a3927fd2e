from base64 import urlsafe_b64decode
from hashlib import sha256, sha512

import pytest
from tests.support.protocol import VECTORS

from grantlog.core.protocol import introspection, jwt_access_token, userinfo
from grantlog.core.protocol.id_token import TYP, at_hash, claims


def test_the_at_hash_of_openid_connect_core_a_3() -> None:
    vector = VECTORS["oidc_core_a_3"]
    assert at_hash(vector["access_token"], vector["alg"]) == vector["at_hash"]


@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS256"])
def test_at_hash_is_the_left_half_of_sha256(alg: str) -> None:
    assert urlsafe_b64decode(at_hash("abc", alg) + "==") == sha256(b"abc").digest()[:16]


def test_at_hash_of_eddsa_is_the_left_half_of_sha512() -> None:
    text = at_hash("abc", "EdDSA")
    assert urlsafe_b64decode(text + "=" * (-len(text) % 4)) == sha512(b"abc").digest()[:32]


def test_an_algorithm_that_nobody_signs_with_has_no_at_hash() -> None:
    with pytest.raises(KeyError):
        at_hash("abc", "none")


def test_what_nobody_knows_is_left_out() -> None:
    payload = claims(
        issuer="https://id.example", subject="u1", client_id="c1", issued_at=10, expires_at=20, auth_time=5, nonce=None,
        at_hash="h",
    )  # fmt: skip
    assert payload == {
        "iss": "https://id.example",
        "sub": "u1",
        "aud": "c1",
        "azp": "c1",
        "exp": 20,
        "iat": 10,
        "auth_time": 5,
        "at_hash": "h",
    }


def test_nonce_amr_and_acr_are_told_where_they_are_known() -> None:
    payload = claims(
        issuer="https://id.example", subject="u1", client_id="c1", issued_at=10, expires_at=20, auth_time=5, nonce="n",
        at_hash="h", amr=("pwd", "otp"), acr="2",
    )  # fmt: skip
    assert (payload["nonce"], payload["amr"], payload["acr"]) == ("n", ["pwd", "otp"], "2")


def test_the_session_and_what_was_asked_for_are_told_and_replace_nothing_of_ours() -> None:
    payload = claims(
        issuer="https://id.example", subject="u1", client_id="c1", issued_at=10, expires_at=20, auth_time=5, nonce=None,
        at_hash="h", session="s1", told={"email": "a@example.com", "sub": "somebody else", "exp": 2**40},
    )  # fmt: skip
    assert (payload["sid"], payload["email"], payload["sub"], payload["exp"]) == ("s1", "a@example.com", "u1", 20)


def test_an_id_token_has_a_type_of_its_own() -> None:
    assert len({TYP, jwt_access_token.TYP, introspection.TYP, userinfo.TYP}) == 4
