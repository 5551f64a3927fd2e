"""Login, consent, errors and logout, as people meet them."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page
from tests.browser.conftest import DESK, PHONE, IsSound, Open
from tests.support.app import PASSWORD, REDIRECT, USERNAME, Running
from tests.support.code_flow import parameters

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def asked(app: Running, **changes: str | None) -> str:
    return f"{app.url}/authorize?" + urlencode(parameters(app, "web", **changes))


def answered(context: BrowserContext) -> list[str]:
    """Where the client is answered, instead of a client."""
    seen: list[str] = []

    def note(route: object, request: object) -> None:
        seen.append(request.url)  # type: ignore[attr-defined]  # playwright's own
        route.fulfill(status=200, content_type="text/html", body="<title>client</title>back")  # type: ignore[attr-defined]

    context.route(re.compile(re.escape(REDIRECT)), note)
    return seen


def log_in(page: Page) -> None:
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


@BOTH
def test_a_person_logs_in_allows_and_comes_back_to_the_application(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    context = open_browser(size)
    seen = answered(context)
    page = context.new_page()
    page.goto(asked(app, prompt="consent"))
    is_sound(page, "login")
    log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    is_sound(page, "consent")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{REDIRECT}*")
    assert "code=" in seen[-1]


def test_the_keyboard_alone_is_enough_and_no_script_is_needed(app: Running, open_browser: Open) -> None:
    context = open_browser(DESK, scripts=False)
    seen = answered(context)
    page = context.new_page()
    page.goto(asked(app, prompt="consent"))
    page.keyboard.type(USERNAME)  # the field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("value") == "allow":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"{REDIRECT}*")
    assert "code=" in seen[-1]


@BOTH
def test_a_wrong_password_is_told_to_everybody(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    page = open_browser(size).new_page()
    page.goto(asked(app))
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("alert").wait_for()
    is_sound(page, "login-wrong")


@BOTH
def test_an_error_is_a_page_that_can_be_read(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    page = open_browser(size).new_page()
    page.goto(asked(app, redirect_uri="https://evil.example/"))
    is_sound(page, "error")
    assert "evil.example" not in page.content()


@BOTH
def test_logging_out_asks_and_is_done(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    context = open_browser(size)
    answered(context)
    page = context.new_page()
    page.goto(asked(app, prompt="consent"))
    log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    page.goto(f"{app.url}/logout")
    is_sound(page, "logout")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="You are logged out").wait_for()
    is_sound(page, "logged-out")


def test_the_dark_has_contrast_as_well(app: Running, open_browser: Open, is_sound: IsSound) -> None:
    page = open_browser(PHONE, dark=True).new_page()
    page.goto(asked(app))
    is_sound(page, "login-dark")
