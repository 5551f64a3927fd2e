import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.response import check_response_mode, check_response_type


def test_code_is_the_only_response_type() -> None:
    assert check_response_type("code") == "code"


@pytest.mark.parametrize("value", ["token", "id_token", "code token", "code id_token", "none", "Code"])
def test_every_other_response_type_is_unsupported(value: str) -> None:
    with refused("unsupported_response_type", "response_type_unknown"):
        check_response_type(value)


def test_a_missing_response_type_is_an_invalid_request() -> None:
    with refused("invalid_request", "response_type_missing"):
        check_response_type(None)


@pytest.mark.parametrize("value", [None, "query"])
def test_query_is_the_only_response_mode_and_the_default(value: str | None) -> None:
    assert check_response_mode(value) == "query"


@pytest.mark.parametrize("value", ["fragment", "form_post", "query.jwt", ""])
def test_every_other_response_mode_is_refused(value: str) -> None:
    with refused("invalid_request", "response_mode_unknown"):
        check_response_mode(value)
