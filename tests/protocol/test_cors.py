"""The CORS protocol (Fetch section 3.2): whose scripts may read what."""

import pytest
from tests.support.app import ORIGIN, REDIRECT, Running
from tests.support.code_flow import VERIFIER, redirect_of

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, dpop"}
STRANGER = "https://evil.example"


@pytest.mark.parametrize("path", ["/authorize", "/login", "/consent", "/logout", "/", "/introspect", "/register"])
def test_no_other_origin_reads_pages_or_endpoints_for_servers(app: Running, path: str) -> None:
    browser = app.browser()
    answers = [
        browser.get(path, {"Origin": ORIGIN}),
        browser.post(path, {}, {"Origin": ORIGIN}),
        browser.request("OPTIONS", path, headers={"Origin": ORIGIN, **PREFLIGHT}),
    ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")], path


@pytest.mark.parametrize("path", ["/token", "/revoke"])
def test_a_preflight_from_a_registered_origin_is_let_through(app: Running, path: str) -> None:
    app.catch_up()
    answer = app.browser().request("OPTIONS", path, headers={"Origin": ORIGIN, **PREFLIGHT})
    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert "DPoP" in (answer.header("Access-Control-Allow-Headers") or "")
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert answer.header("Vary") == "Origin"


@pytest.mark.parametrize("origin", [STRANGER, "null", ORIGIN + ".evil.example", ORIGIN.upper()])
def test_a_preflight_from_anywhere_else_is_not(app: Running, origin: str) -> None:
    answer = app.browser().request("OPTIONS", "/token", headers={"Origin": origin, **PREFLIGHT})
    assert answer.header("Access-Control-Allow-Origin") is None


def test_the_answer_may_be_read_by_the_origin_of_this_very_client(app: Running) -> None:
    code = redirect_of(app, app.browser(), "spa").query["code"]
    spa = app.clients["spa"].client_id
    values = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "client_id": spa,
    }
    answer = app.browser().post("/token", values, {"Origin": ORIGIN})
    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert answer.header("Access-Control-Expose-Headers") == "WWW-Authenticate, DPoP-Nonce"
    assert answer.header("Access-Control-Allow-Credentials") is None


def test_an_error_may_be_read_by_it_as_well(app: Running) -> None:
    values = {"grant_type": "authorization_code", "code": "junk", "client_id": app.clients["spa"].client_id}
    answer = app.browser().post("/token", values, {"Origin": ORIGIN})
    assert answer.status == 400
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN


def test_an_origin_of_one_client_does_not_read_the_answers_to_another(app: Running) -> None:
    values = {"grant_type": "client_credentials", "scope": "api:read"}
    answer = app.browser().post("/token", values, {"Origin": ORIGIN, "Authorization": app.clients["web"].basic})
    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") is None
    assert answer.header("Vary") == "Origin"


@pytest.mark.parametrize("body", [b"client_id=%ff", b"client_id=a&client_id=b", b""])
def test_a_request_that_names_no_client_is_read_by_nobody(app: Running, body: bytes) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    answer = app.browser().request("POST", "/token", body=body, headers=headers)
    assert answer.status in {400, 401}
    assert answer.header("Access-Control-Allow-Origin") is None


def test_the_preflight_of_a_public_document_is_open(app: Running) -> None:
    answer = app.browser().request("OPTIONS", "/jwks", headers={"Origin": STRANGER, **PREFLIGHT})
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (204, "*")
