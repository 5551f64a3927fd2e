"""Login, consent, errors and logout, as people meet them."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import DESK, PHONE, IsSound, Open, Site
from tests.support.app import PASSWORD, USERNAME, Running
from tests.support.code_flow import parameters

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def asked(app: Running, site: Site, **changes: str | None) -> str:
    asked_for = {"redirect_uri": site.redirect_uri, **changes}
    return f"{app.url}/authorize?" + urlencode(parameters(app, "web", **asked_for))


def log_in(page: Page) -> None:
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


@BOTH
def test_a_person_logs_in_allows_and_comes_back_to_the_application(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    context = open_browser(size)
    page = context.new_page()
    page.goto(asked(app, site, prompt="consent"))
    is_sound(page, "login")
    log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    is_sound(page, "consent")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Back at the client").wait_for()
    assert "code=" in site.visits[-1]


def test_the_keyboard_alone_is_enough_and_no_script_is_needed(app: Running, site: Site, open_browser: Open) -> None:
    context = open_browser(DESK, scripts=False)
    page = context.new_page()
    page.goto(asked(app, site, prompt="consent"))
    page.locator("#username:focus").wait_for()
    page.keyboard.type(USERNAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("value") == "allow":
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Back at the client").wait_for()
    assert "code=" in site.visits[-1]


@BOTH
def test_a_wrong_password_is_told_to_everybody(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    page = open_browser(size).new_page()
    page.goto(asked(app, site))
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("alert").wait_for()
    is_sound(page, "login-wrong")


@BOTH
def test_an_error_is_a_page_that_can_be_read(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    page = open_browser(size).new_page()
    page.goto(asked(app, site, redirect_uri="https://evil.example/"))
    is_sound(page, "error")
    assert "evil.example" not in page.content()


@BOTH
def test_logging_out_asks_and_is_done(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    context = open_browser(size)
    page = context.new_page()
    page.goto(asked(app, site, prompt="consent"))
    log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    page.goto(f"{app.url}/logout")
    is_sound(page, "logout")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="You are logged out").wait_for()
    is_sound(page, "logged-out")


def test_the_dark_has_contrast_as_well(app: Running, site: Site, open_browser: Open, is_sound: IsSound) -> None:
    page = open_browser(PHONE, dark=True).new_page()
    page.goto(asked(app, site))
    is_sound(page, "login-dark")
