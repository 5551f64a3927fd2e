"""Login: who are you? RFC 9700 section 4, and the rules of the house on sessions, throttles and cookies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.app import PASSWORD, USERNAME, Running, StartApp
from tests.support.browser import Browser
from tests.support.code_flow import authorize, consent_page, log_in, login_page, parameters, redeem, redirect_of

TLS = "https://login.example"


def test_the_form_can_be_filled_in_by_a_password_manager(app: Running) -> None:
    page = login_page(app, app.browser(), login_hint='al"ice<')
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert page.forms[0].values["username"] == 'al"ice<'
    assert "Web &amp; &lt;Sons&gt;" in page.text


def test_a_good_password_begins_a_session_and_goes_on_to_consent(app: Running) -> None:
    browser = app.browser()
    answer = browser.submit(login_page(app, browser), username=USERNAME, password=PASSWORD)
    assert answer.status == 303
    assert "/consent?tx=" in answer.location
    assert set(answer.set_cookies) == {"gl_session", "gl_device"}


@pytest.mark.parametrize("username", ["Alice", "ALICE", "\uff41lice"])
def test_a_username_is_the_same_however_it_is_spelt(app: Running, username: str) -> None:
    browser = app.browser()
    log_in(browser, login_page(app, browser), username=username)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (USERNAME, "swordfish"),
        ("nobody", PASSWORD),
        ("nobody", "x" * 1025),
        (USERNAME, PASSWORD + "x" * 1024),
        ("", ""),
    ],
    ids=["wrong password", "unknown user", "unknown, long", "known, long", "nothing"],
)
def test_every_refusal_is_the_same_answer(app: Running, username: str, password: str) -> None:
    browser = app.browser()
    page = login_page(app, browser)
    answer = browser.submit(page, username=username, password=password)
    assert answer.status == 403
    assert "Username or password is wrong." in answer.text
    assert not set(answer.set_cookies) & {"gl_session", "gl_device"}
    assert answer.forms[0].values["username"] == username
    assert password not in answer.text or not password


def test_a_locked_account_is_answered_as_a_wrong_password(app: Running) -> None:
    app.add_user("locked")
    app.lock("locked")
    browser = app.browser()
    locked = browser.submit(login_page(app, browser), username="locked", password=PASSWORD)
    wrong = browser.submit(locked, username="locked", password="wrong")
    assert (locked.status, locked.text) == (403, wrong.text)


def test_whoever_is_locked_out_loses_his_session(app: Running) -> None:
    app.add_user("soon locked")
    browser = app.browser()
    log_in(browser, login_page(app, browser), username="soon locked")
    app.lock("soon locked")
    assert "/login?tx=" in authorize(app, browser).location


def test_every_authentication_begins_another_session(app: Running) -> None:
    browser = app.browser()
    consent_page(app, browser)
    first = browser.cookies["gl_session"]
    log_in(browser, login_page(app, browser, prompt="login"))
    assert browser.cookies["gl_session"] != first


def test_a_session_that_somebody_planted_is_not_authenticated_by_the_login(app: Running) -> None:
    attacker, victim = app.browser(), app.browser()
    consent_page(app, attacker)
    victim.cookies["gl_session"] = planted = attacker.cookies["gl_session"]
    log_in(victim, login_page(app, victim, prompt="login"))
    assert victim.cookies["gl_session"] != planted


def test_a_login_belongs_to_the_browser_that_began_it(app: Running) -> None:
    attacker, victim = app.browser(), app.browser()
    begun = authorize(app, attacker).location
    assert victim.get(begun).status == 400
    page = attacker.get(begun)
    # nor does it help to post the attacker's own form from the victim's browser
    assert victim.submit(page, username=USERNAME, password=PASSWORD).status == 400
    login_page(app, victim)
    assert victim.submit(page, username=USERNAME, password=PASSWORD).status == 400


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43, "é"])
def test_a_form_without_its_token_is_refused(app: Running, csrf: str) -> None:
    browser = app.browser()
    answer = browser.submit(login_page(app, browser), username=USERNAME, password=PASSWORD, csrf=csrf)
    assert answer.status == 403
    assert "gl_session" not in answer.set_cookies


def test_the_token_of_one_form_does_not_fit_another(app: Running) -> None:
    browser = app.browser()
    login = login_page(app, browser)
    other = login_page(app, browser)
    token = other.forms[0].values["csrf"]
    assert browser.submit(login, username=USERNAME, password=PASSWORD, csrf=token).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_a_form_posted_from_another_site_is_refused(app: Running, headers: dict[str, str]) -> None:
    browser = app.browser()
    values = login_page(app, browser).forms[0].values | {"username": USERNAME, "password": PASSWORD}
    answer = browser.post("/login", values, headers)
    assert answer.status == 403
    assert "gl_session" not in answer.set_cookies


@pytest.mark.parametrize("path", ["/login", "/login?tx=", "/login?tx=" + "A" * 43, "/consent", "/consent?tx=x"])
def test_there_is_nothing_to_log_in_to_without_a_request(app: Running, path: str) -> None:
    assert app.browser().get(path).status == 400


def test_too_many_failures_on_an_account_are_answered_429(start_app: StartApp) -> None:
    app = start_app(rate_login_account="3/minute")
    browser = app.browser()
    page = login_page(app, browser)
    statuses = [browser.submit(page, username="bob", password="wrong").status for _ in range(5)]
    assert statuses[0] == 403
    assert statuses[-1] == 429
    limited = browser.submit(page, username="bob", password="wrong")
    assert int(limited.header("Retry-After") or 0) > 0
    # somebody else's account is not touched by it
    assert browser.submit(page, username=USERNAME, password=PASSWORD).status == 303


def test_a_request_that_another_site_posts_leaves_the_logins_under_way_alone(app: Running) -> None:
    browser = app.browser()
    page = login_page(app, browser)
    # SameSite=Lax: the browser sends no cookie with it, and keeps what it is given
    stranger = app.browser()
    headers = {"Origin": "https://client.example", "Sec-Fetch-Site": "cross-site"}
    posted = stranger.post("/authorize", parameters(app), headers)
    assert posted.status == 303
    browser.cookies |= stranger.cookies
    assert browser.submit(page, username=USERNAME, password=PASSWORD).status == 303
    # and the request itself goes on by GET, with the cookies
    assert browser.follow(browser.follow(posted)).status in {200, 303}


def test_throttling_an_account_never_locks_out_a_known_device(start_app: StartApp) -> None:
    app = start_app(rate_login_account="3/minute")
    known, attacker = app.browser(), app.browser()
    consent_page(app, known)
    page = login_page(app, attacker)
    statuses = [attacker.submit(page, username=USERNAME, password="wrong").status for _ in range(5)]
    assert statuses[-1] == 429
    assert attacker.submit(page, username=USERNAME, password=PASSWORD).status == 429
    again = login_page(app, known, prompt="login")
    assert known.submit(again, username=USERNAME, password=PASSWORD).status == 303


def test_a_known_device_may_not_guess_without_end_either(start_app: StartApp) -> None:
    app = start_app(rate_login_account="3/minute")
    browser = app.browser()
    consent_page(app, browser)
    page = login_page(app, browser, prompt="login")
    statuses = [browser.submit(page, username=USERNAME, password="wrong").status for _ in range(5)]
    assert statuses[-1] == 429


def test_the_device_cookie_of_one_account_is_no_use_on_another(start_app: StartApp) -> None:
    app = start_app(rate_login_account="3/minute")
    app.add_user("mallory")
    attacker = app.browser()
    log_in(attacker, login_page(app, attacker), username="mallory")
    page = login_page(app, attacker, prompt="login")
    statuses = [attacker.submit(page, username=USERNAME, password="wrong").status for _ in range(5)]
    assert statuses[-1] == 429
    fresh = app.browser()
    assert fresh.submit(login_page(app, fresh), username=USERNAME, password=PASSWORD).status == 429


def test_too_many_failures_from_an_address_are_answered_429(start_app: StartApp) -> None:
    app = start_app(rate_login_address="3/minute")
    browser = app.browser()
    page = login_page(app, browser)
    statuses = [browser.submit(page, username=f"user {number}", password="wrong").status for number in range(5)]
    assert statuses[-1] == 429


@pytest.mark.parametrize(("network", "last"), [("2001:db8:1:2::{}", 429), ("2001:db8:1:{}::1", 403)])
def test_the_addresses_of_an_ipv6_subscriber_are_counted_together(start_app: StartApp, network: str, last: int) -> None:
    app = start_app(rate_login_address="3/minute", trusted_proxies="127.0.0.0/8")
    browser = app.browser()
    values = login_page(app, browser).forms[0].values
    statuses = [
        browser.post(
            "/login",
            values | {"username": f"user {number}", "password": "wrong"},
            {"X-Forwarded-For": network.format(number)},
        ).status
        for number in range(5)
    ]
    assert statuses[-1] == last


def test_good_logins_count_for_nothing(start_app: StartApp) -> None:
    app = start_app(rate_login_account="2/minute", rate_login_address="2/minute")
    for _ in range(4):
        browser = app.browser()
        log_in(browser, login_page(app, browser))


def test_in_development_cookies_are_plain_and_closed_to_scripts(app: Running) -> None:
    browser = app.browser()
    _check_cookies(_cookies_of(app, browser), prefix="gl_", secure=False)


def test_under_https_cookies_are_host_only_and_secure(start_app: StartApp) -> None:
    app = start_app(issuer=TLS)
    browser = app.browser()
    _check_cookies(_cookies_of(app, browser), prefix="__Host-gl_", secure=True)
    page = login_page(app, browser)
    assert (page.header("Strict-Transport-Security") or "").startswith("max-age=31536000")


def test_logging_out_ends_the_session_and_what_came_of_it(app: Running) -> None:
    browser = app.browser()
    tokens = redeem(app, redirect_of(app, browser).query["code"]).json
    assert app.introspect(tokens["access_token"])["active"] is True
    cookie = browser.cookies["gl_session"]
    answer = browser.submit(browser.get("/logout"))
    assert answer.status == 200
    assert "gl_session" not in browser.cookies
    assert app.introspect(tokens["access_token"]) == {"active": False}
    browser.cookies["gl_session"] = cookie
    assert "/login?tx=" in authorize(app, browser).location


def test_logging_out_again_after_a_503_waits_for_the_same_acknowledgement(
    start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app()
    browser = app.browser()
    consent_page(app, browser)
    page = browser.get("/logout")
    asked: list[int] = []

    async def silent(_: object, __: object, sequence: int) -> bool:
        asked.append(sequence)
        return False

    with monkeypatch.context() as patch:
        patch.setattr(type(app.service.ports.read_model), "raise_gates", silent)
        for _ in range(2):
            assert browser.submit(page).status == 503
            assert "gl_session" in browser.cookies
    assert len(asked) == 2
    assert browser.submit(page).status == 200
    assert "gl_session" not in browser.cookies


def test_more_passwords_than_the_pool_holds_are_503(start_app: StartApp) -> None:
    app = start_app(password_workers=1, password_queue=1)
    browser = app.browser()
    page = login_page(app, browser)
    with ThreadPoolExecutor(12) as pool:
        given = [f"user {number}" for number in range(12)]
        answers = list(pool.map(lambda name: browser.submit(page, username=name, password="x"), given))
    assert {answer.status for answer in answers} == {403, 503}
    assert all(answer.header("Retry-After") for answer in answers if answer.status == 503)


def test_logging_out_needs_the_page_of_this_session(app: Running) -> None:
    one, other = app.browser(), app.browser()
    consent_page(app, one)
    consent_page(app, other)
    assert one.post("/logout/confirm", other.get("/logout").forms[0].values).status == 403
    assert one.post("/logout/confirm", {}).status == 403
    # what any page may post only asks
    assert one.post("/logout", {}).forms[0].action == "/logout/confirm"
    assert "/consent?tx=" in authorize(app, one).location
    assert app.browser().get("/logout").forms == []


@pytest.mark.parametrize("spoil", [lambda text: text[:-1] + "x", lambda text: "x" + text, lambda _: "", lambda _: "é"])
def test_a_spoilt_session_cookie_is_no_session(app: Running, spoil: Callable[[str], str]) -> None:
    browser = app.browser()
    consent_page(app, browser)
    browser.cookies["gl_session"] = spoil(browser.cookies["gl_session"])
    assert "/login?tx=" in authorize(app, browser).location


def _cookies_of(app: Running, browser: Browser) -> dict[str, object]:
    begun = authorize(app, browser)
    done = browser.submit(browser.follow(begun), username=USERNAME, password=PASSWORD)
    return {**begun.set_cookies, **done.set_cookies}


def _check_cookies(cookies: dict[str, object], *, prefix: str, secure: bool) -> None:
    assert set(cookies) == {prefix + name for name in ("login", "session", "device")}
    for cookie in cookies.values():
        assert isinstance(cookie, dict)
        assert cookie.get("httponly") is True
        assert cookie.get("samesite") == "Lax"
        assert cookie.get("path") == "/"
        assert cookie.get("secure", False) is secure
        assert "domain" not in cookie
