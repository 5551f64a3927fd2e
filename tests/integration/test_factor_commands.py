"""``grantlog users reset-second-factor``, and what ``users show`` says of second factors."""

from collections.abc import Callable
from typing import Any

from tests.integration.conftest import Command
from tests.support.app import PASSWORD, Running
from tests.support.code_flow import login_page
from tests.support.second_factor import enrol_codes, second_page, send, with_totp

from grantlog.flows.accounts import known_account


def test_an_operator_lets_somebody_in_who_lost_everything(app: Running, answer: Callable[..., Any]) -> None:
    with_totp(app, "carol")
    account = app.run(known_account(app.service, "carol"))
    app.run(enrol_codes(app.service, account))
    shown = answer("users", "show", "carol")
    assert [each.split()[0] for each in shown["second_factors"]] == ["totp"]
    assert shown["recovery_codes"] == 10
    browser = app.browser()
    page = second_page(browser, login_page(app, browser), "carol")
    assert "Code from your authenticator app" in page.text
    reset = answer("users", "reset-second-factor", "carol")
    assert (reset["second_factors"], reset["recovery_codes"]) == ([], 0)
    done = send(browser, login_page(app, browser), "/login", username="carol", password=PASSWORD)
    assert "gl_session" in done.set_cookies
    # again: nothing is left to say
    assert answer("users", "reset-second-factor", "carol") == reset


def test_nobody_is_not_reset(command: Command) -> None:
    refused = command("users", "reset-second-factor", "nobody")
    assert (refused.exit_code, "not known" in refused.stderr) == (1, True)
