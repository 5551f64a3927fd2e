from grantlog.core.protocol.userinfo import as_jwt, members

PROFILE = {"name": "Jane", "email": "jane@example.com", "phone_number": "+1"}


def test_the_subject_is_always_told_and_the_rest_by_scope_and_request() -> None:
    claims = '{"userinfo":{"phone_number":null,"sub":{"value":"u1"}}}'
    assert members("u1", ("openid",), PROFILE, "", ("openid", "phone")) == {"sub": "u1"}
    assert members("u1", ("openid", "email"), PROFILE, claims, ("openid", "email")).keys() == {"sub", "email"}
    assert members("u1", ("openid", "email"), PROFILE, claims, ("openid", "phone")) == {
        "sub": "u1",
        "email": "jane@example.com",
        "phone_number": "+1",
    }


def test_as_a_jwt_it_names_who_says_it_and_to_whom() -> None:
    claims = as_jwt({"sub": "u1"}, issuer="https://id.example", client_id="c1")
    assert claims == {"sub": "u1", "iss": "https://id.example", "aud": "c1"}
