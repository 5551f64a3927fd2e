"""The page on which people change how they log in: who may, what each change ends, and that no secret is shown twice."""

import re
from base64 import b32decode
from typing import Any
from uuid import UUID

import pytest
from tests.support.app import PASSWORD, Running, StartApp
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, login_page, redeem
from tests.support.second_factor import (
    STEP_UP,
    App,
    enrol_codes,
    enrol_totp,
    form_for,
    give_code,
    give_recovery_code,
    second_page,
    send,
    state_of,
)

from grantlog.flows import accounts
from grantlog.flows.factor_reset import reset_second_factor
from grantlog.flows.operators import operator_origin

SECURITY = "/account/security"
TOTP, REMOVE, CODES, CHANGE = (f"{SECURITY}/{name}" for name in ("totp", "remove", "recovery-codes", "password"))
NEW_PASSWORD = "another good password"


def at_security(app: Running, username: str) -> Browser:
    """A browser that has just logged in to the page, with a password alone."""
    browser = app.browser()
    login = browser.follow(browser.get(SECURITY))
    done = send(browser, login, "/login", username=username, password=PASSWORD)
    assert done.location.endswith(SECURITY)
    return browser


def shown_key(page: Answer) -> bytes:
    """The key that the page shows."""
    found = re.search(r"Key: <code>([A-Z2-7 ]+)</code>", page.text)
    assert found is not None, page.text
    return b32decode(found[1].replace(" ", ""))


def enrol(app: Running, browser: Browser, offset: int = -1) -> App:
    """Adds an authenticator app as a person would."""
    page = browser.get(TOTP)
    assert page.status == 200, page.text
    authenticator = App(app, shown_key(page))
    answer = send(browser, page, TOTP, code=authenticator.code(offset))
    assert answer.status == 303, answer.text
    return authenticator


def tokens_of(app: Running, browser: Browser) -> dict[str, str]:
    """Tokens that were issued from this browser's session."""
    consent = browser.follow(authorize(app, browser, prompt="consent"))
    code = send(browser, consent, "/consent", decision="allow").query["code"]
    found: dict[str, str] = redeem(app, code).json
    return found


def alive(app: Running, browser: Browser) -> bool:
    """Whether this browser is logged in."""
    return browser.get(SECURITY).status == 200


def test_who_is_not_logged_in_does_so_and_comes_back(app: Running) -> None:
    app.add_user("visitor")
    browser = at_security(app, "visitor")
    page = browser.get(SECURITY)
    assert "visitor" in page.text
    assert 'href="/account"' in page.text
    assert "script" not in page.text


def test_an_app_is_enrolled_by_a_code_that_it_shows(app: Running) -> None:
    account = app.add_user("enroller")
    browser = at_security(app, "enroller")
    page = browser.get(TOTP)
    assert '<svg role="img"' in page.text
    assert "img-src 'self'" in (page.header("Content-Security-Policy") or "")
    assert page.header("Cache-Control") == "no-store"
    key = shown_key(page)
    assert len(key) == 20
    # whoever reloads the page does not have to scan again
    assert shown_key(browser.get(TOTP)) == key
    wrong = send(browser, page, TOTP, code="000000")
    assert wrong.status == 403
    assert shown_key(wrong) == key
    assert state_of(app, account).factors == ()
    authenticator = App(app, key)
    assert send(browser, wrong, TOTP, code=authenticator.code(-1)).status == 303
    assert len(state_of(app, account).factors) == 1
    assert "Add an authenticator app" not in browser.get(SECURITY).text
    assert browser.get(TOTP).status == 303
    # the code that enrolled it proves nothing again
    other = app.browser()
    page = second_page(other, login_page(app, other), "enroller")
    assert give_code(other, page, authenticator.code(-1)).status == 403
    assert give_code(other, page, authenticator.code()).status == 303


def test_a_key_is_offered_to_one_session_alone(app: Running) -> None:
    app.add_user("two sessions")
    one, other = at_security(app, "two sessions"), at_security(app, "two sessions")
    first, second = one.get(TOTP), other.get(TOTP)
    assert shown_key(first) != shown_key(second)
    assert send(other, second, TOTP, code=App(app, shown_key(first)).code()).status == 403


