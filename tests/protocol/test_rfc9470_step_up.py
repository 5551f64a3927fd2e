"""RFC 9470: a resource server that wants a stronger or a fresher authentication, and a client that brings it.

The resource server here knows nothing but introspection; the client knows nothing but the challenge.
"""

import re
from typing import Any

from tests.support.app import PASSWORD, Running
from tests.support.browser import Answer, Browser
from tests.support.clients import client_of
from tests.support.code_flow import log_in, login_page, redeem
from tests.support.flows import given
from tests.support.second_factor import App, enrol_totp, give_code, second_page, send

from grantlog.core.protocol.acr import MFA, PWD


class Vault:
    """A protected resource that asks for two factors, and for a login not older than ``max_age`` seconds."""

    def __init__(self, app: Running, *, acr: str | None = None, max_age: int | None = None) -> None:
        self.app, self.acr, self.max_age = app, acr, max_age

    def open(self, token: str) -> str | None:
        """None: it is open; else the challenge of section 3."""
        told: Any = self.app.introspect(token)
        assert told["active"]
        now = self.app.service.ports.log.now() / 1_000_000
        # section 6.2: "acr" and "auth_time" of introspection
        weak = self.acr is not None and told["acr"] != self.acr
        old = self.max_age is not None and now - told["auth_time"] > self.max_age
        if not weak and not old:
            return None
        members = ['error="insufficient_user_authentication"']
        if self.acr is not None:
            members.append(f'acr_values="{self.acr}"')
        if self.max_age is not None:
            members.append(f'max_age="{self.max_age}"')
        return "Bearer " + ", ".join(members)


def authorized_again(app: Running, browser: Browser, challenge: str) -> Answer:
    """Section 4: where the client sends the browser, with what the challenge asks for."""
    wanted = dict(re.findall(r'(acr_values|max_age)="([^"]+)"', challenge))
    return login_page(app, browser, scope="openid api:read", **wanted)


def finished(app: Running, browser: Browser, consent: Answer) -> str:
    """The access token that comes of it."""
    code = send(browser, consent, "/consent", decision="allow").query["code"]
    return given(redeem(app, code)).access


def test_a_client_that_is_challenged_comes_back_with_a_stronger_token(app: Running) -> None:
    account, browser = app.add_user("careful"), app.browser()
    weak = finished(app, browser, log_in(browser, login_page(app, browser), "careful"))
    assert (app.introspect(weak)["acr"], app.introspect(weak)["amr"]) == (PWD, ["pwd"])
    vault = Vault(app, acr=MFA)
    challenge = vault.open(weak)
    assert challenge == f'Bearer error="insufficient_user_authentication", acr_values="{MFA}"'
    # who has no second factor comes back no stronger, and the resource server sees it
    still = finished(app, browser, authorized_again(app, browser, challenge))
    assert vault.open(still) == challenge
    # a factor that is added ends what was there before: from now on the password comes first
    app.run(enrol_totp(app.service, account))
    page = second_page(browser, authorized_again(app, browser, challenge), "careful")
    strong = finished(app, browser, browser.follow(give_code(browser, page, App(app).code())))
    assert vault.open(strong) is None
    told = app.introspect(strong)
    assert (told["acr"], told["amr"]) == (MFA, ["pwd", "otp", "mfa"])
    # the weak ones have become no stronger
    assert [app.introspect(token) for token in (weak, still)] == [{"active": False}] * 2


def test_a_client_that_is_challenged_comes_back_with_a_fresher_token(app: Running) -> None:
    app.add_user("fresh")
    browser = app.browser()
    token = finished(app, browser, log_in(browser, login_page(app, browser), "fresh"))
    before = app.introspect(token)["auth_time"]
    app.pass_seconds(2.1)
    vault = Vault(app, max_age=1)
    challenge = vault.open(token)
    assert challenge == 'Bearer error="insufficient_user_authentication", max_age="1"'
    # section 5: max_age makes the server authenticate again, although there is a session
    page = authorized_again(app, browser, challenge)
    assert "/login" in page.url
    consent = browser.follow(send(browser, page, "/login", username="fresh", password=PASSWORD))
    assert consent.status == 200
    fresh = finished(app, browser, consent)
    assert vault.open(fresh) is None
    assert app.introspect(fresh)["auth_time"] > before


def test_a_refresh_makes_no_login_stronger_or_fresher(app: Running) -> None:
    app.add_user("stale")
    browser = app.browser()
    consent = log_in(browser, login_page(app, browser), "stale")
    tokens = given(redeem(app, send(browser, consent, "/consent", decision="allow").query["code"]))
    first = app.introspect(tokens.access)
    app.pass_seconds(1.1)
    again = app.introspect(given(client_of(app).refresh(tokens.refresh)).access)
    assert (again["acr"], again["auth_time"]) == (first["acr"], first["auth_time"]) == (PWD, first["auth_time"])
