"""Devices, and logins by another provider, as people meet them: without scripts, on a phone and on a desk."""

import pytest
from tests.browser.conftest import DESK, PHONE, IsSound, Open
from tests.browser.test_account_and_factors import log_in
from tests.support.app import USERNAME, Running, StartApp
from tests.support.devices import ask, device_of
from tests.support.fake_provider import fake_provider
from tests.support.upstream import provider_at

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@BOTH
def test_a_device_is_allowed_from_the_address_on_its_screen(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    device = ask(device_of(app), scope="openid api:read offline_access")
    page = open_browser(size).new_page()
    page.goto(f"{app.url}/device")
    page.get_by_label("Code").fill("bcdf ghjk")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    is_sound(page, "device-wrong")
    page.goto(device.asked.json["verification_uri_complete"])
    page.get_by_role("button", name="The codes are the same").wait_for()
    page.get_by_text("Go on in another browser").click()
    page.get_by_role("img").wait_for()
    is_sound(page, "device-compare")
    page.get_by_role("button", name="The codes are the same").click()
    log_in(page, USERNAME)
    page.get_by_role("heading", name="Television on a device asks for access").wait_for()
    assert device.user_code in page.inner_text("main")
    is_sound(page, "device-confirm")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="You can go back to your device").wait_for()
    is_sound(page, "device-done")
    assert device.poll().status == 200


def test_a_device_is_denied_by_keyboard_alone(app: Running, open_browser: Open) -> None:
    device = ask(device_of(app))
    page = open_browser(scripts=False).new_page()
    page.goto(f"{app.url}/device")
    page.locator("#user_code:focus").wait_for()
    page.keyboard.type(device.user_code.lower())
    page.keyboard.press("Enter")
    log_in(page, USERNAME)
    deny = page.get_by_role("button", name="Deny")
    deny.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="The device gets nothing").wait_for()
    assert device.poll().json["error"] == "access_denied"


@BOTH
def test_a_login_elsewhere_is_linked_and_used(
    start_app: StartApp, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    with fake_provider() as provider:
        app = start_app(egress_private=True, upstream_providers=(provider_at(provider.issuer),))
        page = open_browser(size).new_page()
        page.goto(f"{app.url}/account")
        page.get_by_role("link", name="Log in with Elsewhere & Co").wait_for()
        is_sound(page, "login-with-a-provider")
        log_in(page, USERNAME)
        page.get_by_role("link", name="Link a login that you have elsewhere").click()
        page.get_by_role("button", name="Link it").wait_for()
        is_sound(page, "upstream")
        # the page's policy lets the form lead there
        page.get_by_role("button", name="Link it").click()
        page.wait_for_url(f"{provider.issuer}/authorize?**")
        page.goto(app.url + provider.answer(page.url))
        page.get_by_text("Linked to your account.").wait_for()
        provider.asked.clear()
        other = open_browser(size).new_page()
        other.goto(f"{app.url}/account")
        other.get_by_role("link", name="Log in with Elsewhere & Co").click()
        other.wait_for_url(f"{provider.issuer}/authorize?**")
        other.goto(app.url + provider.answer(other.url))
        other.get_by_role("heading", name="Your account").wait_for()
        assert "Alice Example" in other.inner_text("main")
        again = other.goto(app.url + provider.answer(page_of(provider.issuer, app.url)))
        assert again is not None
        assert again.status == 400
        is_sound(other, "upstream-refused")


def page_of(issuer: str, ours: str) -> str:
    """An address at the provider that nobody was sent to."""
    return f"{issuer}/authorize?nonce=n&state={'x' * 43}&redirect_uri={ours}/login/upstream/callback"
