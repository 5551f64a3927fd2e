"""Authorization details, form_post, devices and logout to an application, as people meet them."""

import json
from dataclasses import replace

import pytest
from tests.browser.conftest import DESK, PHONE, IsSound, Open, Site
from tests.browser.test_login_and_consent import asked, log_in
from tests.support.app import WEB, Running, StartApp
from tests.support.clients import client_of

from grantlog.development.catalogue import PAYMENT, PAYMENT_EXAMPLE, demo_settings

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@BOTH
def test_a_payment_is_shown_in_words_before_it_is_allowed(
    start_app: StartApp, site: Site, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    types = demo_settings("{}")["GRANTLOG_AUTHORIZATION_DETAILS_TYPES"]
    app = start_app(authorization_details_types=json.loads(types))
    app.clients["web"] = app.register(replace(WEB, authorization_details_types=(PAYMENT,)))
    page = open_browser(size).new_page()
    page.goto(asked(app, site, authorization_details=json.dumps([PAYMENT_EXAMPLE])))
    log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    is_sound(page, "consent-payment")
    assert PAYMENT_EXAMPLE["creditorName"] in page.locator("main").inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_an_answer_by_form_post_arrives_with_and_without_scripts(
    app: Running, site: Site, open_browser: Open, scripts: bool
) -> None:
    page = open_browser(DESK, scripts=scripts).new_page()
    page.goto(asked(app, site, response_mode="form_post", prompt="consent"))
    log_in(page)
    page.get_by_role("button", name="Allow").click()
    if not scripts:
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Back at the client").wait_for()
    assert "code=" in site.visits[-1]


@BOTH
def test_a_person_compares_the_code_of_a_device_and_allows_it(
    app: Running, open_browser: Open, is_sound: IsSound, size: tuple[int, int]
) -> None:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    app.clients["tv"] = app.register(replace(WEB, name="Television", grant_types=(grant,), response_types=()))
    begun = client_of(app, "tv").post("/device_authorization", {"scope": "api:read"}).json
    page = open_browser(size).new_page()
    page.goto(begun["verification_uri"])
    if page.get_by_label("Username").count():
        log_in(page)
    is_sound(page, "device")
    page.get_by_label("Code").fill(begun["user_code"].lower().replace("-", " "))
    page.get_by_role("button", name="Continue").click()
    if page.get_by_label("Username").count():
        log_in(page)
    page.get_by_role("button", name="Allow").wait_for()
    assert begun["user_code"] in page.locator("main").inner_text()
    is_sound(page, "device-confirm")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading").first.wait_for()
    is_sound(page, "device-done")
    got = client_of(app, "tv").token(grant, device_code=begun["device_code"])
    assert got.status == 200, got.text


def test_the_complete_address_still_asks_to_compare_and_has_a_picture_for_a_phone(
    app: Running, open_browser: Open, is_sound: IsSound
) -> None:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    app.clients["screen"] = app.register(replace(WEB, name="Screen", grant_types=(grant,), response_types=()))
    begun = client_of(app, "screen").post("/device_authorization", {"scope": "api:read"}).json
    page = open_browser(PHONE).new_page()
    page.goto(begun["verification_uri_complete"])
    if page.get_by_label("Username").count():
        log_in(page)
    page.get_by_role("button", name="The codes are the same").wait_for()
    is_sound(page, "device-compare")
