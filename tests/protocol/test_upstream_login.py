"""Login by another OpenID provider (OpenID Connect Core section 3.1, RFC 9700, RFC 9207): ours as the other one, and hostile
ones.
"""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.support.app import USERNAME, StartApp, running, settings_for
from tests.support.code_flow import authorize, log_in, login_page, redeem
from tests.support.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider, fake_provider, shared_secret_key
from tests.support.servers import flush, free_port
from tests.support.upstream import Both, is_nobody, provider_at

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.account.upstream import LABEL, identity_input, identity_name
from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.pkce import challenge_of
from grantlog.flows.upstream import CALLBACK


@pytest.fixture(scope="module")
def module_both(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Both]:
    flush(valkey_server)
    with ExitStack() as stack:
        provider = stack.enter_context(fake_provider())
        settings = settings_for(
            module_postgres_url,
            valkey_server.url,
            egress_private=True,
            upstream_providers=(provider_at(provider.issuer),),
        )
        yield Both(stack.enter_context(running(settings)), provider)


@pytest.fixture
def both(module_both: Both) -> Both:
    """The provider is honest again, and nobody has spent its code."""
    honest = FakeProvider(module_both.provider.issuer, key=module_both.provider.key)
    for name in ("claims", "header", "members", "metadata", "signed_by", "status"):
        setattr(module_both.provider, name, getattr(honest, name))
    module_both.provider.asked.clear()
    module_both.provider.authorizations.clear()
    return module_both


def test_a_person_logs_in_elsewhere_and_gets_an_account(both: Both) -> None:
    browser = both.app.browser()
    location = both.begin(browser)
    asked = dict(parse_qsl(urlsplit(location).query))
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT_ID
    assert asked["redirect_uri"] == both.app.url + CALLBACK
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) >= {"openid"}
    answer = browser.get(both.provider.answer(location))
    assert answer.status == 303, answer.text
    consent = browser.follow(answer)
    assert "Alice Elsewhere" in consent.text
    form = both.provider.asked[0]
    assert challenge_of(form["code_verifier"]) == asked["code_challenge"]
    assert form["redirect_uri"] == asked["redirect_uri"]
    encoded = b64decode(both.provider.authorizations[0].removeprefix("Basic ")).decode()
    assert encoded == "us:our+secret+%26+more"
    tokens = redeem(both.app, browser.submit(consent, decision="allow").query["code"])
    claims = both.app.introspect(tokens.json["access_token"])
    assert claims["acr"] == "urn:grantlog:acr:federated"
    assert not claims.get("amr"), "nobody here knows how"


def test_the_same_person_gets_the_same_account_and_another_one_another(both: Both) -> None:
    def subject(sub: str) -> str:
        both.provider.claims = {"sub": sub}
        both.provider.asked.clear()
        browser = both.app.browser()
        consent = browser.follow(both.come_back(browser))
        tokens = redeem(both.app, browser.submit(consent, decision="allow").query["code"])
        found: str = both.app.introspect(tokens.json["access_token"])["sub"]
        return found

    first = subject("again")
    assert subject("again") == first
    assert subject("other") != first


def test_an_e_mail_address_alone_links_nobody(both: Both) -> None:
    both.provider.claims = {"sub": "same-mail", "email": "alice@example.com", "email_verified": True}
    browser = both.app.browser()
    consent = browser.follow(both.come_back(browser))
    tokens = redeem(both.app, browser.submit(consent, decision="allow").query["code"])
    assert both.app.introspect(tokens.json["access_token"])["sub"] != str(both.app.account)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "somebody else"},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": None},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 10**12},
        {"iat": None},
        {"iat": 10**11},
        {"at_hash": "wrong"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_an_id_token_that_says_something_else_logs_nobody_in(both: Both, claims: dict[str, Any]) -> None:
    both.provider.claims = claims
    _refused(both)


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"typ": "at+jwt"}, {"crit": ["b64"], "b64": True}, {"kid": "unknown"}]
)
def test_an_id_token_with_another_header_logs_nobody_in(both: Both, header: dict[str, Any]) -> None:
    both.provider.header = header
    _refused(both)


def test_an_id_token_signed_by_another_key_logs_nobody_in(both: Both) -> None:
    both.provider.signed_by = type(both.provider.key).generate_key("P-256")
    _refused(both)


def test_an_id_token_signed_with_our_secret_logs_nobody_in(both: Both) -> None:
    both.provider.signed_by, both.provider.header = shared_secret_key(CLIENT_SECRET), {"alg": "HS256"}
    _refused(both)


@pytest.mark.parametrize(
    "members", [{"id_token": None}, {"id_token": 7}, {"id_token": "junk"}, {"id_token": "x" * 40_000}]
)
def test_an_answer_without_an_id_token_logs_nobody_in(both: Both, members: dict[str, Any]) -> None:
    both.provider.members = members
    _refused(both)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_code_that_is_not_taken_logs_nobody_in(both: Both, status: int) -> None:
    both.provider.status = status
    _refused(both)


