from grantlog.core.protocol.jwt_access_token import TYP, audience_of, claims


def test_the_type_is_that_of_rfc9068_2_1() -> None:
    assert TYP == "at+jwt"


def test_every_claim_that_rfc9068_2_2_requires_is_there() -> None:
    payload = claims(
        issuer="https://id.example", subject="c1", audience=("https://api.example/",), client_id="c1", issued_at=1,
        expires_at=2, jti="j", scope=(),
    )  # fmt: skip
    assert payload == {
        "iss": "https://id.example",
        "exp": 2,
        "aud": "https://api.example/",
        "sub": "c1",
        "client_id": "c1",
        "iat": 1,
        "jti": "j",
    }


def test_scope_and_authentication_are_told_where_there_are_any() -> None:
    payload = claims(
        issuer="https://id.example", subject="u1", audience=("a:1", "a:2"), client_id="c1", issued_at=1, expires_at=2,
        jti="j", scope=("x", "y"), auth_time=0, acr="1", amr=("pwd",),
    )  # fmt: skip
    assert payload["scope"] == "x y"
    assert (payload["auth_time"], payload["acr"], payload["amr"]) == (0, "1", ["pwd"])


def test_one_audience_is_a_string_and_several_are_a_list() -> None:
    assert audience_of(("a:1",)) == "a:1"
    assert audience_of(("a:1", "a:2")) == ["a:1", "a:2"]


def test_what_a_token_says_besides_stands_beside_its_claims() -> None:
    extra = {"cnf": {"jkt": "k"}, "act": {"sub": "service"}, "roles": ["admin"]}
    payload = claims(
        issuer="https://id.example", subject="u1", audience=("a:1",), client_id="c1", issued_at=1, expires_at=2,
        jti="j", scope=(), extra=extra,
    )  # fmt: skip
    assert {name: payload[name] for name in extra} == extra
    assert payload["sub"] == "u1"
