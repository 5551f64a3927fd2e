"""Login with a passkey alone (WebAuthn level 2, section 7.2): who has the key need not say his name."""

from collections.abc import Iterator

import pytest
from tests.support.app import Running, StartApp, running, settings_for
from tests.support.code_flow import login_page
from tests.support.passkey import Authenticator, options_of
from tests.support.passkey_owner import ORIGIN, Owner, at_security, claims_of, enrol, new_key, new_owner
from tests.support.second_factor import send
from tests.support.servers import flush

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.protocol.acr import MFA


@pytest.fixture(scope="module")
def app(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Running]:
    """An application with a name: browsers know no passkeys of an address."""
    flush(valkey_server)
    settings = settings_for(module_postgres_url, valkey_server.url, issuer=ORIGIN, rate_second_factor="1000/minute")
    with running(settings) as started:
        yield started


@pytest.fixture(scope="module")
def owner(app: Running) -> Owner:
    return new_owner(app, "keeper", new_key())


def test_a_passkey_alone_logs_in_without_a_name(app: Running, owner: Owner) -> None:
    browser = app.browser()
    page = login_page(app, browser)
    options = options_of(page)
    assert options["allowCredentials"] == []
    answer = send(browser, page, "/login/passkey", passkey=owner.key.get(options))
    assert answer.status == 303
    claims = claims_of(app, browser, browser.follow(answer))
    assert (claims["acr"], claims["amr"]) == (MFA, ["pop", "user", "mfa"])


def test_an_answer_of_a_key_without_a_counter_is_good_once_too(app: Running) -> None:
    app.add_user("replayed")
    browser, key = app.browser(), new_key(counter=0)
    at_security(app, browser, "replayed")
    assert enrol(browser, key).status == 303
    other = app.browser()
    page = login_page(app, other)
    answer = key.get(options_of(page))
    assert send(other, page, "/login/passkey", passkey=answer).status == 303
    assert send(other, page, "/login/passkey", passkey=answer).status == 403


def test_a_passkey_alone_names_its_owner_or_nobody(app: Running, owner: Owner) -> None:
    for handle in (None, b"", b"x" * 16, b"x" * 64):
        browser = app.browser()
        page = login_page(app, browser)
        liar = Authenticator(**vars(owner.key))
        liar.user_handle = handle
        assert send(browser, page, "/login/passkey", passkey=liar.get(options_of(page))).status == 403


def test_a_passkey_login_is_bound_to_its_browser_and_counts_its_failures(start_app: StartApp) -> None:
    app = start_app(issuer=ORIGIN, rate_login_address="3/minute")
    browser = app.browser()
    page = login_page(app, browser)
    answers = [send(browser, page, "/login/passkey", passkey="{}").status for _ in range(5)]
    assert answers == [403, 403, 403, 429, 429]
    assert app.browser().post("/login/passkey", page.forms[0].values | {"passkey": "{}"}).status == 400
    assert send(browser, page, "/login/passkey", passkey="{}", csrf="x").status == 403


def test_a_locked_account_has_no_use_for_its_passkey(app: Running) -> None:
    app.add_user("locked keeper")
    browser, key = app.browser(), new_key()
    at_security(app, browser, "locked keeper")
    assert enrol(browser, key).status == 303
    app.lock("locked keeper")
    other = app.browser()
    page = login_page(app, other)
    assert send(other, page, "/login/passkey", passkey=key.get(options_of(page))).status == 403