def test_a_redirect_of_the_token_endpoint_is_not_followed(both: Both) -> None:
    both.provider.status = 302
    browser = both.app.browser()
    assert both.come_back(browser).status == 503
    is_nobody(browser)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": ""},
        {"state": "x" * 43},
        {"state": "short"},
        {"state": None},
        {"code": None},
        {"code": ""},
        {"error": "access_denied"},
        {"error": "server_error", "error_description": "%3Cscript%3Ealert(1)%3C/script%3E"},
    ],
)
def test_an_answer_that_is_not_to_our_question_logs_nobody_in(both: Both, changes: dict[str, str | None]) -> None:
    browser = both.app.browser()
    answer = both.come_back(browser, **changes)
    assert answer.status == 400
    assert "script" not in answer.text
    is_nobody(browser)
    assert not both.provider.asked, "no code leaves to anybody"


def test_an_answer_counts_once(both: Both) -> None:
    browser = both.app.browser()
    back = both.provider.answer(both.begin(browser))
    assert browser.get(back).status == 303
    assert browser.get(back).status == 400
    assert len(both.provider.asked) == 1


def test_a_code_that_was_used_in_another_login_logs_nobody_in(both: Both) -> None:
    first, second = both.app.browser(), both.app.browser()
    assert both.come_back(first).status == 303
    assert both.come_back(second).status == 400
    is_nobody(second)


def test_another_browser_cannot_finish_what_one_began(both: Both) -> None:
    browser, other, fresh = both.app.browser(), both.app.browser(), both.app.browser()
    login_page(both.app, other)
    back = both.provider.answer(both.begin(browser))
    for stranger in (other, fresh):
        assert stranger.get(back).status == 400
        is_nobody(stranger)
    assert browser.get(back).status == 303, "and took it from nobody"


@pytest.mark.parametrize("query", ["", "?tx=x&provider=elsewhere", "?provider=elsewhere"])
def test_nobody_begins_without_a_login_of_his_own(both: Both, query: str) -> None:
    assert both.app.browser().get("/login/upstream/start" + query).status == 400


def test_an_unknown_provider_is_refused(both: Both) -> None:
    browser = both.app.browser()
    tx = dict(parse_qsl(urlsplit(login_page(both.app, browser).url).query))["tx"]
    assert browser.get(f"/login/upstream/start?tx={tx}&provider=nobody").status == 400


def test_who_has_to_log_in_afresh_has_to_there_as_well(both: Both) -> None:
    browser = both.app.browser()
    location = both.begin(browser, prompt="login")
    assert dict(parse_qsl(urlsplit(location).query))["prompt"] == "login"
    both.provider.claims = {"auth_time": 1_000_000_000}
    assert browser.get(both.provider.answer(location)).status == 400
    is_nobody(browser)


def test_the_time_of_the_login_is_the_other_providers(both: Both) -> None:
    both.provider.claims = {"auth_time": 1_700_000_000, "sub": "long-ago"}
    browser = both.app.browser()
    consent = browser.follow(both.come_back(browser))
    tokens = redeem(both.app, browser.submit(consent, decision="allow").query["code"])
    assert both.app.introspect(tokens.json["access_token"])["auth_time"] == 1_700_000_000


def test_a_person_links_a_login_and_uses_it_from_then_on(both: Both) -> None:
    both.provider.claims = {"sub": "linked"}
    person = both.app.browser()
    log_in(person, login_page(both.app, person))
    page = person.get("/account/upstream")
    assert "Not linked" in page.text or "Linked to your account" in page.text
    assert both.provider.issuer in (page.header("Content-Security-Policy") or "")
    answer = person.submit(page)
    assert answer.status == 303, answer.text
    assert person.get(both.provider.answer(answer.location)).status == 303
    assert "Linked to your account" in person.get("/account/upstream").text
    both.provider.asked.clear()
    later = both.app.browser()
    consent = later.follow(both.come_back(later))
    assert "Alice Example" in consent.text, "the person of this account, and not of the other provider"


def test_a_login_belongs_to_one_account(both: Both) -> None:
    both.provider.claims = {"sub": "taken"}
    browser = both.app.browser()
    assert both.come_back(browser).status == 303
    both.provider.asked.clear()
    person = both.app.browser()
    log_in(person, login_page(both.app, person))
    answer = person.submit(person.get("/account/upstream"))
    refused = person.get(both.provider.answer(answer.location))
    assert refused.status == 400
    assert "belongs to another account" in refused.text


