"""``offline_access`` (OpenID Connect Core section 11): with it a grant survives the logout, without it it dies there."""

from dataclasses import replace

import pytest
from tests.support.app import API, PASSWORD, WEB, Running
from tests.support.clients import client_of
from tests.support.code_flow import authorize, consent_page
from tests.support.flows import Person, Tokens, given, is_active, redeemed

from grantlog.flows import accounts
from grantlog.flows.operators import operator_origin

OFFLINE, ONLINE = "openid api:read offline_access", "openid api:read"


def log_out(person: Person) -> None:
    assert person.browser.submit(person.browser.get("/logout")).status == 200


def refreshed(app: Running, tokens: Tokens, client: str = "web") -> int:
    return client_of(app, client).refresh(tokens.refresh).status


def test_a_refresh_token_is_issued_where_the_grant_type_is_registered(app: Running) -> None:
    assert refreshed(app, Person(app).tokens(scope=ONLINE)) == 200
    app.clients["once"] = app.register(replace(WEB, grant_types=("authorization_code",)))
    person = Person(app)
    for scope in (ONLINE, OFFLINE):
        answer = redeemed(app, person.code("once", scope=scope), "once")
        assert "refresh_token" not in answer.json


def test_with_it_the_grant_survives_the_logout(app: Running) -> None:
    person = Person(app)
    tokens = person.tokens(scope=OFFLINE, resource=[API])
    log_out(person)
    assert is_active(app, tokens.access)
    assert refreshed(app, tokens) == 200


def test_without_it_the_grant_dies_with_the_session(app: Running) -> None:
    person = Person(app)
    tokens = person.tokens(scope=ONLINE, resource=[API])
    log_out(person)
    assert not is_active(app, tokens.access)
    assert client_of(app).refresh(tokens.refresh).json["error"] == "invalid_grant"


def test_neither_survives_a_new_password_or_a_lock(app: Running) -> None:
    origin = operator_origin(app.service, "operator:test")
    app.add_user("careful")
    person = Person(app)
    login = person.browser.follow(person.browser.get("/account"))
    person.browser.submit(login, username="careful", password=PASSWORD)
    tokens = person.tokens(scope=OFFLINE, resource=[API])
    app.run(accounts.set_password(app.service, "careful", PASSWORD, "test", origin))
    assert not is_active(app, tokens.access)
    assert refreshed(app, tokens) == 400


def test_nor_does_it_survive_the_withdrawal_of_consent(app: Running) -> None:
    app.clients["withdrawn"] = app.register(WEB)
    person = Person(app)
    tokens = person.tokens("withdrawn", scope=OFFLINE, resource=[API])
    page = person.browser.get("/account")
    forms = {form.values["client_id"]: form for form in page.forms}
    form = forms[app.clients["withdrawn"].client_id]
    log = person.browser.post(form.action, form.values)
    assert log.status == 303
    assert refreshed(app, tokens, "withdrawn") == 400


def test_the_page_says_plainly_that_access_is_kept(app: Running) -> None:
    app.clients["asks"] = app.register(WEB)
    browser = app.browser()
    page = consent_page(app, browser, "asks", scope=OFFLINE)
    assert "keep its access while you are not there" in page.text
    assert "also after you log out" in page.text
    assert "also after you log out" not in consent_page(app, browser, "asks", scope=ONLINE).text


def test_it_needs_a_consent_of_its_own(app: Running) -> None:
    app.clients["wants more"] = app.register(WEB)
    person = Person(app)
    person.tokens("wants more", scope=ONLINE)
    assert "code=" in authorize(app, person.browser, "wants more", scope=ONLINE, prompt=None).location
    assert "/consent?tx=" in authorize(app, person.browser, "wants more", scope=OFFLINE, prompt=None).location
    person.tokens("wants more", scope=OFFLINE)
    assert "code=" in authorize(app, person.browser, "wants more", scope=OFFLINE, prompt=None).location


@pytest.mark.parametrize("scope", ["openid", "openid api:read"])
def test_less_on_refresh_does_not_bind_it_to_the_session_again(app: Running, scope: str) -> None:
    person = Person(app)
    tokens = person.tokens(scope=OFFLINE, resource=[API])
    less = given(client_of(app).refresh(tokens.refresh, scope=scope))
    log_out(person)
    assert refreshed(app, less) == 200
