"""What OAuth 2.1 has left out is not there under any spelling."""

import pytest
from tests.support.app import PASSWORD, USERNAME, Running
from tests.support.clients import client_of, is_refused
from tests.support.code_flow import authorize, consent_page

TYPES = (
    "token", "id_token", "id_token token", "token id_token", "code token", "code id_token", "code id_token token", "none",
    "CODE", "code code", " code", "code ", "code,token", "token code",
)  # fmt: skip


@pytest.mark.parametrize("response_type", TYPES)
def test_no_response_type_but_code_exists(app: Running, response_type: str) -> None:
    browser = app.browser()
    consent_page(app, browser)
    answer = authorize(app, browser, "web", response_type=response_type, nonce="n")
    assert (answer.status, answer.query.get("error")) == (303, "unsupported_response_type")
    assert "access_token" not in answer.location
    assert "code" not in answer.query


@pytest.mark.parametrize("grant_type", ["password", "implicit", "PASSWORD", "authorization_code ", "", "null", "[]"])
def test_the_password_grant_does_not_exist(app: Running, grant_type: str) -> None:
    answer = client_of(app).token(grant_type, username=USERNAME, password=PASSWORD, scope="openid")
    is_refused(answer, "unsupported_grant_type" if grant_type else "invalid_request")


def test_nobody_registers_for_what_is_not_there(app: Running) -> None:
    known = app.browser().get("/.well-known/openid-configuration").json
    assert known["response_types_supported"] == ["code"]
    assert {"password", "implicit"}.isdisjoint(known["grant_types_supported"])
