"""Consent: the user is told what is asked, and one answer makes one code (RFC 6749 section 4.1.2, RFC 8707)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.app import API, BILLING, JWT_API, REDIRECT, WEB, Running, StartApp
from tests.support.code_flow import authorize, consent_page, log_in, login_page, redeem, redirect_of

from grantlog.core.client.events import ClientMetadata
from grantlog.flows import consent, pending
from grantlog.ports import UnavailableError


def test_the_page_says_who_asks_for_what_where_and_as_whom(app: Running) -> None:
    page = consent_page(app, app.browser(), scope="openid email offline_access api:write", resource=BILLING)
    for words in (
        "Web &amp; &lt;Sons&gt;",
        "Alice Example",
        "see your e-mail address",
        "keep its access while you are not there",
        "(api:write)",
        BILLING,
        "client.example",
    ):
        assert words in page.text
    assert API not in page.text


@pytest.mark.parametrize("name", ["", "   ", "\u3164\u3164", "\u2800 \uffa0"])
def test_a_client_whose_name_nobody_can_see_is_called_by_its_id(app: Running, name: str) -> None:
    app.clients["unseen"] = unseen = app.register(replace(WEB, name=name))
    browser = app.browser()
    page = login_page(app, browser, "unseen")
    assert f"<strong>{unseen.client_id}</strong>" in page.text
    assert f'<span class="name">{unseen.client_id}</span>' in log_in(browser, page).text


def test_without_a_resource_the_page_names_every_one_that_the_scope_can_reach(app: Running) -> None:
    browser = app.browser()
    page = consent_page(app, browser, scope="api:read")
    assert all(uri in page.text for uri in (API, BILLING, JWT_API))
    assert API in consent_page(app, browser, scope="api:read", resource=API).text
    assert BILLING not in consent_page(app, browser, scope="api:read", resource=API).text
    assert API not in consent_page(app, browser, scope="openid").text


def test_allowing_it_takes_a_code_to_the_client(app: Running) -> None:
    answer = redirect_of(app, app.browser())
    assert answer.location.startswith(REDIRECT + "?code=gl_ac_")
    assert not answer.location.endswith("#")
    assert answer.query["state"] == "a state & more"
    assert set(answer.query) == {"code", "state", "iss"}


def test_the_code_is_good_for_tokens_of_the_scope_that_was_allowed(app: Running) -> None:
    answer = redirect_of(app, app.browser(), scope="openid api:read", nonce="a nonce")
    tokens = redeem(app, answer.query["code"])
    assert tokens.status == 200, tokens.text
    assert tokens.json["scope"] == "openid api:read"
    assert {"access_token", "refresh_token", "id_token"} <= set(tokens.json)
    told = app.introspect(tokens.json["access_token"])
    assert told["sub"] == str(app.account)
    assert told["aud"] == [API, app.settings.issuer]


def test_a_public_client_gets_tokens_too(app: Running) -> None:
    answer = redirect_of(app, app.browser(), "spa")
    assert redeem(app, answer.query["code"], "spa").status == 200


def test_denying_it_tells_the_client(app: Running) -> None:
    browser = app.browser()
    answer = browser.submit(consent_page(app, browser), decision="deny")
    assert answer.status == 303
    assert answer.query["error"] == "access_denied"
    assert answer.query["state"] == "a state & more"
    assert answer.query["iss"] == app.settings.issuer
    assert "code" not in answer.query
    assert answer.location.endswith("#")


def test_a_double_click_yields_one_code(app: Running) -> None:
    browser = app.browser()
    page = consent_page(app, browser)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.submit(page, decision="allow"), range(8)))
    assert sorted(answer.status for answer in answers) == [303] + [400] * 7


@pytest.mark.parametrize("decision", ["", "maybe"])
def test_no_answer_is_no_answer(app: Running, decision: str) -> None:
    browser = app.browser()
    page = consent_page(app, browser)
    assert browser.submit(page, decision=decision).status == 400
    # and the question still stands
    assert browser.submit(page, decision="allow").status == 303


def test_the_form_is_bound_to_the_session_that_saw_the_page(app: Running) -> None:
    app.add_user("bystander")
    browser = app.browser()
    page = consent_page(app, browser)
    log_in(browser, login_page(app, browser, prompt="login"), username="bystander")
    assert browser.submit(page, decision="allow").status == 403


def test_who_is_not_logged_in_any_more_is_asked_to_log_in(app: Running) -> None:
    browser = app.browser()
    page = consent_page(app, browser)
    del browser.cookies["gl_session"]
    answer = browser.submit(page, decision="allow")
    assert answer.status == 303
    assert "/login?tx=" in answer.location


def test_another_account_can_be_chosen_on_the_page(app: Running) -> None:
    app.add_user("second", name="Second Person")
    browser = app.browser()
    page = consent_page(app, browser)
    assert "switch=1" in page.text
    key = page.forms[0].values["tx"]
    login = browser.get(f"/login?tx={key}&switch=1")
    assert login.status == 200
    consent = log_in(browser, login, username="second")
    assert "Second Person" in consent.text


def test_a_client_that_was_suspended_meanwhile_gets_no_code(app: Running) -> None:
    app.clients["doomed"] = doomed = app.register(WEB)
    browser = app.browser()
    page = consent_page(app, browser, "doomed")
    app.suspend(doomed)
    answer = browser.submit(page, decision="allow")
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_redirect_uri_that_was_withdrawn_meanwhile_gets_no_code(app: Running) -> None:
    app.clients["moved"] = moved = app.register(WEB)
    browser = app.browser()
    page = consent_page(app, browser, "moved")
    app.update(moved, ClientMetadata(name="Moved", redirect_uris=("https://elsewhere.example/",), scope=WEB.scope))
    answer = browser.submit(page, decision="allow")
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_code_of_a_session_that_ended_is_dead(app: Running) -> None:
    browser = app.browser()
    code = redirect_of(app, browser).query["code"]
    assert browser.submit(browser.get("/logout")).status == 200
    assert redeem(app, code).json["error"] == "invalid_grant"


def test_a_code_lives_as_long_as_the_setting_says(start_app: StartApp) -> None:
    app = start_app(code_lifetime=1)
    code = redirect_of(app, app.browser()).query["code"]
    app.pass_seconds(1.1)
    assert redeem(app, code).json["error"] == "invalid_grant"


def test_a_login_that_took_too_long_is_over(start_app: StartApp) -> None:
    app = start_app(login_lifetime=60)
    browser = app.browser()
    page = login_page(app, browser)
    app.run(app.service.ports.transactions.take("authorize", page.forms[0].values["tx"]))
    assert browser.submit(page, username="alice", password="x").status == 400


def test_nothing_of_the_request_is_on_the_log_before_the_user_allows(app: Running) -> None:
    browser = app.browser()
    before = app.run(app.service.ports.log.head()).position
    authorize(app, browser)
    login_page(app, browser)
    assert app.run(app.service.ports.log.head()).position == before


def test_an_answer_that_a_store_was_away_for_can_be_given_again(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = app.browser()
    page = consent_page(app, browser)

    async def away(*_: object) -> None:
        raise UnavailableError("the log does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(consent, "begin", away)
        assert browser.submit(page, decision="allow").status == 503
    assert "code" in browser.submit(page, decision="allow").query
    # and where nobody needs to be asked
    with monkeypatch.context() as patch:
        patch.setattr(pending, "new_id", lambda _: "k" * 43)
        patch.setattr(consent, "begin", away)
        assert authorize(app, browser, prompt=None).status == 503
    assert "code" in browser.get("/consent?tx=" + "k" * 43).query
