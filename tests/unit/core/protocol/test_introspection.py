import pytest

from grantlog.core.protocol.introspection import INACTIVE, TYP, active, as_jwt, wants_jwt


def test_an_inactive_token_is_told_nothing_about() -> None:
    assert INACTIVE == {"active": False}


def test_an_active_token_is_described_as_rfc7662_2_2_says() -> None:
    answer = active(
        issuer="https://id.example", scope=("a", "b"), client_id="c1", subject="u1", audience=("https://api.example/",),
        issued_at=1, expires_at=2,
    )  # fmt: skip
    assert answer == {
        "active": True,
        "scope": "a b",
        "client_id": "c1",
        "token_type": "Bearer",
        "exp": 2,
        "iat": 1,
        "sub": "u1",
        "aud": "https://api.example/",
        "iss": "https://id.example",
    }


def test_several_audiences_are_a_list() -> None:
    answer = active(
        issuer="https://id.example", scope=(), client_id="c1", subject="u1", audience=("a:1", "a:2"), issued_at=1,
        expires_at=2,
    )  # fmt: skip
    assert answer["aud"] == ["a:1", "a:2"]


def test_a_token_bound_to_a_key_is_of_type_dpop() -> None:
    answer = active(
        issuer="https://id.example", scope=(), client_id="c1", subject="u1", audience=("a:1",), issued_at=1,
        expires_at=2, bound_to_key=True,
    )  # fmt: skip
    assert answer["token_type"] == "DPoP"


def test_a_signed_answer_has_the_members_of_rfc9701_5_and_none_that_would_make_it_a_token() -> None:
    claims = as_jwt(issuer="https://id.example", audience="rs", issued_at=7, answer={"active": False})
    assert claims == {"iss": "https://id.example", "aud": "rs", "iat": 7, "token_introspection": {"active": False}}
    assert TYP == "token-introspection+jwt"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/token-introspection+jwt", True),
        ("Application/Token-Introspection+JWT ; q=0.9, application/json;q=0.1", True),
        ("application/json, application/token-introspection+jwt", True),
        ("application/token-introspection+jwt;q=0", False),
        ("application/token-introspection+jwt; q = 0.0", False),
        ("application/jwt", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_signed_answer_is_for_who_asks_for_one(accept: str, wanted: bool) -> None:
    assert wants_jwt(accept) is wanted
