"""RFC 6749 section 4.1.1, OAuth 2.1 and OpenID Connect Core section 3.1.2: the authorization endpoint."""

from urllib.parse import urlencode

import pytest
from tests.support.app import API, REDIRECT, WEB, Running, StartApp
from tests.support.browser import FORM, Answer
from tests.support.code_flow import CHALLENGE, authorize, consent_page, parameters, redirect_of

LONG_AGO = "0"


def test_a_good_request_goes_on_to_log_in_by_303(app: Running) -> None:
    answer = authorize(app, app.browser())
    assert answer.status == 303
    assert answer.location.startswith(f"{app.url}/login?tx=")
    assert answer.header("Cache-Control") == "no-store"


def test_the_request_may_come_as_a_form_from_another_site(app: Running) -> None:
    browser = app.browser()
    answer = browser.post(
        "/authorize", parameters(app), {"Origin": "https://client.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status == 303
    # once more by GET: the browser has sent no cookies with another site's form
    assert answer.set_cookies == {}
    assert browser.follow(browser.follow(answer)).status == 200


def test_a_form_of_another_content_type_is_refused(app: Running) -> None:
    answer = app.browser().request("POST", "/authorize", body=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": REDIRECT + "/more"},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"redirect_uri": REDIRECT.upper()},
        {"redirect_uri": "https://client.example@evil.example/callback"},
        {"redirect_uri": "https://client.example/../callback"},
        {"redirect_uri": "http://client.example/callback"},
        {"redirect_uri": "http://localhost/callback"},
        {"redirect_uri": "http://127.0.0.1:99999/callback"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_while_the_redirect_uri_is_not_proven_the_error_is_a_page(app: Running, changes: dict[str, str | None]) -> None:
    answer = authorize(app, app.browser(), **changes)
    assert answer.status == 400
    assert answer.header("Location") is None
    assert "text/html" in (answer.header("Content-Type") or "")
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"scope": "openid nonsense"}, "invalid_scope"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
        ({"resource": API + "#fragment"}, "invalid_target"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request_object"),
        ({"request_uri": "https://client.example/r"}, "request_uri_not_supported"),
    ],
    ids=str,
)
def test_errors_are_a_page_for_strangers_and_a_redirect_for_who_is_logged_in(
    app: Running, changes: dict[str, str | None], error: str
) -> None:
    stranger = authorize(app, app.browser(), **changes)
    assert (stranger.status, stranger.header("Location")) == (400, None)
    assert error in stranger.text

    browser = app.browser()
    consent_page(app, browser)
    known = authorize(app, browser, **changes)
    assert known.status == 303
    assert known.location.startswith(REDIRECT + "?")
    assert known.query["error"] == error
    assert known.query["state"] == "a state & more"
    assert known.query["iss"] == app.settings.issuer
    assert known.location.endswith("#")


@pytest.mark.parametrize("name", ["state", "client_id", "redirect_uri", "scope", "code_challenge"])
def test_a_doubled_parameter_is_refused_on_a_page(app: Running, name: str) -> None:
    pairs = [*parameters(app).items(), (name, parameters(app)[name])]
    answer = app.browser().get("/authorize?" + urlencode(pairs))
    assert (answer.status, answer.header("Location")) == (400, None)
    assert app.browser().post("/authorize", pairs).status == 400


def test_several_resources_may_be_named(app: Running) -> None:
    pairs = [*parameters(app).items(), ("resource", API), ("resource", "https://billing.example.com/")]
    assert app.browser().get("/authorize?" + urlencode(pairs)).status == 303


@pytest.mark.parametrize("query", ["state=%ff", "state=%zz", "state=%00", "state=%0d%0aX: y", "state=%C3"])
def test_what_cannot_be_decoded_is_refused(app: Running, query: str) -> None:
    usual = urlencode(parameters(app, state=None))
    answer = app.browser().request("GET", f"/authorize?{usual}&{query.replace(' ', '%20')}")
    assert answer.status == 400


def test_the_loopback_address_may_be_named_with_any_port(app: Running) -> None:
    browser = app.browser()
    consent_page(app, browser)
    answer = redirect_of(app, browser, redirect_uri="http://127.0.0.1:51234/callback")
    assert answer.location.startswith("http://127.0.0.1:51234/callback?code=")


def test_a_native_application_is_answered_at_its_own_scheme(app: Running) -> None:
    answer = redirect_of(app, app.browser(), "native", redirect_uri="com.example.app:/callback")
    assert (answer.header("Location") or "").startswith("com.example.app:/callback?code=")


def test_without_a_session_prompt_none_is_answered_login_required(app: Running) -> None:
    answer = authorize(app, app.browser(), prompt="none")
    assert answer.status == 303
    assert answer.location.startswith(REDIRECT)
    assert (answer.query["error"], answer.query["iss"]) == ("login_required", app.settings.issuer)
    assert answer.location.endswith("#")


def test_with_a_session_prompt_none_is_answered_consent_required(app: Running) -> None:
    app.clients["fresh"] = app.register(WEB)
    browser = app.browser()
    consent_page(app, browser, "fresh")
    assert authorize(app, browser, "fresh", prompt="none").query["error"] == "consent_required"


def test_a_wrong_request_with_prompt_none_is_redirected_even_for_strangers(app: Running) -> None:
    answer = authorize(app, app.browser(), prompt="none", scope="nonsense")
    assert answer.query["error"] == "invalid_scope"


def test_prompt_none_does_not_prove_a_redirect_uri(app: Running) -> None:
    answer = authorize(app, app.browser(), prompt="none", redirect_uri="https://evil.example/")
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_live_session_skips_the_login(app: Running) -> None:
    browser = app.browser()
    consent_page(app, browser)
    assert "/consent?tx=" in authorize(app, browser).location


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": LONG_AGO}], ids=str)
def test_who_must_authenticate_again_does_and_then_goes_on(app: Running, changes: dict[str, str | None]) -> None:
    app.clients["again"] = app.register(WEB)
    browser = app.browser()
    consent_page(app, browser, "again")
    answer = authorize(app, browser, "again", **changes)
    assert "/login?tx=" in answer.location
    page = browser.follow(answer)
    assert page.status == 200
    # nor can the login be skipped by going to the consent page
    skipped = browser.get(answer.location.replace("/login", "/consent"))
    assert skipped.status == 303
    assert "/login?tx=" in skipped.location
    again = browser.submit(page, username="alice", password="correct horse battery staple")
    assert browser.follow(again).status == 200


def test_a_session_young_enough_for_max_age_is_kept(app: Running) -> None:
    app.clients["young"] = app.register(WEB)
    browser = app.browser()
    consent_page(app, browser, "young")
    assert "/consent?tx=" in authorize(app, browser, "young", max_age="3600").location
    assert authorize(app, browser, "young", max_age="3600", prompt="none").query["error"] == "consent_required"


def test_requests_of_a_client_that_wait_are_bounded(start_app: StartApp) -> None:
    app = start_app(pending_logins_per_client=2)
    answers = [authorize(app, app.browser()) for _ in range(3)]
    assert [answer.status for answer in answers] == [303, 303, 503]
    assert answers[-1].header("Retry-After")


def test_one_address_cannot_take_all_the_places_of_a_client(start_app: StartApp) -> None:
    app = start_app(rate_authorize="3/minute", trusted_proxies="127.0.0.0/8")

    def ask(address: str, client: str = "web") -> Answer:
        return app.browser().get(f"/authorize?{urlencode(parameters(app, client))}", {"X-Forwarded-For": address})

    assert [ask("192.0.2.1").status for _ in range(3)] == [303] * 3
    refused = ask("192.0.2.1")
    assert (refused.status, refused.header("Location")) == (429, None)
    assert 1 <= int(refused.header("Retry-After") or 0) <= 60
    assert "text/html" in (refused.header("Content-Type") or "")
    assert ask("198.51.100.7").status == 303
    assert ask("192.0.2.1", "spa").status == 303


def test_requests_that_a_person_allows_do_not_count(start_app: StartApp) -> None:
    app = start_app(rate_authorize="2/minute")
    browser = app.browser()
    assert ["code" in redirect_of(app, browser).query for _ in range(4)] == [True] * 4


def test_a_suspended_client_gets_nowhere(app: Running) -> None:
    app.clients["gone"] = gone = app.register(WEB)
    app.suspend(gone)
    answer = authorize(app, app.browser(), "gone")
    assert (answer.status, answer.header("Location")) == (400, None)


def test_no_redirect_of_the_server_repeats_a_post(app: Running) -> None:
    browser = app.browser()
    statuses = {
        browser.request(
            "POST", "/authorize", body=urlencode(parameters(app)).encode(), headers={"Content-Type": FORM}
        ).status,
        redirect_of(app, browser).status,
        authorize(app, browser, prompt="none").status,
    }
    assert statuses == {303}