def test_nobody_links_for_somebody_else(both: Both) -> None:
    both.provider.claims = {"sub": "csrf"}
    person, other = both.app.browser(), both.app.browser()
    log_in(person, login_page(both.app, person))
    page = person.get("/account/upstream")
    assert person.submit(page, csrf="x").status == 403
    assert person.submit(page, provider="nobody").status == 400
    assert other.get("/account/upstream").status == 303
    answer = person.submit(page)
    person.submit(person.get("/logout"))
    refused = person.get(both.provider.answer(answer.location))
    assert refused.status == 400
    assert both.app.run(_bearer(both, "csrf")) is None


def test_a_login_is_linked_to_the_account_that_began_and_to_no_other(both: Both) -> None:
    both.provider.claims = {"sub": "switched"}
    both.app.add_user("switcher")
    person, other = both.app.browser(), both.app.browser()
    log_in(person, login_page(both.app, person))
    log_in(other, login_page(both.app, other), "switcher")
    answer = person.submit(person.get("/account/upstream"))
    person.cookies["gl_session"] = other.cookies["gl_session"]
    assert person.get(both.provider.answer(answer.location)).status == 400
    assert both.app.run(_bearer(both, "switched")) is None


def test_a_login_that_nobody_has_linked_makes_no_account_where_none_is_wanted(start_app: StartApp) -> None:
    with fake_provider() as provider:
        settings = provider_at(provider.issuer, creates_accounts=False)
        both = Both(start_app(egress_private=True, upstream_providers=(settings,)), provider)
        browser = both.app.browser()
        answer = both.come_back(browser)
        assert answer.status == 400
        assert "Log in the way you usually do" in answer.text
        is_nobody(browser)


def test_of_several_providers_each_has_to_say_who_it_is(start_app: StartApp) -> None:
    with fake_provider() as provider, fake_provider() as evil:
        provider.metadata = evil.metadata = {"authorization_response_iss_parameter_supported": False}
        several = (provider_at(provider.issuer), provider_at(evil.issuer, name="evil", label="Evil"))
        both = Both(start_app(egress_private=True, upstream_providers=several), provider)
        browser = both.app.browser()
        assert both.come_back(browser, iss=None).status == 400
        assert both.come_back(browser, iss=evil.issuer).status == 400, "a mix-up"
        assert not provider.asked
        assert not evil.asked
        assert both.come_back(browser).status == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://["},
    ],
)
def test_a_provider_with_other_metadata_is_used_by_nobody(start_app: StartApp, metadata: dict[str, Any]) -> None:
    with fake_provider() as provider:
        provider.metadata = metadata
        app = start_app(egress_private=True, upstream_providers=(provider_at(provider.issuer),))
        browser = app.browser()
        tx = dict(parse_qsl(urlsplit(login_page(app, browser).url).query))["tx"]
        assert browser.get(f"/login/upstream/start?tx={tx}&provider=elsewhere").status == 400


def test_a_provider_that_does_not_answer_is_said_to_be_away(start_app: StartApp) -> None:
    app = start_app(egress_private=True, upstream_providers=(provider_at(f"http://127.0.0.1:{free_port()}"),))
    browser = app.browser()
    tx = dict(parse_qsl(urlsplit(login_page(app, browser).url).query))["tx"]
    assert browser.get(f"/login/upstream/start?tx={tx}&provider=elsewhere").status == 503


def test_our_own_server_is_such_a_provider(both: Both, start_app: StartApp) -> None:
    app = both.app
    port = free_port()
    client = app.register(
        ClientMetadata(
            name="The other one",
            redirect_uris=(f"http://127.0.0.1:{port}{CALLBACK}",),
            scope=("openid", "profile", "email"),
        )
    )
    configured = provider_at(app.settings.issuer, client_id=client.client_id, client_secret=client.client_secret)
    here = start_app(port=port, egress_private=True, upstream_providers=(configured,))
    ours, theirs = here.browser(), app.browser()
    tx = dict(parse_qsl(urlsplit(ours.follow(authorize(here, ours)).url).query))["tx"]
    there = ours.get(f"/login/upstream/start?tx={tx}&provider=elsewhere").location
    page = theirs.follow(theirs.get(there))
    consent = theirs.follow(theirs.submit(page, username=USERNAME, password="correct horse battery staple"))
    back = theirs.submit(consent, decision="allow")
    assert back.status == 303, back.text
    arrived = ours.get(back.location)
    assert arrived.status == 303, arrived.text
    assert ours.submit(ours.follow(arrived), decision="allow").query["code"]


def _refused(both: Both) -> None:
    browser = both.app.browser()
    answer = both.come_back(browser)
    assert answer.status == 400, answer.text
    assert "could not be used" in answer.text
    is_nobody(browser)


async def _bearer(both: Both, subject: str) -> object:
    service = both.app.service
    hashed = service.ports.secrets.keyed_hash(LABEL, identity_input(both.provider.issuer, subject))
    return await service.ports.log.bearer(identity_name(hashed))