def test_every_change_ends_what_was_begun_before_it_but_not_this_browser(app: Running) -> None:
    app.add_user("changer")
    mine, other = at_security(app, "changer"), at_security(app, "changer")
    tokens = tokens_of(app, other)
    cookie = mine.cookies["gl_session"]
    authenticator = enrol(app, mine)
    assert alive(app, mine)
    assert mine.cookies["gl_session"] != cookie
    assert not alive(app, other)
    assert app.introspect(tokens["access_token"]) == {"active": False}
    mine.cookies["gl_session"], renewed = cookie, mine.cookies["gl_session"]
    assert not alive(app, mine)
    mine.cookies["gl_session"] = renewed

    tokens = tokens_of(app, mine)
    assert send(mine, mine.get(SECURITY), CODES).status == 200
    assert app.introspect(tokens["access_token"]) == {"active": False}
    assert alive(app, mine)

    other = app.browser()
    answer = give_code(other, second_page(other, login_page(app, other), "changer"), authenticator.code(1))
    assert answer.status == 303
    page = mine.get(SECURITY)
    assert send(mine, page, REMOVE, factor=form_for(page, REMOVE).values["factor"]).status == 303
    assert alive(app, mine)
    assert not alive(app, other)


def test_recovery_codes_are_shown_once_and_void_those_before(app: Running) -> None:
    account = app.add_user("codes")
    browser = at_security(app, "codes")
    assert "Add one of them first" in browser.get(SECURITY).text
    enrol(app, browser)
    shown = send(browser, browser.get(SECURITY), CODES)
    codes = re.findall(r"<li><code>([0-9a-z]{5}-[0-9a-z]{5})</code></li>", shown.text)
    assert len(codes) == 10
    assert shown.header("Cache-Control") == "no-store"
    assert "10 unused" in browser.get(SECURITY).text
    assert codes[0] not in browser.get(SECURITY).text
    fresh = re.findall(r"<code>([0-9a-z-]{11})</code>", send(browser, browser.get(SECURITY), CODES).text)
    other = app.browser()
    page = second_page(other, login_page(app, other), "codes")
    assert give_recovery_code(other, page, codes[0]).status == 403
    assert give_recovery_code(other, page, fresh[0]).status == 303
    assert len(state_of(app, account).recovery_codes) == 9


def test_codes_without_a_factor_are_not_made(app: Running) -> None:
    account = app.add_user("no factor")
    browser = at_security(app, "no factor")
    csrf = form_for(browser.get(TOTP), TOTP).values["csrf"]
    answer = browser.post(CODES, {"csrf": csrf})
    assert answer.status == 403
    assert "Add one of them first" in answer.text
    assert state_of(app, account).recovery_codes == ()


