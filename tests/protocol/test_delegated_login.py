"""Login and consent by the operator's own application: one-time challenges, bound to the browser that began."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from json import dumps
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from tests.support.app import API, PASSWORD, REDIRECT, SCOPES, USERNAME, Running, running, settings_for
from tests.support.browser import Answer, Browser
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.code_flow import authorize, redeem
from tests.support.devices import ask, device_of, type_code
from tests.support.servers import flush

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.acr import MFA, PWD
from grantlog.flows import delegated_login
from grantlog.settings import LoginDelegate

PLACE = "https://login.operator.example/start?theme=dark"


@dataclass(frozen=True)
class Site:
    """We, and the application that logs people in for us."""

    app: Running
    application: Client

    def begin(self, browser: Browser, client: str = "web", /, **changes: str | None) -> str:
        """The challenge that a browser is sent away with."""
        return self.challenge_of(browser, authorize(self.app, browser, client, **changes))

    def challenge_of(self, browser: Browser, answer: Answer) -> str:
        """Follows our own redirects until one leads to the application."""
        while urlsplit(answer.location).netloc == urlsplit(self.app.url).netloc:
            answer = browser.follow(answer)
        assert answer.location.startswith(PLACE + "&challenge="), answer.location
        return answer.query["challenge"]

    def answer(self, challenge: str, client: Client | None = None, /, **values: str) -> Answer:
        """What the application is told when it answers."""
        given = {"challenge": challenge, "decision": "accept", "username": USERNAME} | values
        return (client or self.application).post(
            "/delegate/login", {name: value for name, value in given.items() if value}
        )

    def back(self, challenge: str, **values: str) -> str:
        """Where the application sends the browser back to."""
        told = self.answer(challenge, **values)
        assert told.status == 200, told.text
        is_not_stored(told)
        location: str = told.json["redirect_to"]
        assert location.startswith(f"{self.app.url}/login/delegate/return?verifier=")
        return location

    def flow(self, browser: Browser, begin: dict[str, str | None] | None = None, **values: str) -> Answer:
        """The whole way: the redirect that takes the answer to the client."""
        answer = browser.get(self.back(self.begin(browser, **(begin or {})), **values))
        assert answer.status == 303, answer.text
        return answer


@pytest.fixture(scope="module")
def site(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Site]:
    flush(valkey_server)
    settings = settings_for(module_postgres_url, valkey_server.url)
    login = ClientMetadata(
        name="Login", grant_types=("client_credentials",), response_types=(), scope=SCOPES, verified=True
    )
    with running(settings) as before:
        registered = before.register(login)
    delegate = LoginDelegate(url=PLACE, client_id=registered.client_id)
    with running(settings.model_copy(update={"login_delegate": delegate})) as app:
        yield Site(app, Client(app.url, registered))


def test_a_person_logs_in_and_consents_at_the_operators_application(site: Site) -> None:
    browser = site.app.browser()
    challenge = site.begin(browser, scope="openid api:read", login_hint="alice", ui_locales="de")
    told = site.application.post("/delegate/challenge", {"challenge": challenge})
    assert told.status == 200, told.text
    is_not_stored(told)
    asked = told.json
    assert asked["client_id"] == site.app.clients["web"].client_id
    assert asked["client_name"] == "Web & <Sons>"
    assert (asked["scope"], asked["login_hint"], asked["ui_locales"]) == ("openid api:read", "alice", ["de"])
    assert asked["redirect_uri"] == REDIRECT
    assert asked["session"] is None
    answer = browser.get(site.back(challenge, amr="pwd otp mfa"))
    assert answer.location.startswith(REDIRECT)
    assert answer.query["state"] == "a state & more"
    tokens = redeem(site.app, answer.query["code"])
    claims = site.app.introspect(tokens.json["access_token"])
    assert claims["sub"] == str(site.app.account)
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["acr"] == MFA
    assert claims["scope"] == "openid api:read"


def test_the_application_may_read_a_challenge_again_and_is_told_who_is_logged_in(site: Site) -> None:
    browser = site.app.browser()
    site.flow(browser)
    challenge = site.begin(browser)
    told = [site.application.post("/delegate/challenge", {"challenge": challenge}).json for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["session"]["subject"] == str(site.app.account)
    assert told[0]["session"]["username"] == USERNAME
    assert told[0]["session"]["sufficient"] is True


def test_an_account_may_be_named_by_its_id(site: Site) -> None:
    assert "code" in site.flow(site.app.browser(), subject=str(site.app.account), username="").query


def test_less_than_what_was_asked_for_may_be_allowed(site: Site) -> None:
    answer = site.flow(site.app.browser(), {"scope": "openid api:read api:write"}, scope="api:read")
    tokens = redeem(site.app, answer.query["code"])
    assert tokens.json["scope"] == "api:read"
    assert "id_token" not in tokens.json


def test_claims_that_are_asked_for_one_by_one_are_the_applications_to_allow_as_well(site: Site) -> None:
    site.app.add_user("jane", name="Jane Doe", email="janedoe@example.com")
    wish: dict[str, str | None] = {
        "scope": "openid api:read",
        "claims": dumps({"id_token": {"email": None, "name": None}}),
    }

    def identity(scope: str) -> dict[str, Any]:
        challenge = site.begin(site.app.browser(), **wish)
        told = site.application.post("/delegate/challenge", {"challenge": challenge}).json
        assert set(told["scope"].split()) == {"openid", "api:read", "profile", "email"}
        tokens = redeem(site.app, site.flow(site.app.browser(), wish, username="jane", scope=scope).query["code"]).json
        assert tokens["scope"] == "openid api:read"
        found: dict[str, Any] = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        return found

    assert {"email", "name"} <= set(identity(""))
    assert "name" not in identity("openid api:read email")
    assert not {"email", "name"} & set(identity("openid api:read"))


def test_consent_is_remembered_where_the_application_says_so(site: Site) -> None:
    user = site.app.add_user("remembering")
    browser = site.app.browser()
    given = {"subject": str(user), "username": ""}
    site.flow(browser, {"scope": "api:read"}, **given)
    assert site.begin(browser, scope="api:read", prompt=None), "not by itself"
    site.flow(browser, {"scope": "api:read"}, remember="true", **given)
    silent = authorize(site.app, browser, scope="api:read", prompt=None)
    assert silent.location.startswith(REDIRECT)
    assert "code" in silent.query


@pytest.mark.parametrize("error", ["access_denied", "login_required", "interaction_required"])
def test_what_is_rejected_is_told_to_the_client(site: Site, error: str) -> None:
    browser = site.app.browser()
    answer = site.flow(browser, decision="reject", username="", error=error, error_description="not today")
    assert (answer.query["error"], answer.query["error_description"]) == (error, "not today")
    assert answer.query["iss"] == site.app.settings.issuer
    assert "gl_session" not in browser.cookies


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"decision": ""}, "invalid_request"),
        ({"decision": "maybe"}, "invalid_request"),
        ({"username": ""}, "invalid_request"),
        ({"subject": "11111111-1111-7111-8111-111111111111"}, "invalid_request"),
        ({"username": "nobody"}, "invalid_request"),
        ({"username": "", "subject": "junk"}, "invalid_request"),
        ({"username": "", "subject": "11111111-1111-7111-8111-111111111111"}, "invalid_request"),
        ({"scope": "openid api:read api:write"}, "invalid_scope"),
        ({"scope": '"'}, "invalid_scope"),
        ({"amr": "A B"}, "invalid_request"),
        ({"acr": "a b"}, "invalid_request"),
        ({"auth_time": "soon"}, "invalid_request"),
        ({"auth_time": "99999999999"}, "invalid_request"),
        ({"remember": "yes"}, "invalid_request"),
        ({"decision": "reject", "error": "server_error"}, "invalid_request"),
        ({"decision": "reject", "error_description": 'a "quote"'}, "invalid_request"),
        ({"decision": "reject", "error_description": "x" * 201}, "invalid_request"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_refused_and_may_be_given_again(
    site: Site, values: dict[str, str], error: str
) -> None:
    browser = site.app.browser()
    challenge = site.begin(browser)
    is_refused(site.answer(challenge, **values), error)
    assert "code" in browser.get(site.back(challenge)).query


def test_a_challenge_is_answered_once(site: Site) -> None:
    challenge = site.begin(site.app.browser())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: site.answer(challenge).status, range(6)))
    assert sorted(answers) == [200] + [400] * 5
    is_refused(site.application.post("/delegate/challenge", {"challenge": challenge}), "invalid_request")


def test_no_other_client_answers(site: Site) -> None:
    browser = site.app.browser()
    challenge = site.begin(browser)
    for name in ("web", "spa", "resource_server"):
        other = client_of(site.app, name)
        is_refused(site.answer(challenge, other), "unauthorized_client")
        is_refused(other.post("/delegate/challenge", {"challenge": challenge}), "unauthorized_client")
    claimed = {"challenge": challenge, "decision": "accept", "username": USERNAME}
    named = claimed | {"client_id": site.application.client_id}
    is_refused(site.app.browser().post("/delegate/login", named), "invalid_client", 401)
    wrong = named | {"client_secret": "wrong"}
    is_refused(site.app.browser().post("/delegate/login", wrong), "invalid_client", 401)
    assert "code" in browser.get(site.back(challenge)).query, "and nothing happened to it"


@pytest.mark.parametrize("spoilt", ["", "junk", "x" * 43, "x" * 5000, "\u00e4"])
def test_a_challenge_of_somebody_elses_making_is_refused(site: Site, spoilt: str) -> None:
    given = {"decision": "accept", "username": USERNAME}
    is_refused(site.application.post("/delegate/login", given | {"challenge": spoilt}), "invalid_request")
    is_refused(site.application.post("/delegate/challenge", {"challenge": spoilt}), "invalid_request")


def test_a_challenge_that_was_changed_is_refused(site: Site) -> None:
    challenge = site.begin(site.app.browser())
    key, _, proof = challenge.partition(".")
    other = site.begin(site.app.browser())
    for changed in (key, f"{key}.", f"{key}.{proof[:-1]}A", f"{other.partition('.')[0]}.{proof}", challenge + "x"):
        assert changed != challenge
        is_refused(site.answer(changed), "invalid_request")


def test_a_verifier_is_no_challenge_and_a_challenge_no_verifier(site: Site) -> None:
    browser = site.app.browser()
    challenge = site.begin(browser)
    assert browser.get(f"/login/delegate/return?verifier={challenge}").status == 400
    location = site.back(challenge)
    verifier = dict(parse_qsl(urlsplit(location).query))["verifier"]
    is_refused(site.answer(verifier), "invalid_request")
    assert browser.get(location).status == 303


def test_another_browser_cannot_come_back(site: Site) -> None:
    browser, other, fresh = site.app.browser(), site.app.browser(), site.app.browser()
    site.begin(other)
    location = site.back(site.begin(browser))
    for stranger in (other, fresh):
        refused = stranger.get(location)
        assert refused.status == 400
        assert "gl_session" not in stranger.cookies
    assert browser.get(location).status == 303, "and took it from nobody"


def test_a_verifier_counts_once(site: Site) -> None:
    browser = site.app.browser()
    location = site.back(site.begin(browser))
    assert browser.get(location).status == 303
    assert browser.get(location).status == 400


@pytest.mark.parametrize("verifier", ["", "junk", "x" * 43 + "." + "x" * 43])
def test_a_verifier_of_somebody_elses_making_is_refused(site: Site, verifier: str) -> None:
    browser = site.app.browser()
    site.begin(browser)
    assert browser.get(f"/login/delegate/return?verifier={verifier}").status == 400


def test_challenges_and_verifiers_that_are_gone_are_refused(site: Site) -> None:
    browser, transactions = site.app.browser(), site.app.service.ports.transactions
    challenge = site.begin(browser)
    site.app.run(transactions.take(delegated_login.KIND, challenge.partition(".")[0]))
    is_refused(site.answer(challenge), "invalid_request")
    location = site.back(site.begin(browser))
    verifier = dict(parse_qsl(urlsplit(location).query))["verifier"]
    site.app.run(transactions.take(delegated_login.VERDICT_KIND, verifier.partition(".")[0]))
    assert browser.get(location).status == 400


def test_our_own_pages_cannot_be_used_instead(site: Site) -> None:
    browser = site.app.browser()
    page = authorize(site.app, browser)
    tx = page.query["tx"]
    for path in ("/login", "/consent"):
        assert site.challenge_of(browser, browser.get(f"{path}?tx={tx}"))
    assert site.challenge_of(browser, browser.get(f"/login?tx={tx}&switch=1"))
    forged = browser.post("/login", {"tx": tx, "username": USERNAME, "password": PASSWORD, "csrf": "x"})
    assert forged.status == 400
    assert "gl_session" not in browser.cookies


def test_nobody_begins_without_a_request_of_his_own(site: Site) -> None:
    browser, other = site.app.browser(), site.app.browser()
    tx = authorize(site.app, browser).query["tx"]
    site.begin(other)
    for stranger in (other, site.app.browser()):
        assert stranger.get(f"/login/delegate?tx={tx}").status == 400
    for _ in range(16):
        assert browser.get(f"/login/delegate?tx={tx}").status == 303
    assert browser.get(f"/login/delegate?tx={tx}").status == 400, "so many, and no more"


def test_who_is_locked_before_he_is_back_gets_nothing(site: Site) -> None:
    user = site.app.add_user("locked-out")
    browser = site.app.browser()
    location = site.back(site.begin(browser), subject=str(user), username="")
    site.app.lock("locked-out")
    answer = browser.get(location)
    assert "code" not in answer.query or redeem(site.app, answer.query["code"]).status == 400
    challenge = site.begin(site.app.browser())
    is_refused(site.answer(challenge, subject=str(user), username=""), "invalid_request")


def test_an_old_login_does_not_do_where_a_fresh_one_is_asked_for(site: Site) -> None:
    old = site.flow(site.app.browser(), {"prompt": "login"}, auth_time="1700000000")
    assert old.query["error"] == "login_required"
    assert "code" in site.flow(site.app.browser(), {"prompt": "login"}).query


def test_an_essential_class_is_met_or_the_request_fails(site: Site) -> None:
    claims = f'{{"id_token": {{"acr": {{"essential": true, "values": ["{MFA}"]}}}}}}'
    missed = site.flow(site.app.browser(), {"claims": claims}, acr=PWD)
    assert missed.query["error"] == "unmet_authentication_requirements"
    assert "code" in site.flow(site.app.browser(), {"claims": claims}, amr="hwk user mfa").query


def test_silence_is_an_error_where_nobody_is_logged_in(site: Site) -> None:
    answer = authorize(site.app, site.app.browser(), prompt="none")
    assert answer.query["error"] == "login_required"


def test_pages_of_our_own_are_reached_by_the_application_as_well(site: Site) -> None:
    browser = site.app.browser()
    challenge = site.challenge_of(browser, browser.get("/account"))
    told: Any = site.application.post("/delegate/challenge", {"challenge": challenge}).json
    assert (told["client_id"], told["scope"]) == (None, "")
    arrived = browser.get(site.back(challenge))
    assert urlsplit(arrived.location).path == "/account"
    assert "Alice Example" in browser.follow(arrived).text
    stranger = site.app.browser()
    refused = stranger.get(site.back(site.challenge_of(stranger, stranger.get("/account")), decision="reject"))
    assert refused.status == 403


def test_devices_are_allowed_by_who_logged_in_there(site: Site) -> None:
    device, browser = ask(device_of(site.app), scope="api:read"), site.app.browser()
    answer = browser.follow(type_code(browser, device.user_code))
    arrived = browser.get(site.back(site.challenge_of(browser, answer)))
    page = browser.follow(arrived)
    assert browser.submit(page, decision="allow").status == 200
    tokens = device.poll()
    assert site.app.introspect(tokens.json["access_token"])["aud"] == API
