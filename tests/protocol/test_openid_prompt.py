"""OpenID Connect Core section 3.1.2.1: who is asked what, and what is said where nobody may be asked."""

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from tests.support.app import NATIVE, PASSWORD, REDIRECT, SPA, USERNAME, WEB, Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, consent_page, log_in, parameters, redeem
from tests.support.request_objects import Signer
from tests.support.second_factor import form_for, give_code, second_page, with_totp

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.acr import MFA, PWD

UNMET = "unmet_authentication_requirements"


def client(app: Running, metadata: ClientMetadata = WEB) -> str:
    """A client that nobody has allowed anything yet; its name in ``app.clients``."""
    made = app.register(metadata)
    app.clients[made.client_id] = made
    return made.client_id


def ask(app: Running, browser: Browser, name: str, /, **changes: str | None) -> Answer:
    """What ``/authorize`` answers; without ``prompt`` where ``changes`` have none."""
    return authorize(app, browser, name, **({"prompt": None} | changes))


def silently(app: Running, browser: Browser, name: str, /, **changes: str | None) -> dict[str, str]:
    """What a request that nobody may be asked about is answered."""
    answer = ask(app, browser, name, **({"prompt": "none"} | changes))
    assert answer.status == 303, answer.text
    assert (answer.header("Location") or "").startswith(changes.get("redirect_uri") or REDIRECT)
    return answer.query


def allowed(app: Running, name: str, username: str = USERNAME, /, **changes: str | None) -> tuple[Browser, str]:
    """A browser whose person has logged in and allowed the client, and the ID token that came of it."""
    browser = app.browser()
    page = browser.follow(ask(app, browser, name, prompt="login consent", **changes))
    answer = browser.submit(log_in(browser, page, username), decision="allow")
    tokens = redeem(app, answer.query["code"], name)
    assert tokens.status == 200, tokens.text
    return browser, tokens.json["id_token"]


def somebody(app: Running, username: str) -> str:
    """One more user, by this name in this application."""
    app.add_user(username)
    return username


def test_who_has_allowed_it_before_is_answered_in_silence(app: Running) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    found = silently(app, browser, name)
    assert set(found) == {"code", "state", "iss"}
    assert redeem(app, found["code"], name).status == 200


def test_without_prompt_the_page_is_left_out_and_with_consent_it_is_not(app: Running) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    assert "code" in ask(app, browser, name).query
    assert "/consent?tx=" in ask(app, browser, name, prompt="consent").location


def test_more_than_was_allowed_is_asked_about(app: Running) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    for scope in ("openid api:read api:write", "openid api:read offline_access"):
        assert silently(app, browser, name, scope=scope)["error"] == "consent_required"
        assert "/consent?tx=" in ask(app, browser, name, scope=scope).location


def test_a_stranger_is_to_log_in(app: Running) -> None:
    assert silently(app, app.browser(), client(app))["error"] == "login_required"


@pytest.mark.parametrize("changes", [{"max_age": "0"}, {"max_age": "1"}], ids=str)
def test_who_logged_in_too_long_ago_is_to_log_in_again(app: Running, changes: dict[str, str]) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    app.pass_seconds(2.1)
    assert silently(app, browser, name, **changes)["error"] == "login_required"
    page = ask(app, browser, name, **changes)
    assert "/login?tx=" in page.location
    # after that the consent of before counts
    done = browser.submit(browser.follow(page), username=USERNAME, password=PASSWORD)
    assert "code" in browser.follow(done).query


def test_a_default_max_age_counts_where_the_request_names_none(app: Running) -> None:
    name = client(app, replace(WEB, default_max_age=1))
    browser, _ = allowed(app, name)
    app.pass_seconds(2.1)
    assert silently(app, browser, name)["error"] == "login_required"
    assert "code" in silently(app, browser, name, max_age="1000")


def test_a_silent_request_by_post_is_answered_by_who_is_logged_in(app: Running) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    asked = parameters(app, name, prompt="none")
    # a browser does not send cookies of ours with another site's form, and does with the redirect after it
    posted = app.browser().post(
        "/authorize", asked, {"Sec-Fetch-Site": "cross-site", "Origin": "https://client.example"}
    )
    assert (posted.status, posted.location.partition("?")[0]) == (303, f"{app.url}/authorize")
    assert "code" in browser.follow(posted).query
    assert app.browser().follow(posted).query["error"] == "login_required"
    # a longer one is answered as it came
    long = app.browser().post("/authorize", asked | {"nonce": "n" * 500, "x": "x" * 4000})
    assert long.query["error"] == "login_required"


def test_auth_time_tells_when_it_was(app: Running) -> None:
    name = client(app)
    browser, first = allowed(app, name)
    app.pass_seconds(1.1)
    found = silently(app, browser, name)
    second = redeem(app, found["code"], name).json["id_token"]
    assert claims_of(first)["auth_time"] == claims_of(second)["auth_time"]
    page = browser.follow(ask(app, browser, name, prompt="login"))
    done = browser.follow(browser.submit(page, username=USERNAME, password=PASSWORD))
    third = redeem(app, done.query["code"], name).json["id_token"]
    assert claims_of(third)["auth_time"] > claims_of(first)["auth_time"]


