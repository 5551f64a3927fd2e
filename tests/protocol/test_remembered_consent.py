"""Consent that is remembered: a page is left out only where the very same was allowed before (OpenID Connect Core 3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import replace
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.app import API, BILLING, REDIRECT, WEB, Credentials, Running, StartApp
from tests.support.beside import at, serving, site_of
from tests.support.browser import Answer, Browser
from tests.support.clients import Client
from tests.support.code_flow import authorize, consent_page, parameters, redeem
from tests.support.flows import Person, given, is_active, redeemed

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.flows import consents
from grantlog.flows.operators import operator_origin
from grantlog.flows.sessions import find_session
from grantlog.settings import DetailsType, Resource

ASKED = "openid api:read"


def client(app: Running, metadata: ClientMetadata = WEB) -> str:
    """A client that nobody has allowed anything yet; its name in ``app.clients``."""
    made: Credentials = app.register(metadata)
    app.clients[made.client_id] = made
    return made.client_id


def ask(app: Running, browser: Browser, name: str, /, **changes: str | None) -> Answer:
    """What ``/authorize`` answers to a request that demands no page."""
    return authorize(app, browser, name, **({"prompt": None} | changes))


def allowed(app: Running, browser: Browser, name: str, /, **changes: str | None) -> Answer:
    """The redirect with the code after the user has said yes on the page."""
    answer = browser.submit(consent_page(app, browser, name, **({"prompt": None} | changes)), decision="allow")
    assert answer.status == 303, answer.text
    return answer


def is_code(answer: Answer) -> bool:
    return answer.location.startswith(REDIRECT) and "code" in answer.query


def is_asked(answer: Answer) -> bool:
    return answer.status == 303 and "/consent?tx=" in answer.location


def withdraw(app: Running, browser: Browser, client_id: str) -> None:
    """As the account page does."""
    service = app.service
    session = app.run(find_session(service, browser.cookies["gl_session"]))
    assert session is not None
    app.run(consents.withdraw(service, session, ClientId(client_id), operator_origin(service, "operator:test")))


def test_what_was_allowed_is_not_asked_again(app: Running) -> None:
    name, browser = client(app), app.browser()
    allowed(app, browser, name, scope=ASKED)
    for changes in ({}, {"prompt": "none"}, {"scope": "openid"}, {"resource": API}):
        answer = ask(app, browser, name, **({"scope": ASKED} | changes))
        assert is_code(answer), (changes, answer.location)
        assert answer.query["state"] == "a state & more"
        assert redeem(app, answer.query["code"], name).status == 200


def test_it_is_remembered_of_the_account_and_not_of_the_browser(app: Running) -> None:
    name, first, second = client(app), app.browser(), app.browser()
    allowed(app, first, name)
    login = second.follow(ask(app, second, name))
    done = second.submit(login, username="alice", password="correct horse battery staple")
    assert is_code(second.follow(done))
    app.add_user("somebody")
    third = app.browser()
    login = third.follow(ask(app, third, name))
    done = third.submit(login, username="somebody", password="correct horse battery staple")
    assert third.follow(done).status == 200


@pytest.mark.parametrize(
    "more",
    [
        {"scope": "openid api:read api:write"},
        {"scope": "openid api:read email"},
        {"scope": "openid api:read offline_access"},
        {"scope": "openid api:read", "resource": BILLING},
        {"scope": "openid api:read", "prompt": "consent"},
    ],
)
def test_more_than_that_is(app: Running, more: dict[str, str]) -> None:
    name, browser = client(app), app.browser()
    allowed(app, browser, name, scope=ASKED, resource=API)
    assert is_asked(ask(app, browser, name, **({"resource": API} | more)))
    if "prompt" not in more:
        silent = ask(app, browser, name, **({"resource": API} | more | {"prompt": "none"}))
        assert silent.query["error"] == "consent_required"


def test_two_consents_add_up(app: Running) -> None:
    name, browser = client(app), app.browser()
    allowed(app, browser, name, scope="openid api:read")
    allowed(app, browser, name, scope="openid api:write")
    assert is_code(ask(app, browser, name, scope="api:read api:write"))


def test_what_was_denied_is_asked_again(app: Running) -> None:
    name, browser = client(app), app.browser()
    page = consent_page(app, browser, name, prompt=None)
    assert browser.submit(page, decision="deny").query["error"] == "access_denied"
    assert is_asked(ask(app, browser, name))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Another name"},
        {"redirect_uris": (*WEB.redirect_uris, "https://elsewhere.example/callback")},
        {"verified": False},
    ],
)
def test_a_client_that_has_become_another_has_to_ask_again(app: Running, changes: Mapping[str, Any]) -> None:
    name, browser = client(app), app.browser()
    allowed(app, browser, name)
    app.update(app.clients[name], replace(WEB, policy_uri="https://client.example/privacy"))
    assert is_code(ask(app, browser, name))
    app.update(app.clients[name], replace(WEB, **changes))
    assert is_asked(ask(app, browser, name))


def test_withdrawing_it_kills_every_token_of_this_client_and_account_and_no_other(app: Running) -> None:
    name, other, person = client(app), client(app), Person(app)
    offline = person.tokens(name, scope="openid api:read offline_access", resource=[API])
    online = person.tokens(name, scope="api:read", resource=[API])
    waiting = person.code(name)
    kept = person.tokens(other, scope="api:read", resource=[API])
    app.add_user("neighbour")
    neighbour = app.browser()
    page = neighbour.submit(
        neighbour.follow(ask(app, neighbour, name, resource=API)),
        username="neighbour",
        password="correct horse battery staple",
    )
    code = neighbour.submit(neighbour.follow(page), decision="allow").query["code"]
    theirs = given(redeemed(app, code, name))
    withdraw(app, person.browser, name)
    assert not is_active(app, offline.access)
    assert not is_active(app, online.access)
    assert redeemed(app, waiting, name).json["error"] == "invalid_grant"
    refresh = {"grant_type": "refresh_token", "refresh_token": offline.refresh}
    refused = person.browser.post("/token", refresh, {"Authorization": app.clients[name].basic})
    assert refused.json["error"] == "invalid_grant"
    assert is_active(app, kept.access)
    assert is_active(app, theirs.access)
    assert is_asked(ask(app, person.browser, name))
    again = person.tokens(name, scope="api:read", resource=[API])
    assert is_active(app, again.access)


def test_another_process_knows_before_the_answer_leaves(app: Running, guard: Client, tmp_path: Path) -> None:
    name, person = client(app), Person(app)
    tokens = person.tokens(name, scope="openid api:read offline_access", resource=[API])
    with serving(site_of(app, tmp_path)) as (_, url):
        elsewhere = at(url, guard)
        assert elsewhere.introspect(tokens.access)["active"] is True
        withdraw(app, person.browser, name)
        assert elsewhere.introspect(tokens.access) == {"active": False}


def test_public_clients_that_anybody_may_pass_for_are_always_asked_about(app: Running) -> None:
    for redirect_uri in ("http://127.0.0.1:4711/callback", "com.example.app:/callback"):
        browser = app.browser()
        allowed(app, browser, "native", redirect_uri=redirect_uri)
        assert is_asked(ask(app, browser, "native", redirect_uri=redirect_uri))
        silent = ask(app, browser, "native", redirect_uri=redirect_uri, prompt="none")
        assert "error=interaction_required" in silent.location


def test_a_public_client_of_the_web_is_remembered(app: Running) -> None:
    browser = app.browser()
    allowed(app, browser, "spa")
    assert is_code(ask(app, browser, "spa", prompt="none"))


def test_prompt_none_without_a_session_and_without_consent(app: Running) -> None:
    name, browser = client(app), app.browser()
    assert ask(app, browser, name, prompt="none").query["error"] == "login_required"
    consent_page(app, browser, name, prompt=None)
    assert ask(app, browser, name, prompt="none").query["error"] == "consent_required"


def test_of_authorization_details_only_the_very_same_are_not_asked_again(start_app: StartApp) -> None:
    schema = {
        "type": "object",
        "properties": {"type": {"const": "payment"}, "amount": {"type": "string"}},
        "required": ["type", "amount"],
        "additionalProperties": False,
    }
    kind = DetailsType.model_validate({"type": "payment", "schema": schema, "title": "Pay somebody"})
    app = start_app(authorization_details_types=(kind,))
    name, browser = client(app, replace(WEB, authorization_details_types=("payment",))), app.browser()
    ten = dumps([{"type": "payment", "amount": "10"}])
    page = consent_page(app, browser, name, prompt=None, authorization_details=ten)
    assert "Pay somebody" in page.text
    assert "<dd>10</dd>" in page.text
    assert browser.submit(page, decision="allow").status == 303
    assert is_code(ask(app, browser, name, authorization_details=ten))
    assert is_asked(ask(app, browser, name, authorization_details=dumps([{"type": "payment", "amount": "11"}])))
    assert is_code(ask(app, browser, name))


def test_what_a_scope_implies_is_shown_and_what_it_comes_to_imply_is_asked_anew(start_app: StartApp) -> None:
    scopes = ("pay", "pay:small", "pay:large")
    texts = {"pay": "pay for you", "pay:small": "pay small sums", "pay:large": "pay large sums"}
    rule = Resource(uri=API, scopes=scopes, texts=texts, implies={"pay": ("pay:small",)}, name="The bank")
    app = start_app(resources=(rule,))
    name, browser = client(app, replace(WEB, scope=scopes)), app.browser()
    page = consent_page(app, browser, name, prompt=None, scope="pay")
    assert "pay for you" in page.text
    assert "this includes: pay small sums" in page.text
    assert "The bank" in page.text
    assert API in page.text
    assert browser.submit(page, decision="allow").status == 303
    assert is_code(ask(app, browser, name, scope="pay"))
    assert is_code(ask(app, browser, name, scope="pay:small"))
    assert is_asked(ask(app, browser, name, scope="pay:large"))


def test_the_page_of_a_request_cannot_be_skipped_by_posting_first(app: Running) -> None:
    name, browser = client(app), app.browser()
    consent_page(app, browser, name, prompt=None)
    begun = ask(app, browser, name)
    key = begun.query["tx"]
    assert browser.post("/consent", {"tx": key, "decision": "allow", "csrf": ""}).status == 403
    asked = urlencode(parameters(app, name, prompt="consent") | {"prompt": "none consent"})
    assert browser.get(f"/authorize?{asked}").query["error"] == "invalid_request"
