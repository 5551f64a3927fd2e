"""The account page: which applications have access, and how a person takes it back."""

from dataclasses import replace
from html import unescape
from re import sub

import pytest
from tests.support.app import API, PASSWORD, WEB, Running, wait_for
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, log_in, login_page
from tests.support.flows import Person, is_active, redeemed

NAMES = iter(f"person-{number}" for number in range(100))


class Guest(Person):
    """Somebody whom no application knows yet."""

    def __init__(self, app: Running) -> None:
        super().__init__(app)
        self.username = next(NAMES)
        app.add_user(self.username)
        page = self.browser.follow(self.browser.get("/account"))
        self.browser.submit(page, username=self.username, password=PASSWORD)

    def page(self) -> Answer:
        """The account page."""
        answer = self.browser.get("/account")
        assert answer.status == 200, answer.text
        return answer

    def page_with(self, words: str) -> Answer:
        """The same, when the query tables have learned of something."""
        wait_for(lambda: words in self.page().text)
        return self.page()

    def remove(self, page: Answer, number: int = 0) -> Answer:
        form = page.forms[number]
        assert form.action == "/account/revoke"
        return self.browser.post(form.action, form.values)


def text_of(page: Answer) -> str:
    return sub(r"\s+", " ", unescape(sub(r"<[^>]+>", " ", page.text)))


def client(app: Running, name: str, **changes: object) -> str:
    made = app.register(replace(WEB, name=name, **changes))  # type: ignore[arg-type]  # a field of it
    app.clients[made.client_id] = made
    return made.client_id


def test_who_is_not_logged_in_logs_in_and_comes_back(app: Running) -> None:
    browser = app.browser()
    answer = browser.get("/account")
    assert answer.status == 303
    login = browser.follow(answer)
    assert (login.status, "/login?tx=" in login.url) == (200, True)
    done = browser.submit(login, username="alice", password=PASSWORD)
    assert done.location == app.url + "/account"
    assert "Alice Example" in browser.follow(done).text


def test_the_way_there_is_no_authorization_request_of_a_client(app: Running) -> None:
    browser = app.browser()
    key = browser.get("/account").query["tx"]
    assert browser.get(f"/consent?tx={key}").status in {303, 400}
    login = browser.get(f"/login?tx={key}")
    browser.submit(login, username="alice", password=PASSWORD)
    answer = browser.get(f"/consent?tx={key}")
    assert answer.status == 400
    assert answer.forms == []
    assert app.browser().get("/authorize?client_id=&response_type=code").status == 400


def test_an_account_that_nobody_has_access_to_says_so(app: Running) -> None:
    page = Guest(app).page()
    assert "No application has access to your account." in page.text
    assert page.forms == []
    assert 'href="/account/security"' in page.text
    assert 'href="/logout"' in page.text


def test_it_says_who_may_do_what_since_when(app: Running) -> None:
    guest = Guest(app)
    name = client(app, "Calendar <&>", verified=False)
    guest.tokens(name, scope="openid email api:read offline_access")
    page = guest.page_with("last used on")
    words = text_of(page)
    assert "Calendar <&>" in words
    assert "Calendar <&>" not in page.text
    assert "Unverified: nobody here has checked who is behind it." in words
    assert "see your e-mail address" in words
    assert "Also while you are logged out." in words
    assert "Allowed on" in words
    assert len(page.forms) == 1


def test_removing_access_kills_what_the_application_holds_before_the_answer(app: Running) -> None:
    guest, name, other = Guest(app), client(app, "Gone"), client(app, "Kept")
    tokens = guest.tokens(name, scope="openid api:read offline_access", resource=[API])
    kept = guest.tokens(other, scope="openid api:read", resource=[API])
    page = guest.page_with("Gone")
    number = [form.values["client_id"] for form in page.forms].index(name)
    done = guest.remove(page, number)
    assert not is_active(app, tokens.access)
    assert is_active(app, kept.access)
    after = guest.browser.follow(done)
    assert "Its access is removed." in after.text
    assert "Gone" not in after.text
    assert "Kept" in after.text
    # and it has to ask again
    assert "/consent?tx=" in authorize(app, guest.browser, name, prompt=None).location


def test_grants_without_remembered_consent_are_shown_and_removed(app: Running) -> None:
    guest = Guest(app)
    app.clients["local"] = app.register(
        replace(WEB, name="On this device", token_endpoint_auth_method="none", application_type="native")
    )
    code = guest.code("local", scope="api:read", redirect_uri="http://127.0.0.1:4711/callback")
    tokens = redeemed(app, code, "local", redirect_uri="http://127.0.0.1:4711/callback")
    assert tokens.status == 200, tokens.text
    page = guest.page_with("On this device")
    guest.remove(page)
    assert not is_active(app, tokens.json["access_token"])
    assert "On this device" not in guest.page().text


def test_what_has_ended_by_itself_is_not_listed(app: Running) -> None:
    guest = Guest(app)
    app.clients["local"] = app.register(
        replace(WEB, name="Ended", token_endpoint_auth_method="none", application_type="native")
    )
    guest.code("local", redirect_uri="http://127.0.0.1:4711/callback")
    guest.page_with("Ended")
    guest.browser.submit(guest.browser.get("/logout"))
    page = guest.browser.follow(guest.browser.get("/account"))
    guest.browser.submit(page, username=guest.username, password=PASSWORD)
    assert "No application has access" in guest.page().text


def test_a_client_that_is_gone_still_has_a_name_to_remove_it_by(app: Running) -> None:
    guest, name = Guest(app), client(app, "Suspended")
    guest.tokens(name)
    app.suspend(app.clients[name])
    page = guest.page_with("Suspended")
    assert guest.remove(page).status == 303
    assert "Suspended" not in guest.page().text


@pytest.mark.parametrize("spoil", ["client_id", "csrf"])
def test_only_what_the_page_offered_to_this_session_can_be_removed(app: Running, spoil: str) -> None:
    guest, other = Guest(app), Guest(app)
    name, another = client(app, "Mine"), client(app, "Another")
    tokens = guest.tokens(name, scope="api:read", resource=[API])
    form = guest.page_with("Mine").forms[0]
    spoilt = form.values | {spoil: another if spoil == "client_id" else "x"}
    assert guest.browser.post(form.action, spoilt).status == 403
    assert other.browser.post(form.action, form.values).status == 403
    assert guest.browser.post(form.action, form.values, {"Origin": "https://evil.example"}).status == 403
    anonymous = app.browser().post(form.action, form.values)
    assert (anonymous.status, "/login?tx=" in anonymous.location) == (303, True)
    assert is_active(app, tokens.access)


def test_removing_twice_is_removing(app: Running) -> None:
    guest, name = Guest(app), client(app, "Twice")
    guest.tokens(name)
    page = guest.page_with("Twice")
    assert [guest.remove(page).status for _ in range(2)] == [303, 303]


def test_a_login_elsewhere_does_not_show_ones_applications(app: Running) -> None:
    guest, name = Guest(app), client(app, "Private matter")
    guest.tokens(name)
    guest.page_with("Private matter")
    assert "Private matter" not in Guest(app).page().text


def test_a_login_for_the_page_is_bound_to_its_browser(app: Running) -> None:
    key = app.browser().get("/account").query["tx"]
    browser: Browser = app.browser()
    log_in(browser, login_page(app, browser))
    assert browser.get(f"/login?tx={key}").status == 400