def claims_of(text: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    return claims


def test_select_account_offers_who_is_logged_in_and_anybody_else(app: Running) -> None:
    name, other = client(app), somebody(app, "selected")
    browser, _ = allowed(app, name)
    page = browser.follow(ask(app, browser, name, prompt="select_account"))
    assert page.status == 200
    assert "Continue as" in page.text
    chosen = form_for(page, "/login/continue")
    answer = browser.follow(browser.post(chosen.action, chosen.values))
    assert "code" in answer.query

    again = browser.follow(ask(app, browser, name, prompt="select_account"))
    form = form_for(again, "/login")
    consent = browser.follow(browser.post(form.action, form.values | {"username": other, "password": PASSWORD}))
    assert consent.status == 200, "another person has allowed nothing"
    assert "code" in browser.submit(consent, decision="allow").query


@pytest.mark.parametrize(
    "wanted", [{"prompt": "select_account login"}, {"prompt": "select_account", "max_age": "0"}], ids=str
)
def test_nobody_is_offered_to_go_on_who_has_to_log_in_again_anyway(app: Running, wanted: dict[str, str]) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    page = browser.follow(ask(app, browser, name, **wanted))
    assert page.status == 200
    assert "Continue as" not in page.text
    form = form_for(page, "/login")
    done = browser.follow(browser.post(form.action, form.values | {"username": USERNAME, "password": PASSWORD}))
    assert "code" in done.query


def test_the_chosen_account_is_not_skipped_to(app: Running) -> None:
    name = client(app)
    browser, _ = allowed(app, name)
    answer = ask(app, browser, name, prompt="select_account")
    assert "/login?tx=" in browser.get(answer.location.replace("/login?", "/consent?")).location


class TestIdTokenHint:
    """``id_token_hint``: who is meant."""

    def test_the_one_who_is_meant_is_answered(self, app: Running) -> None:
        name = client(app)
        browser, token = allowed(app, name)
        assert "code" in silently(app, browser, name, id_token_hint=token)
        assert "code" in ask(app, browser, name, id_token_hint=token).query

    def test_somebody_else_is_to_log_in(self, app: Running) -> None:
        name, other = client(app), somebody(app, "hinted")
        browser, _ = allowed(app, name)
        _, theirs = allowed(app, name, other)
        assert silently(app, browser, name, id_token_hint=theirs)["error"] == "login_required"
        # with a page: the other one may log in, and only he
        page = browser.follow(ask(app, browser, name, id_token_hint=theirs))
        assert "/login" in page.url
        wrong = browser.follow(browser.submit(page, username=USERNAME, password=PASSWORD))
        assert wrong.query["error"] == "login_required"
        page = browser.follow(ask(app, browser, name, id_token_hint=theirs))
        right = browser.follow(browser.submit(page, username=other, password=PASSWORD))
        assert "code" in right.query

    def test_pairwise_subjects_are_understood(self, app: Running) -> None:
        name = client(app, replace(WEB, subject_type="pairwise", sector_identifier="client.example"))
        browser, token = allowed(app, name)
        assert claims_of(token)["sub"] != str(app.account)
        assert "code" in silently(app, browser, name, id_token_hint=token)
        assert "code" in silently(app, browser, name, claims=subject(claims_of(token)["sub"]))
        assert silently(app, browser, name, claims=subject(str(app.account)))["error"] == "login_required"

    def test_it_has_to_be_an_id_token_of_ours_for_this_client(self, app: Running) -> None:
        name, another = client(app), client(app)
        browser, token = allowed(app, name)
        _, foreign = allowed(app, another)
        header, payload, signature = token.split(".")
        none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
        changed = base64.urlsafe_b64encode(json.dumps(claims_of(token) | {"sub": "x"}).encode()).decode().rstrip("=")
        for text in (
            foreign,
            f"{none}.{payload}.",
            f"{none}.{payload}.{signature}",
            f"{header}.{changed}.{signature}",
            f"{header}.{payload}.{signature[:-8]}",
            jwt.encode(claims_of(token), "secret" * 10, algorithm="HS256"),
            "nonsense",
            "a.b.c",
            "a.b.c.d.e",
            "x" * 20_000,
        ):
            if len(text) < 8_000:
                assert silently(app, browser, name, id_token_hint=text)["error"] == "invalid_request", text[:40]

    def test_an_expired_one_is_good_enough(self, app: Running) -> None:
        name = client(app)
        browser, token = allowed(app, name)
        past = claims_of(token) | {"exp": 1_000_000_600, "iat": 1_000_000_000, "auth_time": 1_000_000_000}
        expired, _ = app.run(app.service.ports.signer.sign("RS256", past, "JWT"))
        assert "code" in silently(app, browser, name, id_token_hint=expired)

    @pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "token-introspection+jwt", "oauth-authz-resp+jwt"])
    def test_another_jwt_of_ours_is_no_hint(self, app: Running, typ: str) -> None:
        name = client(app)
        browser, token = allowed(app, name)
        other, _ = app.run(app.service.ports.signer.sign("RS256", claims_of(token), typ))
        assert silently(app, browser, name, id_token_hint=other)["error"] == "invalid_request"

    def test_it_may_be_pushed_and_stand_in_a_request(self, app: Running) -> None:
        name = client(app)
        browser, token = allowed(app, name)
        pusher = Signer(app, app.clients[name])
        uri = pusher.pushed(id_token_hint=token, prompt="none")
        assert "code" in pusher.authorize(browser, request_uri=uri).query


