from grantlog.core.protocol.introspection import INACTIVE, active


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
