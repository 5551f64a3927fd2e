import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.response import check_response_mode, check_response_type, encoding_of


def test_code_is_the_only_response_type() -> None:
    assert check_response_type("code") == "code"


@pytest.mark.parametrize("value", ["token", "id_token", "code token", "code id_token", "none", "Code"])
def test_every_other_response_type_is_unsupported(value: str) -> None:
    with refused("unsupported_response_type", "response_type_unknown"):
        check_response_type(value)


def test_a_missing_response_type_is_an_invalid_request() -> None:
    with refused("invalid_request", "response_type_missing"):
        check_response_type(None)


HTTPS, LOOPBACK, OWN = "https://client.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb"


@pytest.mark.parametrize("uri", [HTTPS, LOOPBACK, OWN])
@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (None, "query"),
        ("query", "query"),
        ("fragment", "fragment"),
        ("jwt", "query.jwt"),
        ("query.jwt", "query.jwt"),
        ("fragment.jwt", "fragment.jwt"),
    ],
)
def test_redirects_carry_a_code_in_the_query_or_the_fragment_plain_or_as_a_jwt(
    value: str | None, mode: str, uri: str
) -> None:
    assert check_response_mode(value, uri) == mode


@pytest.mark.parametrize("value", ["form_post", "form_post.jwt"])
def test_a_form_is_posted_to_the_web_and_never_to_a_scheme_of_an_applications_own(value: str) -> None:
    assert check_response_mode(value, HTTPS) == value
    assert check_response_mode(value, LOOPBACK) == value
    with refused("invalid_request", "response_mode_form_scheme"):
        check_response_mode(value, OWN)


@pytest.mark.parametrize("value", ["", "Query", "web_message", "jwt.jwt", ".jwt", "form_post.JWT"])
def test_every_other_response_mode_is_refused(value: str) -> None:
    with refused("invalid_request", "response_mode_unknown"):
        check_response_mode(value, HTTPS)


@pytest.mark.parametrize(
    ("mode", "encoding", "as_jwt"), [("query", "query", False), ("fragment.jwt", "fragment", True)]
)
def test_a_mode_is_an_encoding_and_whether_it_is_signed(mode: str, encoding: str, as_jwt: bool) -> None:
    assert encoding_of(mode) == (encoding, as_jwt)
