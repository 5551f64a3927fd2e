"""What a client sends to find again comes back as it was, and nowhere as markup."""

import pytest
from tests.support.app import Running
from tests.support.code_flow import authorize, consent_page, redirect_of

STRANGE = (
    "a&b=c",
    "%26",
    "100%",
    "+ +",
    "ü€😀",
    "'\"><script>alert(1)</script>",
    "{{7919*7919}}",
    "a" * 2000,
    "=",
    "#x",
)


@pytest.mark.parametrize("state", STRANGE)
def test_state_comes_back_to_the_byte(app: Running, state: str) -> None:
    browser = app.browser()
    assert redirect_of(app, browser, state=state, prompt="consent").query["state"] == state
    refused = authorize(app, browser, "web", state=state, scope="wrong")
    assert refused.query["state"] == state


@pytest.mark.parametrize("state", STRANGE[:7])
def test_no_page_shows_what_it_was_sent_as_markup(app: Running, state: str) -> None:
    page = consent_page(app, app.browser(), state=state, login_hint=state, ui_locales="en", prompt="consent login")
    assert "<script>alert" not in page.text
    # 7919 * 7919: a template that was evaluated
    assert "62710561" not in page.text