def test_a_login_of_long_ago_changes_nothing(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    account = app.add_user("long ago")
    browser = at_security(app, "long ago")
    page = browser.get(TOTP)
    code = App(app, shown_key(page)).code()
    monkeypatch.setattr("grantlog.web.endpoints.security.RECENT", -1)
    assert browser.get(SECURITY).status == 200
    for path in (TOTP, CHANGE):
        assert "/login?tx=" in browser.get(path).location
    assert "/login?tx=" in send(browser, page, TOTP, code=code).location
    assert "/login?tx=" in send(browser, page, TOTP, code=code).location
    assert state_of(app, account).factors == ()


def test_who_has_two_factors_changes_nothing_with_one(app: Running) -> None:
    account = app.add_user("half proven")
    browser = at_security(app, "half proven")
    app.run(enrol_totp(app.service, account))
    # that ended the session; and a session of one factor that still lives is asked for the other
    assert not alive(app, browser)
    login = browser.follow(browser.get(SECURITY))
    assert STEP_UP in send(browser, login, "/login", username="half proven", password=PASSWORD).location
    assert not alive(app, browser)


def test_a_new_password_needs_the_old_one_and_ends_the_others(app: Running) -> None:
    app.add_user("renewer")
    mine, other = at_security(app, "renewer"), at_security(app, "renewer")
    page = mine.get(CHANGE)
    for values, said in (
        ({"current": "wrong", "new": NEW_PASSWORD, "again": NEW_PASSWORD}, "current password is wrong"),
        ({"current": PASSWORD, "new": NEW_PASSWORD, "again": "typo typo"}, "the same way twice"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "at least 8"),
        ({"current": PASSWORD, "new": "x" * 1025, "again": "x" * 1025}, "too long"),
        ({}, "at least 8"),
    ):
        answer = send(mine, page, CHANGE, **values)
        assert (answer.status, said in answer.text) == (403, True)
        assert NEW_PASSWORD not in answer.text
    assert alive(app, other)
    done = send(mine, page, CHANGE, current=PASSWORD, new=NEW_PASSWORD, again=NEW_PASSWORD)
    assert done.status == 303
    assert alive(app, mine)
    assert not alive(app, other)
    fresh = app.browser()
    page = login_page(app, fresh)
    assert send(fresh, page, "/login", username="renewer", password=PASSWORD).status == 403
    assert send(fresh, page, "/login", username="renewer", password=NEW_PASSWORD).status == 303


def test_guessing_the_current_password_is_throttled_as_a_login_is(start_app: StartApp) -> None:
    app = start_app(rate_login_account="3/minute")
    app.add_user("guessed")
    browser = at_security(app, "guessed")
    page = browser.get(CHANGE)
    wrong = {"current": "wrong", "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    answers = [send(browser, page, CHANGE, **wrong) for _ in range(5)]
    assert [answer.status for answer in answers] == [403, 403, 403, 429, 429]
    assert int(answers[-1].header("Retry-After") or 0) > 0


def test_guessing_the_code_of_a_new_app_is_throttled(start_app: StartApp) -> None:
    app = start_app(rate_second_factor="3/minute")
    app.add_user("enrolling")
    browser = at_security(app, "enrolling")
    page = browser.get(TOTP)
    assert [send(browser, page, TOTP, code="000000").status for _ in range(4)] == [403, 403, 403, 429]


@pytest.mark.parametrize("path", [TOTP, REMOVE, CODES, CHANGE, f"{SECURITY}/passkey"])
def test_a_form_of_another_session_changes_nothing(app: Running, path: str) -> None:
    name = f"csrf {path}"
    account = app.add_user(name)
    app.add_user(f"other {name}")
    browser, other = at_security(app, name), at_security(app, f"other {name}")
    before = state_of(app, account)
    token = form_for(other.get(TOTP), TOTP).values["csrf"]
    for csrf in (token, "", "x"):
        assert browser.post(path, {"csrf": csrf, "code": "000000", "factor": "x"}).status == 403
    good = form_for(browser.get(TOTP), TOTP).values["csrf"]
    assert browser.post(path, {"csrf": good}, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert "/login?tx=" in app.browser().post(path, {"csrf": good}).location
    assert state_of(app, account) == before


@pytest.mark.parametrize("factor", ["", "x", "00000000-0000-0000-0000-000000000000", "é"])
def test_what_is_not_enrolled_cannot_be_removed(app: Running, factor: str) -> None:
    name = f"remover {factor.encode().hex()}."
    account = app.add_user(name)
    browser = at_security(app, name)
    enrol(app, browser)
    assert send(browser, browser.get(SECURITY), REMOVE, factor=factor).status == 303
    assert len(state_of(app, account).factors) == 1
    assert alive(app, browser)


def test_a_change_that_was_overtaken_by_a_log_out_of_everybody_is_refused(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = app.add_user("overtaken")
    browser = at_security(app, "overtaken")
    page = browser.get(TOTP)
    code = App(app, shown_key(page)).code()
    store = type(app.service.ports.kept)
    keep = store.keep

    async def overtaken(self: Any, owner: UUID, purpose: str, secret: bytes) -> None:
        origin = operator_origin(app.service, "operator:test")
        await accounts.lock(app.service, "overtaken", "test", origin)
        await accounts.unlock(app.service, "overtaken", "test", operator_origin(app.service, "operator:test"))
        await keep(self, owner, purpose, secret)

    monkeypatch.setattr(store, "keep", overtaken)
    answer = send(browser, page, TOTP, code=code)
    assert answer.status == 403
    assert "Your session is over" in answer.text
    assert state_of(app, account).factors == ()
    assert not alive(app, browser)


def test_an_operator_takes_everything_from_who_lost_it(app: Running) -> None:
    account = app.add_user("lost")
    browser = at_security(app, "lost")
    authenticator = enrol(app, browser)
    app.run(enrol_codes(app.service, account))
    page = second_page(browser, login_page(app, browser, prompt="login"), "lost")
    give_code(browser, page, authenticator.code())
    assert alive(app, browser)
    factor = state_of(app, account).factors[0].id
    app.run(reset_second_factor(app.service, "lost", operator_origin(app.service, "operator:test")))
    assert not alive(app, browser)
    state = state_of(app, account)
    assert (state.factors, state.recovery_codes) == ((), ())
    assert app.run(app.service.ports.kept.recall(factor, "totp")) is None
    assert alive(app, at_security(app, "lost"))


def test_a_key_is_forgotten_with_its_factor(app: Running) -> None:
    account = app.add_user("forgetful")
    browser = at_security(app, "forgetful")
    enrol(app, browser)
    factor = state_of(app, account).factors[0].id
    assert app.run(app.service.ports.kept.recall(factor, "totp")) is not None
    assert send(browser, browser.get(SECURITY), REMOVE, factor=str(factor)).status == 303
    assert app.run(app.service.ports.kept.recall(factor, "totp")) is None
    other = app.browser()
    assert (
        "gl_session"
        in send(other, login_page(app, other), "/login", username="forgetful", password=PASSWORD).set_cookies
    )