def subject(sub: str) -> str:
    """``claims`` that name who has to be logged in."""
    return json.dumps({"id_token": {"sub": {"value": sub}}})


def test_a_subject_in_claims_is_who_has_to_be_logged_in(app: Running) -> None:
    name = client(app)
    browser, token = allowed(app, name)
    assert "code" in silently(app, browser, name, claims=subject(claims_of(token)["sub"]))
    assert silently(app, browser, name, claims=subject("somebody else"))["error"] == "login_required"
    both = silently(app, browser, name, claims=subject("somebody else"), id_token_hint=token)
    assert both["error"] == "invalid_request"


def essential(*classes: str) -> str:
    """``claims`` by which one of these classes is essential."""
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(classes)}}})


class TestAcr:
    """``acr_values`` and an essential ``acr``."""

    @pytest.mark.parametrize("classes", [(MFA,), ("urn:mace:incommon:iap:silver",)], ids=str)
    def test_an_essential_class_that_nobody_can_meet_fails(self, app: Running, classes: tuple[str, ...]) -> None:
        name = client(app)
        browser, _ = allowed(app, name)
        assert silently(app, browser, name, claims=essential(*classes))["error"] == UNMET
        assert ask(app, browser, name, claims=essential(*classes)).query["error"] == UNMET
        # also for who only logs in now
        stranger = app.browser()
        page = stranger.follow(ask(app, stranger, name, claims=essential(*classes)))
        done = stranger.follow(stranger.submit(page, username=USERNAME, password=PASSWORD))
        assert done.query["error"] == UNMET

    def test_an_essential_class_that_is_met_is_told(self, app: Running) -> None:
        name = client(app)
        browser, _ = allowed(app, name)
        found = silently(app, browser, name, claims=essential("urn:x", PWD))
        assert claims_of(redeem(app, found["code"], name).json["id_token"])["acr"] == PWD

    def test_a_voluntary_class_that_cannot_be_met_is_no_error_and_the_truth_is_told(self, app: Running) -> None:
        name = client(app)
        browser, _ = allowed(app, name)
        for changes in ({"acr_values": MFA}, {"claims": json.dumps({"id_token": {"acr": {"value": MFA}}})}):
            found = silently(app, browser, name, **changes)
            assert claims_of(redeem(app, found["code"], name).json["id_token"])["acr"] == PWD
            assert "code" in ask(app, browser, name, **changes).query

    def test_who_has_a_second_factor_is_asked_for_it_and_the_token_says_so(self, app: Running) -> None:
        name, factor, browser = client(app), with_totp(app, "stepping"), app.browser()
        page = browser.follow(ask(app, browser, name, claims=essential(MFA)))
        consent = browser.follow(give_code(browser, second_page(browser, page, "stepping"), factor.code()))
        done = browser.submit(consent, decision="allow")
        told = claims_of(redeem(app, done.query["code"], name).json["id_token"])
        assert told["acr"] == MFA
        assert "otp" in told["amr"]
        assert "code" in silently(app, browser, name, claims=essential(MFA))


class TestPublicClients:
    """RFC 8252 section 8.6: nothing proves who a client on this device is."""

    @pytest.mark.parametrize("uri", ["com.example.app:/callback", "http://127.0.0.1:5123/callback"])
    def test_on_loopback_or_its_own_scheme_a_page_is_always_shown(self, app: Running, uri: str) -> None:
        name = client(app, NATIVE)
        browser = app.browser()
        page = consent_page(app, browser, name, redirect_uri=uri)
        first = browser.submit(page, decision="allow")
        assert "code=" in (first.header("Location") or "")
        assert "/consent?tx=" in ask(app, browser, name, redirect_uri=uri).location
        location = ask(app, browser, name, redirect_uri=uri, prompt="none").header("Location") or ""
        assert location.startswith(uri + "?error=interaction_required")

    def test_on_the_web_its_redirect_uri_is_proof_enough(self, app: Running) -> None:
        name = client(app, SPA)
        browser = app.browser()
        assert "code" in browser.submit(consent_page(app, browser, name), decision="allow").query
        assert "code" in silently(app, browser, name)
