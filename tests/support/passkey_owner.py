"""A person with a passkey at a server with a name, over HTTP: what every test of passkeys begins with."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from tests.support.app import PASSWORD, Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import login_page, redeem
from tests.support.passkey import Authenticator, options_of
from tests.support.second_factor import STEP_UP, second_page, send

from grantlog.core.identifiers import StreamId

ORIGIN, RP_ID = "https://login.example", "login.example"
"""Browsers know no passkeys of an address."""
SECURITY = "/account/security"
NEW = f"{SECURITY}/passkey"


@dataclass
class Owner:
    """A person with one passkey, and the browser in which it was made."""

    username: str
    account: StreamId
    key: Authenticator
    browser: Browser


def new_key(**lies: Any) -> Authenticator:
    """A key that tells the truth, but for ``lies``."""
    return Authenticator(**({"origin": ORIGIN, "rp_id": RP_ID} | lies))


def new_owner(app: Running, username: str, key: Authenticator) -> Owner:
    """A new account that has enrolled ``key``."""
    account, browser = app.add_user(username), app.browser()
    at_security(app, browser, username)
    assert enrol(browser, key).status == 303
    return Owner(username, account, key, browser)


def at_security(app: Running, browser: Browser, username: str) -> None:
    """Logs in to the security page."""
    login = browser.follow(browser.get(SECURITY))
    done = send(browser, login, "/login", username=username, password=PASSWORD)
    assert done.location == ORIGIN + SECURITY
    assert browser.get(SECURITY).status == 200


def enrol(browser: Browser, key: Authenticator, **changes: Any) -> Answer:
    """What the server says to a new key."""
    page = browser.get(NEW)
    assert page.status == 200, page.text
    return send(browser, page, NEW, passkey=key.create(options_of(page), **changes))


def challenged(app: Running, owner: Owner) -> tuple[Browser, Answer]:
    """A page that asks for the owner's second factor, in a fresh browser."""
    browser = app.browser()
    return browser, second_page(browser, login_page(app, browser), owner.username)


def give_key(browser: Browser, page: Answer, answer: str) -> Answer:
    """Posts what a key has answered to that page."""
    return send(browser, page, STEP_UP, way="passkey", passkey=answer)


def claims_of(app: Running, browser: Browser, consent: Answer) -> dict[str, Any]:
    """The ID token of who goes on and allows the client what it asks for."""
    code = send(browser, consent, "/consent", decision="allow").query["code"]
    text = redeem(app, code).json["id_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return claims
