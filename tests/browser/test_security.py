"""Second factors as people meet them: the authenticator app, recovery codes, and passkeys by Chromium's own authenticator."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page
from tests.browser.conftest import DESK, PHONE, IsSound, Open, Site
from tests.browser.test_login_and_consent import asked
from tests.support.app import PASSWORD, Running, running, settings_for
from tests.support.second_factor import App
from tests.support.servers import flush, free_port

from grantlog.adapters.embedded.valkey import EmbeddedValkey

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(scope="module")
def app(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Running]:
    """An application with a name: browsers know no passkeys of an address."""
    flush(valkey_server)
    port = free_port()
    issuer = f"http://localhost:{port}"
    with running(settings_for(module_postgres_url, valkey_server.url, issuer=issuer, port=port)) as started:
        started.url = issuer
        yield started


def log_in(page: Page, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def at_security(app: Running, page: Page, username: str) -> None:
    page.goto(f"{app.url}/account/security")
    log_in(page, username)
    page.get_by_role("heading", name="How you log in").wait_for()


def with_authenticator(context: BrowserContext) -> Page:
    """A page whose browser has a passkey store that always knows its user."""
    page = context.new_page()
    debugger = context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    store = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    debugger.send("WebAuthn.addVirtualAuthenticator", {"options": store})
    return page


@BOTH
def test_an_authenticator_app_is_added_and_asked_for_and_its_codes_work_without_scripts(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    name = f"app {size[0]}"
    app.add_user(name)
    page = open_browser(size).new_page()
    at_security(app, page, name)
    is_sound(page, "security")
    page.get_by_role("link", name="Add an authenticator app").click()
    is_sound(page, "security-totp")
    key = re.search(r"Key: ([A-Z2-7 ]+)", page.inner_text("main"))
    assert key is not None
    authenticator = App.from_text(app, key[1])
    page.get_by_label("Code").fill(authenticator.code(-1))
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("button", name="Make new recovery codes").click()
    is_sound(page, "recovery-codes")
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10

    other = open_browser(size).new_page()
    other.goto(asked(app, site, prompt="consent"))
    log_in(other, name)
    is_sound(other, "second-factor")
    other.get_by_label("Code from your authenticator app").fill("000000")
    other.keyboard.press("Enter")
    other.get_by_role("alert").wait_for()
    other.get_by_label("Code from your authenticator app").fill(authenticator.code())
    other.keyboard.press("Enter")
    other.get_by_role("button", name="Allow").click()
    other.get_by_role("heading", name="Back at the client").wait_for()

    third = open_browser(size, scripts=False).new_page()
    third.goto(asked(app, site, prompt="consent"))
    log_in(third, name)
    third.get_by_text("Use a recovery code").click()
    third.get_by_label("Recovery code").fill(codes[0])
    third.get_by_role("button", name="Use this code").click()
    third.get_by_role("button", name="Allow").wait_for()


@BOTH
def test_a_passkey_is_made_asked_for_and_logs_in_alone(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    name = f"passkey {size[0]}"
    app.add_user(name)
    context = open_browser(size)
    page = with_authenticator(context)
    at_security(app, page, name)
    page.get_by_role("link", name="Add a passkey").click()
    is_sound(page, "security-passkey")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_text("Passkey 1, added on").wait_for()
    is_sound(page, "security-with-passkey")

    context.clear_cookies()
    page.goto(asked(app, site, prompt="consent"))
    is_sound(page, "login-with-passkey")
    log_in(page, name)
    is_sound(page, "second-factor-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Allow").wait_for()

    context.clear_cookies()
    page.goto(asked(app, site, prompt="consent"))
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Back at the client").wait_for()


def test_who_has_no_passkey_here_is_told_so(app: Running, site: Site, open_browser: Open) -> None:
    page = with_authenticator(open_browser(PHONE))
    page.goto(asked(app, site, prompt="consent"))
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("alert").wait_for()
    assert "no passkey" in page.get_by_role("alert").inner_text()


@BOTH
def test_a_password_is_changed(app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]) -> None:
    name = f"password {size[0]}"
    app.add_user(name)
    page = open_browser(size).new_page()
    at_security(app, page, name)
    page.get_by_role("link", name="Change the password").click()
    is_sound(page, "security-password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another good password")
    page.get_by_label("New password again").fill("another good password")
    page.get_by_role("button", name="Change it").click()
    page.get_by_role("heading", name="How you log in").wait_for()
