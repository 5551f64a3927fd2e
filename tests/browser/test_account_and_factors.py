"""The account page, second factors and passkeys, as people meet them."""

import re
from time import time

import pyotp
import pytest
from playwright.sync_api import Page
from tests.browser.conftest import DESK, PHONE, IsSound, Open, Site
from tests.browser.test_login_and_consent import asked
from tests.support.app import PASSWORD, Running, StartApp
from tests.support.servers import free_port

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def log_in(page: Page, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def new_person(app: Running, name: str) -> str:
    app.add_user(name, name="Berta Example")
    return name


@BOTH
def test_a_person_sees_who_has_access_and_takes_it_back(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    username = new_person(app, f"account-{size[0]}")
    page = open_browser(size).new_page()
    page.goto(f"{app.url}/account")
    log_in(page, username)
    page.get_by_text("No application has access").wait_for()
    is_sound(page, "account-empty")
    page.goto(asked(app, site, scope="openid api:read offline_access", prompt="consent"))
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Back at the client").wait_for()
    page.goto(f"{app.url}/account")
    page.get_by_role("heading", name="Web & <Sons>").wait_for()
    is_sound(page, "account")
    page.get_by_role("button", name="Remove access").click()
    page.get_by_role("status").wait_for()
    assert page.get_by_role("button", name="Remove access").count() == 0
    is_sound(page, "account-removed")


@BOTH
def test_an_authenticator_app_is_added_and_asked_for_without_scripts(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    username = new_person(app, f"totp-{size[0]}")
    page = open_browser(size).new_page()
    page.goto(f"{app.url}/account/security")
    log_in(page, username)
    page.get_by_role("heading", name="How you log in").wait_for()
    is_sound(page, "security")
    page.get_by_role("link", name="Add an authenticator app").click()
    key = page.locator("p code").inner_text().replace(" ", "")
    is_sound(page, "security-totp")
    totp = pyotp.TOTP(key)
    page.get_by_label("Code").fill(totp.now())
    page.get_by_role("button", name="Add it").click()
    page.get_by_text("Authenticator app, added on").or_(
        page.get_by_role("heading", name="Your recovery codes")
    ).wait_for()
    is_sound(page, "security-added")
    other = open_browser(size, scripts=False).new_page()
    other.goto(asked(app, site, prompt="consent"))
    log_in(other, username)
    other.get_by_label("Code from your authenticator app").fill("000000")
    other.get_by_role("button", name="Go on").click()
    other.get_by_role("alert").wait_for()


@BOTH
def test_the_second_factor_page_is_sound(
    app: Running, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    username = new_person(app, f"asked-{size[0]}")
    page = open_browser(size).new_page()
    page.goto(f"{app.url}/account/security")
    log_in(page, username)
    page.get_by_role("link", name="Add an authenticator app").click()
    totp = pyotp.TOTP(page.locator("p code").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill(totp.now())
    page.get_by_role("button", name="Add it").click()
    page.get_by_text(re.compile("added on|recovery codes")).first.wait_for()
    other = open_browser(size).new_page()
    other.goto(asked(app, site, prompt="consent"))
    log_in(other, username)
    other.get_by_role("heading", name="One more step").wait_for()
    is_sound(other, "second-factor")
    # the step that enrolled is spent: the next one it is
    other.get_by_label("Code from your authenticator app").fill(totp.at(int(time()) + 30))
    other.get_by_role("button", name="Go on").click()
    other.get_by_role("button", name="Allow").wait_for()


def test_a_passkey_is_made_and_logs_in(start_app: StartApp, open_browser: Open, is_sound: IsSound) -> None:
    port = free_port()
    app = start_app(port=port, issuer=f"http://localhost:{port}")
    username = new_person(app, "passkey")
    context = open_browser(DESK)
    page = context.new_page()
    debugger = context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    debugger.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.goto(f"{app.settings.issuer}/account/security")
    log_in(page, username)
    page.get_by_role("link", name="Add a passkey").click()
    is_sound(page, "security-passkey")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_text(re.compile("Passkey 1, added on|recovery codes")).first.wait_for()
    context.clear_cookies()
    page.goto(f"{app.settings.issuer}/account")
    log_in(page, username)
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", name="Your account").wait_for()
