"""OpenID Connect Core sections 3.1.2.1, 5.5 and 6: every parameter of a request, in bounds and out of them."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.app import Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, consent_page, login_page, parameters, redeem
from tests.support.flows import Person


@pytest.fixture(scope="module")
def known(app: Running) -> Browser:
    """A browser whose person is logged in, so that errors are redirects."""
    browser = app.browser()
    consent_page(app, browser)
    return browser


def error_of(app: Running, browser: Browser, **changes: str | None) -> str:
    """The error that the client is told."""
    answer = authorize(app, browser, **changes)
    assert answer.status == 303, answer.text
    assert answer.query["state"] == "a state & more"
    return answer.query["error"]


def is_taken(answer: Answer) -> bool:
    return answer.status == 303 and "tx=" in answer.location


@pytest.mark.parametrize(
    "changes",
    [
        {"display": "page"},
        {"display": "popup"},
        {"display": "touch"},
        {"display": "wap"},
        {"display": "hologram"},
        {"ui_locales": "fr-CA fr en"},
        {"ui_locales": "xx-nonsense"},
        {"claims_locales": "fr"},
        {"acr_values": "urn:mace:incommon:iap:silver urn:mace:incommon:iap:bronze"},
        {"login_hint": "bob@example.com"},
        {"nonce": "n-0S6_WzA2Mj"},
        {"max_age": "86400"},
        {
            "claims": '{"userinfo":{"given_name":{"essential":true},"nickname":null},"id_token":{"auth_time":{"essential":true}}}'
        },
        {"claims": "{}"},
        {"dpop_jkt": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
        # RFC 6749 3.1: "The authorization server MUST ignore unrecognized request parameters."
        {"extra": "foobar"},
        {"state": None},
        {"nonce": None},
    ],
    ids=str,
)
def test_what_the_specification_names_is_taken(app: Running, known: Browser, changes: dict[str, str | None]) -> None:
    assert is_taken(authorize(app, known, **changes))
    post = app.browser().post("/authorize", parameters(app, **changes))
    assert is_taken(post)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ui_locales": "x" * 300}, "invalid_request"),
        ({"ui_locales": " ".join(f"x{number}" for number in range(50))}, "invalid_request"),
        ({"acr_values": "x" * 300}, "invalid_request"),
        ({"login_hint": "x" * 321}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"prompt": "none consent"}, "invalid_request"),
        ({"prompt": "Login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"claims": "nonsense"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"id_token":{"x\\ud800":null}}'}, "invalid_request"),
        ({"authorization_details": '[{"type":"\\ud800"}]'}, "invalid_authorization_details"),
        ({"claims": '{"id_token":1}'}, "invalid_request"),
        ({"claims": '{"id_token":{"a":{}},"id_token":{}}'}, "invalid_request"),
        ({"claims": '{"id_token":' + '{"a":' * 30 + "1" + "}" * 31}, "invalid_request"),
        ({"claims": json.dumps({"id_token": {f"c{number}": None for number in range(300)}})}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"dpop_jkt": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"}, "invalid_request"),
        ({"registration": '{"redirect_uris":["https://evil.example/"]}'}, "registration_not_supported"),
        ({"request_uri": "https://client.example/r.jwt"}, "request_uri_not_supported"),
        ({"request_uri": "urn:example:other"}, "request_uri_not_supported"),
        ({"scope": "openid nonsense"}, "invalid_scope"),
        ({"scope": "openid  profile"}, "invalid_scope"),
        ({"authorization_details": "nonsense"}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"unknown"}]'}, "invalid_authorization_details"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_out_of_bounds_is_told_to_the_client(
    app: Running, known: Browser, changes: dict[str, str | None], error: str
) -> None:
    assert error_of(app, known, **changes) == error


def test_a_state_that_is_too_long_is_refused_and_not_echoed(app: Running, known: Browser) -> None:
    answer = authorize(app, known, state="s" * 2049)
    assert answer.query["error"] == "invalid_request"
    assert "state" not in answer.query


@pytest.mark.parametrize(
    "state", ["a b", "ä€😀", "%2F+&=#", '"<>\\', "x" * 2048], ids=["space", "signs", "url", "html", "long"]
)
def test_a_state_comes_back_as_it_was(app: Running, state: str) -> None:
    assert authorize(app, app.browser(), prompt="none", state=state).query["state"] == state


@pytest.mark.parametrize(
    "name", ["claims", "request", "display", "acr_values", "dpop_jkt", "request_uri", "id_token_hint"]
)
def test_nothing_may_come_twice(app: Running, known: Browser, name: str) -> None:
    pairs = [*parameters(app).items(), (name, "a"), (name, "b")]
    answer = known.get("/authorize?" + urlencode(pairs))
    assert (answer.status, answer.header("Location")) == (400, None)


def test_the_login_hint_is_typed_in_already(app: Running) -> None:
    page = login_page(app, app.browser(), login_hint='bob"><b>@example.com')
    assert page.forms[0].values["username"] == 'bob"><b>@example.com'
    assert "<b>" not in page.text


def claims(app: Running, token: str) -> Any:
    """What an access token's grant gives at ``/userinfo``."""
    answer = app.browser().get("/userinfo", {"Authorization": f"Bearer {token}"})
    assert answer.status == 200, answer.text
    return answer.json


def test_the_claims_parameter_reaches_userinfo_and_the_id_token(app: Running) -> None:
    person = Person(app)
    asked = json.dumps({"userinfo": {"name": {"essential": True}}})
    answer = redeem(app, person.code(scope="openid", claims=asked))
    assert claims(app, answer.json["access_token"])["name"] == "Alice Example"
    without = redeem(app, person.code(scope="openid"))
    assert "name" not in claims(app, without.json["access_token"])
