"""The second factor of a login: RFC 6238 codes and recovery codes, each once, and a session that tells the truth (RFC 8176)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.app import PASSWORD, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, login_page, redeem
from tests.support.second_factor import (
    STEP_UP,
    App,
    enrol_codes,
    enrol_totp,
    give_code,
    give_recovery_code,
    second_page,
    send,
    state_of,
    with_totp,
)

from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.acr import MFA, PWD
from grantlog.flows import second_factor
from grantlog.flows.accounts import known_account
from grantlog.flows.second_factor import KIND


def claims_of(app: Running, browser: Browser, consent: Answer) -> dict[str, object]:
    """What the ID token says that comes of this consent."""
    code = send(browser, consent, "/consent", decision="allow").query["code"]
    text = redeem(app, code).json["id_token"].split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return claims


def test_a_right_password_alone_begins_no_session(app: Running) -> None:
    with_totp(app, "half")
    browser = app.browser()
    answer = send(browser, login_page(app, browser), "/login", username="half", password=PASSWORD)
    assert answer.status == 303
    assert STEP_UP in answer.location
    assert not {"gl_session", "gl_device"} & set(answer.set_cookies)
    assert "/login?tx=" in authorize(app, browser).location


def test_a_code_completes_the_login_and_the_id_token_says_how(app: Running) -> None:
    authenticator = with_totp(app, "complete")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "complete")
    assert 'autocomplete="one-time-code"' in page.text
    assert "script-src" not in (page.header("Content-Security-Policy") or "")
    answer = give_code(browser, page, authenticator.code())
    assert set(answer.set_cookies) == {"gl_session", "gl_device"}
    claims = claims_of(app, browser, browser.follow(answer))
    assert (claims["acr"], claims["amr"]) == (MFA, ["pwd", "otp", "mfa"])


def test_a_password_alone_says_that_it_was_one_factor(app: Running) -> None:
    app.add_user("single")
    browser = app.browser()
    consent = browser.follow(send(browser, login_page(app, browser), "/login", username="single", password=PASSWORD))
    claims = claims_of(app, browser, consent)
    assert (claims["acr"], claims["amr"]) == (PWD, ["pwd"])


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_clock_may_be_a_step_off(app: Running, offset: int) -> None:
    authenticator = with_totp(app, f"clock {offset}")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), f"clock {offset}")
    assert give_code(browser, page, authenticator.code(offset)).status == 303


def test_what_is_no_code_of_now_is_refused(app: Running) -> None:
    authenticator = with_totp(app, "wrong")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "wrong")
    good = authenticator.code()
    for code in (authenticator.code(-3), "", "12345", f"{good}0", "١٢٣٤٥٦", "x" * 1000):
        answer = give_code(browser, page, code)
        assert answer.status == 403, code
        assert "gl_session" not in answer.set_cookies
        app.run(app.service.ports.throttle.clear("second_factor", str(account_of(app, "wrong"))))


def test_a_code_is_typed_as_apps_show_it(app: Running) -> None:
    authenticator = with_totp(app, "spaced")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "spaced")
    code = authenticator.code()
    assert give_code(browser, page, f" {code[:3]} {code[3:]}").status == 303


def test_a_code_is_good_once(app: Running) -> None:
    # RFC 6238 5.2: "The verifier MUST NOT accept the second attempt of the OTP"
    authenticator = with_totp(app, "once")
    code = authenticator.code()
    one, other = app.browser(), app.browser()
    pages = [second_page(each, login_page(app, each), "once") for each in (one, other)]
    assert give_code(one, pages[0], code).status == 303
    assert give_code(other, pages[1], code).status == 403
    # nor is the step before it any more
    assert give_code(other, pages[1], authenticator.code(-1)).status == 403


def test_a_code_that_comes_to_two_processes_at_once_is_good_once(start_app: StartApp, tmp_path: Path) -> None:
    app = start_app()
    authenticator = with_totp(app, "raced")
    with serving(site_of(app, tmp_path)) as (_, url), ThreadPoolExecutor(8) as pool:
        browsers = [app.browser() for _ in range(8)]
        pages = [second_page(each, login_page(app, each), "raced") for each in browsers]
        code = authenticator.code()
        for number in range(0, 8, 2):
            browsers[number].url = url
        values = [page.forms[0].values | {"way": "totp", "totp": code} for page in pages]
        answers = list(pool.map(lambda each: each[0].post(STEP_UP, each[1]), zip(browsers, values, strict=True)))
    assert sorted(answer.status for answer in answers) == [303] + [403] * 7


def test_guesses_are_throttled_and_a_known_device_is_not_locked_out_by_them(start_app: StartApp) -> None:
    app = start_app(rate_second_factor="3/minute")
    authenticator = with_totp(app, "guessed")
    known = app.browser()
    assert give_code(known, second_page(known, login_page(app, known), "guessed"), authenticator.code(-1)).status == 303
    attacker = app.browser()
    page = second_page(attacker, login_page(app, attacker), "guessed")
    answers = [give_code(attacker, page, "000000") for _ in range(5)]
    assert [answer.status for answer in answers] == [403, 403, 403, 429, 429]
    assert int(answers[-1].header("Retry-After") or 0) > 0
    assert give_code(attacker, page, authenticator.code()).status == 429
    again = second_page(known, login_page(app, known, prompt="login"), "guessed")
    assert give_code(known, again, authenticator.code()).status == 303


def test_many_guesses_at_once_are_as_many(start_app: StartApp) -> None:
    app = start_app(rate_second_factor="3/minute")
    with_totp(app, "flooded")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "flooded")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: give_code(browser, page, f"{number:06}"), range(12)))
    assert sorted(answer.status for answer in answers) == [403] * 3 + [429] * 9


def test_a_good_code_clears_what_was_counted(start_app: StartApp) -> None:
    app = start_app(rate_second_factor="2/minute")
    authenticator = with_totp(app, "clumsy")
    for offset in (-1, 0, 1):
        browser = app.browser()
        page = second_page(browser, login_page(app, browser), "clumsy")
        assert give_code(browser, page, "000000").status == 403
        assert give_code(browser, page, authenticator.code(offset)).status == 303


def test_the_step_belongs_to_the_browser_that_typed_the_password(app: Running) -> None:
    authenticator = with_totp(app, "bound")
    mine, other = app.browser(), app.browser()
    page = second_page(mine, login_page(app, mine), "bound")
    assert other.get(page.url).status == 400
    assert give_code(other, page, authenticator.code()).status == 400
    login_page(app, other)
    assert give_code(other, page, authenticator.code()).status == 400
    # nor does somebody's own login lead past the password
    own = login_page(app, other)
    assert "/login?tx=" in other.get(own.url.replace("/login?", f"{STEP_UP}?")).location
    assert give_code(mine, page, authenticator.code()).status == 303


def test_the_step_ends_with_its_time(start_app: StartApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "LIFETIME", 1)
    app = start_app()
    authenticator = with_totp(app, "late")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "late")
    app.pass_seconds(1.5)
    answer = give_code(browser, page, authenticator.code())
    assert "/login?tx=" in answer.location
    assert "gl_session" not in answer.set_cookies
    assert browser.follow(answer).status == 200


def test_a_step_is_done_once(app: Running) -> None:
    authenticator = with_totp(app, "twice")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "twice")
    assert give_code(browser, page, authenticator.code(-1)).status == 303
    again = give_code(browser, page, authenticator.code())
    assert "gl_session" not in again.set_cookies
    assert "/login?tx=" in again.location


def test_a_form_without_its_token_or_a_way_is_refused(app: Running) -> None:
    authenticator = with_totp(app, "forged")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "forged")
    code = authenticator.code()
    assert send(browser, page, STEP_UP, way="totp", totp=code, csrf="x").status == 403
    values = page.forms[0].values | {"totp": code}
    assert browser.post(STEP_UP, values | {"way": "magic"}).status == 400
    assert browser.post(STEP_UP, {name: value for name, value in values.items() if name != "way"}).status == 400
    assert browser.post(STEP_UP, values | {"way": "totp"}, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert browser.post(STEP_UP, values | {"way": "totp"}).status == 303


def test_a_wrong_password_says_nothing_of_a_second_factor(app: Running) -> None:
    with_totp(app, "quiet")
    app.add_user("plain")
    texts = []
    for username in ("quiet", "plain", "nobody at all"):
        browser = app.browser()
        page = login_page(app, browser)
        answer = send(browser, page, "/login", username=username, password="wrong")
        assert answer.status == 403
        texts.append(answer.text.replace(f'"{username}"', "").replace(page.forms[0].values["tx"], ""))
        texts[-1] = texts[-1].replace(page.forms[0].values["csrf"], "")
    assert texts[0] == texts[1] == texts[2]


def test_who_is_locked_out_in_between_gets_nothing(app: Running) -> None:
    authenticator = with_totp(app, "locked between")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "locked between")
    wrong = give_code(browser, page, "000000")
    app.lock("locked between")
    locked = give_code(browser, page, authenticator.code())
    assert (locked.status, locked.text) == (wrong.status, wrong.text)
    assert "gl_session" not in locked.set_cookies


def test_a_log_out_of_everybody_between_the_two_proofs_leaves_the_session_dead(app: Running) -> None:
    authenticator = with_totp(app, "born dead")
    account = account_of(app, "born dead")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "born dead")
    app.run(enrol_codes(app.service, account))  # a change of factors closes the gate
    answer = give_code(browser, page, authenticator.code())
    assert answer.status == 303
    assert "/login?tx=" in browser.follow(answer).location
    assert "/login?tx=" in authorize(app, browser).location


def test_a_recovery_code_stands_in_once_and_is_told_as_no_otp(app: Running) -> None:
    with_totp(app, "recovering")
    account = account_of(app, "recovering")
    codes = app.run(enrol_codes(app.service, account))
    assert len(set(codes)) == 10
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "recovering")
    assert "<details" in page.text
    answer = give_recovery_code(browser, page, codes[3].upper().replace("-", " "))
    claims = claims_of(app, browser, browser.follow(answer))
    assert (claims["acr"], claims["amr"]) == (MFA, ["pwd", "mfa"])
    assert len(state_of(app, account).recovery_codes) == 9
    other = app.browser()
    page = second_page(other, login_page(app, other), "recovering")
    assert give_recovery_code(other, page, codes[3]).status == 403
    assert give_recovery_code(other, page, codes[4]).status == 303


def test_a_recovery_code_of_somebody_else_is_none(app: Running) -> None:
    for name in ("mine", "yours"):
        with_totp(app, name)
    codes = app.run(enrol_codes(app.service, account_of(app, "yours")))
    app.run(enrol_codes(app.service, account_of(app, "mine")))
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "mine")
    for code in (codes[0], "", "x" * 5000, "O" * 10, "é" * 10):
        assert give_recovery_code(browser, page, code).status == 403
    assert len(state_of(app, account_of(app, "yours")).recovery_codes) == 10


def test_a_recovery_code_that_comes_twice_at_once_is_spent_once(app: Running) -> None:
    with_totp(app, "raced recovery")
    codes = app.run(enrol_codes(app.service, account_of(app, "raced recovery")))
    browsers = [app.browser() for _ in range(4)]
    pages = [second_page(each, login_page(app, each), "raced recovery") for each in browsers]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda each: give_recovery_code(each[0], each[1], codes[0]), zip(browsers, pages, strict=True))
        )
    assert sorted(answer.status for answer in answers) == [303, 403, 403, 403]


def test_neither_keys_nor_codes_stand_on_the_log(app: Running) -> None:
    authenticator = with_totp(app, "written")
    account = account_of(app, "written")
    codes = app.run(enrol_codes(app.service, account))
    browser = app.browser()
    give_code(browser, second_page(browser, login_page(app, browser), "written"), authenticator.code())
    written = b"".join(event.payload for event in app.run(app.service.ports.log.history(account)))
    assert authenticator.key not in written
    assert base64.b64encode(authenticator.key).rstrip(b"=") not in written
    for code in codes:
        assert code.encode() not in written
        assert code.replace("-", "").encode() not in written


def test_what_waits_in_redis_is_no_password(app: Running) -> None:
    with_totp(app, "waiting")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "waiting")
    kept = app.run(app.service.ports.transactions.get(KIND, page.forms[0].values["tx"]))
    assert kept is not None
    assert PASSWORD.encode() not in kept
    assert browser.cookies["gl_login"].encode() not in kept


def test_somebody_else_may_log_in_instead(app: Running) -> None:
    with_totp(app, "shared computer")
    app.add_user("next person")
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "shared computer")
    login = browser.get(page.url.replace(STEP_UP, "/login") + "&switch=1")
    answer = send(browser, login, "/login", username="next person", password=PASSWORD)
    assert answer.status == 303
    assert "next person" in browser.follow(answer).text


def test_an_account_may_have_an_app_and_lose_it(app: Running) -> None:
    account = app.add_user("reset")
    app.run(enrol_totp(app.service, account))
    state = state_of(app, account)
    app.run(app.service.ports.kept.forget(state.factors[0].id, "totp"))
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "reset")
    assert give_code(browser, page, App(app).code()).status == 403


def account_of(app: Running, username: str) -> StreamId:
    return app.run(known_account(app.service, username))
