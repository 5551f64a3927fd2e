"""Step up: ``acr_values`` and an essential ``acr`` at ``/authorize`` (OpenID Connect Core 3.1.2.1, 5.5.1.1; RFC 9470)."""

import base64
import json
from typing import Any

import pytest
from tests.support.app import PASSWORD, Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, redeem
from tests.support.second_factor import STEP_UP, enrol_totp, give_code, send, with_totp

from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.acr import MFA, PWD
from grantlog.flows.accounts import find_account, unlock
from grantlog.flows.admit import Proven, admit
from grantlog.flows.operators import operator_origin


def essential(*values: str) -> str:
    """The ``claims`` parameter that demands one of these classes."""
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(values)}}})


def with_one_factor(app: Running, username: str, *, long_ago: int = 0) -> Browser:
    """A browser whose session began with a password alone, of somebody who has a second factor (by another server's word)."""
    account = app.run(find_account(app.service, username))
    assert account is not None
    browser = app.browser()
    browser.cookies["gl_session"] = app.run(_session(app, account, long_ago))
    return browser


async def _session(app: Running, account: StreamId, long_ago: int) -> str:
    log, service = app.service.ports.log, app.service
    await service.gates.catch_up((await log.head()).gate_sequence)
    epoch = service.gates.epoch("account", str(account))
    proven = Proven(account, epoch, ("pwd",), auth_time=log.now() // 1_000_000 - long_ago)
    return (await admit(service, proven, operator_origin(service, "operator:test"))).session_cookie


def arrive(browser: Browser, answer: Answer) -> Answer:
    """Where the redirects within the server end."""
    while answer.status == 303 and answer.location.startswith(browser.url):
        answer = browser.get(answer.location)
    return answer


def claims_of(app: Running, browser: Browser, answer: Answer) -> dict[str, Any]:
    """The ID token at the end of the way: consent is given where it is asked for."""
    page = arrive(browser, answer)
    done = page if page.status == 303 else send(browser, page, "/consent", decision="allow")
    text = redeem(app, done.query["code"]).json["id_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return claims


@pytest.mark.parametrize("wish", [{"acr_values": MFA}, {"claims": essential(MFA)}], ids=["voluntary", "essential"])
def test_who_has_proven_one_factor_proves_the_other(app: Running, wish: dict[str, str]) -> None:
    name = f"stepping {len(str(wish))}"
    authenticator = with_totp(app, name)
    browser = with_one_factor(app, name, long_ago=100)
    before = browser.cookies["gl_session"]
    page = arrive(browser, authorize(app, browser, **wish))
    assert STEP_UP in page.url
    done = give_code(browser, page, authenticator.code())
    assert browser.cookies["gl_session"] != before
    claims = claims_of(app, browser, done)
    assert (claims["acr"], claims["amr"]) == (MFA, ["pwd", "otp", "mfa"])
    # the password was typed when it was typed
    assert claims["iat"] - claims["auth_time"] >= 100
    again = claims_of(app, browser, authorize(app, browser, **wish))
    assert again["acr"] == MFA


def test_a_class_that_is_met_already_asks_for_nothing(app: Running) -> None:
    with_totp(app, "content")
    for wish in ({"acr_values": PWD}, {"acr_values": f"{MFA} {PWD}"}, {"claims": essential(PWD)}, {}):
        browser = with_one_factor(app, "content")
        assert claims_of(app, browser, authorize(app, browser, **wish))["acr"] == PWD


def test_nobody_is_asked_for_more_than_the_client_wants(app: Running) -> None:
    with_totp(app, "asked enough")
    browser = with_one_factor(app, "asked enough")
    page = arrive(browser, authorize(app, browser))
    assert "/consent?tx=" in browser.get(page.url.replace("/consent?", f"{STEP_UP}?")).location


def test_who_has_no_second_factor_goes_on_where_it_is_a_wish(app: Running) -> None:
    app.add_user("wished")
    browser = with_one_factor(app, "wished")
    claims = claims_of(app, browser, authorize(app, browser, acr_values=f"urn:example:unheard-of {MFA}"))
    assert (claims["acr"], claims["amr"]) == (PWD, ["pwd"])


@pytest.mark.parametrize("wanted", [MFA, "urn:example:unheard-of"])
def test_who_has_no_second_factor_cannot_meet_a_demand(app: Running, wanted: str) -> None:
    name = f"demanded {len(wanted)}"
    app.add_user(name)
    browser = with_one_factor(app, name)
    refused = arrive(browser, authorize(app, browser, claims=essential(wanted)))
    assert refused.query["error"] == "unmet_authentication_requirements"
    # nor by logging in for it
    other = app.browser()
    login = arrive(other, authorize(app, other, claims=essential(wanted)))
    done = arrive(other, send(other, login, "/login", username=name, password=PASSWORD))
    assert done.query["error"] == "unmet_authentication_requirements"


def test_without_a_page_the_client_is_told_that_one_is_needed(app: Running) -> None:
    with_totp(app, "silent")
    browser = with_one_factor(app, "silent")
    refused = authorize(app, browser, prompt="none", claims=essential(MFA))
    assert refused.query["error"] in {"login_required", "interaction_required"}


def test_a_step_up_is_no_fresh_login(app: Running) -> None:
    authenticator = with_totp(app, "not fresh")
    browser = with_one_factor(app, "not fresh", long_ago=1000)
    for stale in ({"max_age": "500"}, {"prompt": "login"}):
        page = arrive(browser, authorize(app, browser, acr_values=MFA, **stale))
        assert "/login?tx=" in page.url
        # the page of the second factor alone does not do
        assert "/login?tx=" in browser.get(page.url.replace("/login?", f"{STEP_UP}?")).location
    # and stepping up for another request does not make it fresh for this one
    waiting = arrive(browser, authorize(app, browser, max_age="500"))
    stepped = arrive(browser, authorize(app, browser, acr_values=MFA))
    assert give_code(browser, stepped, authenticator.code()).status == 303
    assert "/login?tx=" in arrive(browser, browser.get(waiting.url)).url


def test_a_step_up_ends_with_the_session(app: Running) -> None:
    authenticator = with_totp(app, "stepped dead")
    account = app.run(find_account(app.service, "stepped dead"))
    assert account is not None
    browser = with_one_factor(app, "stepped dead")
    page = arrive(browser, authorize(app, browser, acr_values=MFA))
    app.lock("stepped dead")
    refused = give_code(browser, page, authenticator.code())
    assert "gl_session" not in refused.set_cookies
    assert "/login?tx=" in refused.location
    app.run(unlock(app.service, "stepped dead", "test", operator_origin(app.service, "operator:test")))
    assert "gl_session" not in give_code(browser, page, authenticator.code()).set_cookies


def test_who_logs_out_in_between_is_not_stepped_up(app: Running) -> None:
    authenticator = with_totp(app, "left")
    browser = with_one_factor(app, "left")
    page = arrive(browser, authorize(app, browser, acr_values=MFA))
    cookie = browser.cookies["gl_session"]
    browser.submit(browser.get("/logout"))
    browser.cookies["gl_session"] = cookie
    answer = give_code(browser, page, authenticator.code())
    assert "gl_session" not in answer.set_cookies
    assert "/login?tx=" in answer.location


def test_a_step_up_is_asked_of_its_own_browser_and_person(app: Running) -> None:
    authenticator = with_totp(app, "stepping person")
    app.add_user("other person")
    browser, other = with_one_factor(app, "stepping person"), with_one_factor(app, "other person")
    page = arrive(browser, authorize(app, browser, acr_values=MFA))
    assert STEP_UP in page.url
    assert other.get(page.url).status == 400
    other.cookies["gl_login"] = browser.cookies["gl_login"]
    # nor does a code help in the session of somebody else
    answer = give_code(other, other.get(page.url), authenticator.code())
    assert "/login?tx=" in answer.location
    assert "gl_session" not in answer.set_cookies


def test_selecting_an_account_may_go_on_with_the_one_that_is_there(app: Running) -> None:
    app.add_user("selecting", name="Select Ed")
    browser = with_one_factor(app, "selecting")
    page = arrive(browser, authorize(app, browser, prompt="select_account"))
    assert "Continue as Select Ed" in page.text
    done = send(browser, page, "/login/continue")
    assert claims_of(app, browser, done)["acr"] == PWD
    page = arrive(browser, authorize(app, browser, prompt="select_account"))
    browser.cookies.pop("gl_session")
    assert "Continue as" not in send(browser, page, "/login/continue").text


def test_enrolling_is_what_lets_somebody_meet_a_demand(app: Running) -> None:
    account = app.add_user("enrolling later")
    browser = with_one_factor(app, "enrolling later")
    assert "error" in arrive(browser, authorize(app, browser, claims=essential(MFA))).query
    app.run(enrol_totp(app.service, account))
    browser = with_one_factor(app, "enrolling later")
    assert STEP_UP in arrive(browser, authorize(app, browser, claims=essential(MFA))).url
