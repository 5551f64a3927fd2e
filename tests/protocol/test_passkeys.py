"""Passkeys (WebAuthn level 2, sections 7.1 and 7.2): our origin, our RP id, our challenge, once, by a verified user."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.app import PASSWORD, Running, StartApp, running, settings_for
from tests.support.code_flow import authorize, login_page
from tests.support.passkey import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator, encoded, options_of
from tests.support.passkey_owner import (
    NEW,
    ORIGIN,
    RP_ID,
    SECURITY,
    Owner,
    at_security,
    challenged,
    claims_of,
    enrol,
    give_key,
    new_key,
    new_owner,
)
from tests.support.second_factor import STEP_UP, second_page, send, state_of
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


def test_the_page_may_run_one_script_of_ours_and_no_other(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    policy = page.header("Content-Security-Policy") or ""
    assert "script-src 'self';" in policy
    assert "connect-src" not in policy
    name = page.text.split('<script type="module" src="', 1)[1].split('"', 1)[0]
    script = browser.get(name)
    assert script.status == 200
    assert script.header("Content-Type") == "text/javascript; charset=utf-8"
    assert "immutable" in (script.header("Cache-Control") or "")
    assert "<script>" not in page.text


def test_what_the_browser_is_asked(app: Running, owner: Owner) -> None:
    _, page = challenged(app, owner)
    options = options_of(page)
    assert options["rpId"] == RP_ID
    assert options["userVerification"] == "required"
    assert [known["id"] for known in options["allowCredentials"]] == [encoded(owner.key.credential_id)]


def test_a_passkey_completes_the_login_and_claims_no_hardware(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    answer = give_key(browser, page, owner.key.get(options_of(page)))
    claims = claims_of(app, browser, browser.follow(answer))
    assert (claims["acr"], claims["amr"]) == (MFA, ["pwd", "pop", "user", "mfa"])


def test_a_synced_passkey_is_told_as_software(app: Running) -> None:
    app.add_user("synced")
    browser, key = app.browser(), new_key(flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP)
    at_security(app, browser, "synced")
    assert enrol(browser, key).status == 303
    other = app.browser()
    page = second_page(other, login_page(app, other), "synced")
    answer = give_key(other, page, key.get(options_of(page)))
    assert claims_of(app, other, other.follow(answer))["amr"] == ["pwd", "swk", "user", "mfa"]


def lie(**changes: Any) -> Callable[[Authenticator], None]:
    def change(key: Authenticator) -> None:
        for name, value in changes.items():
            setattr(key, name, value)

    return change


LIES = pytest.mark.parametrize(
    "change",
    [
        lie(origin="https://evil.example"),
        lie(origin="https://login.example.evil.example"),
        lie(origin="http://login.example"),
        lie(rp_id="evil.example"),
        lie(flags=PRESENT),
        lie(flags=VERIFIED),
        lie(flags=0),
    ],
    ids=["origin", "longer origin", "http", "rp id", "user not verified", "user not present", "nobody"],
)


@LIES
def test_a_key_that_signed_for_something_else_is_refused(
    app: Running, owner: Owner, change: Callable[[Authenticator], None]
) -> None:
    browser, page = challenged(app, owner)
    liar = Authenticator(**vars(owner.key))
    change(liar)
    answer = give_key(browser, page, liar.get(options_of(page)))
    assert answer.status == 403
    assert "__Host-gl_session" not in answer.set_cookies


@LIES
def test_a_key_that_was_made_for_something_else_is_not_enrolled(
    app: Running, change: Callable[[Authenticator], None], request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    account = app.add_user(name)
    browser, key = app.browser(), new_key()
    at_security(app, browser, name)
    change(key)
    assert enrol(browser, key).status == 403
    assert state_of(app, account).factors == ()


def test_a_frame_of_another_site_gets_nothing(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    assert give_key(browser, page, owner.key.get(options_of(page), crossOrigin=True)).status == 403


def test_an_answer_is_of_its_own_kind(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    assert give_key(browser, page, owner.key.get(options_of(page), type="webauthn.create")).status == 403
    browser, page = challenged(app, owner)
    assert give_key(browser, page, owner.key.get(options_of(page), type="payment.get")).status == 403


def test_a_challenge_is_good_once_and_for_its_own_login(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    other, elsewhere = challenged(app, owner)
    answer = owner.key.get(options_of(page))
    assert give_key(other, elsewhere, answer).status == 403
    # what is asked for once more is a challenge of its own
    assert give_key(browser, page, owner.key.get({"challenge": encoded(b"c" * 32)})).status == 403
    assert give_key(browser, page, answer).status == 403
    fresh = browser.get(page.url)
    good = owner.key.get(options_of(fresh))
    assert give_key(browser, fresh, good).status == 303
    again, page = challenged(app, owner)
    assert give_key(again, page, good).status == 403


def test_a_counter_that_does_not_rise_is_a_clone(app: Running, owner: Owner) -> None:
    clone = Authenticator(**vars(owner.key))
    browser, page = challenged(app, owner)
    assert give_key(browser, page, owner.key.get(options_of(page))).status == 303
    browser, page = challenged(app, owner)
    assert give_key(browser, page, clone.get(options_of(page))).status == 403


def test_of_a_key_and_its_clone_at_once_one_gets_in(app: Running, owner: Owner) -> None:
    clone = Authenticator(**vars(owner.key))
    both = [(*challenged(app, owner), key) for key in (owner.key, clone)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: give_key(each[0], each[1], each[2].get(options_of(each[1]))), both))
    assert sorted(answer.status for answer in answers) == [303, 403]


def test_a_key_without_a_counter_may_say_zero_for_ever(app: Running) -> None:
    app.add_user("uncounted")
    browser, key = app.browser(), new_key(counter=0)
    at_security(app, browser, "uncounted")
    assert enrol(browser, key).status == 303
    for _ in range(2):
        other = app.browser()
        page = second_page(other, login_page(app, other), "uncounted")
        assert give_key(other, page, key.get(options_of(page))).status == 303


def test_a_key_of_somebody_else_is_no_key_of_mine(app: Running, owner: Owner) -> None:
    app.add_user("stranger")
    browser, key = app.browser(), new_key()
    at_security(app, browser, "stranger")
    assert enrol(browser, key).status == 303
    other, page = challenged(app, owner)
    assert give_key(other, page, key.get(options_of(page))).status == 403
    # nor under the owner's name, by a signature that is not his key's
    key.credential_id = owner.key.credential_id
    other, page = challenged(app, owner)
    assert give_key(other, page, key.get(options_of(page))).status == 403
    # WebAuthn 7.2 step 6: the user handle names the owner of the key
    liar = Authenticator(**vars(owner.key))
    liar.user_handle = key.user_handle
    other, page = challenged(app, owner)
    assert give_key(other, page, liar.get(options_of(page))).status == 403


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"id": 1}',
        "[" * 10_000,
        "x" * 50_000,
        json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}),
        json.dumps(
            {
                "id": "AA",
                "rawId": "AA",
                "type": "public-key",
                "response": {
                    "clientDataJSON": "AA",
                    "authenticatorData": "AA",
                    "signature": "AA",
                    "attestationObject": "oA",
                },
            }
        ),
    ],
    ids=range(11),
)
def test_junk_is_refused_and_never_an_error_of_ours(app: Running, owner: Owner, answer: str) -> None:
    browser, page = challenged(app, owner)
    assert give_key(browser, page, answer).status == 403
    login = login_page(app, app.browser())
    assert login.status == 200
    fresh = app.browser()
    login = login_page(app, fresh)
    assert send(fresh, login, "/login/passkey", passkey=answer).status == 403


def test_a_spoilt_answer_is_refused_wherever_it_is_spoilt(app: Running, owner: Owner) -> None:
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        browser, page = challenged(app, owner)
        good = json.loads(owner.key.get(options_of(page)))
        for spoilt in (good["response"][name][:-8], "", good["response"][name] + "AAAA", "AAAA"):
            response = good["response"] | {name: spoilt}
            assert give_key(browser, page, json.dumps(good | {"response": response})).status == 403
            page = browser.get(page.url)
            good = json.loads(owner.key.get(options_of(page)))


def test_junk_is_not_enrolled(app: Running) -> None:
    account = app.add_user("junk maker")
    browser = app.browser()
    at_security(app, browser, "junk maker")
    page = browser.get(NEW)
    good = json.loads(new_key().create(options_of(page)))
    for name in ("clientDataJSON", "attestationObject"):
        for spoilt in (good["response"][name][:-9], "", "AAAA", "oWNmbXRkbm9uZQ"):
            response = good["response"] | {name: spoilt}
            answer = json.dumps(good | {"response": response})
            assert send(browser, browser.get(NEW), NEW, passkey=answer).status == 403
    assert state_of(app, account).factors == ()


def test_a_passkey_is_enrolled_once_and_known_ones_are_left_out(app: Running, owner: Owner) -> None:
    browser, page = challenged(app, owner)
    give_key(browser, page, owner.key.get(options_of(page)))
    new = browser.get(NEW)
    options = options_of(new)
    assert [known["id"] for known in options["excludeCredentials"]] == [encoded(owner.key.credential_id)]
    assert options["rp"]["id"] == RP_ID
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    again = Authenticator(**vars(owner.key))
    assert "is enrolled already" in send(browser, new, NEW, passkey=again.create(options)).text
    # whoever got here by the challenge of another session has made nothing either
    late = send(browser, new, NEW, passkey=new_key().create(options))
    assert late.status == 403
    assert len(state_of(app, owner.account).factors) == 1


def test_who_has_a_passkey_shows_it_before_he_changes_anything_else(app: Running) -> None:
    app.add_user("careful")
    browser, key = app.browser(), new_key()
    at_security(app, browser, "careful")
    assert enrol(browser, key).status == 303
    assert browser.get(SECURITY).status == 200
    for path in ("/passkey", "/totp", "/password"):
        assert "/login?tx=" in browser.get(SECURITY + path).location
    login = browser.get(SECURITY + "/password")
    asked = browser.get(login.location.removeprefix(ORIGIN))
    assert STEP_UP in asked.location
    page = browser.get(asked.location.removeprefix(ORIGIN))
    done = give_key(browser, page, key.get(options_of(page)))
    assert done.location == ORIGIN + SECURITY
    assert browser.get(SECURITY + "/password").status == 200


def test_an_address_has_no_passkeys_and_no_script(start_app: StartApp) -> None:
    app = start_app()
    browser = app.browser()
    page = login_page(app, browser)
    assert "passkey" not in page.text
    assert "script-src" not in (page.header("Content-Security-Policy") or "")
    done = send(browser, browser.follow(browser.get(SECURITY)), "/login", username="alice", password=PASSWORD)
    assert browser.follow(done).status == 200
    assert browser.get(NEW).status == 404
    assert authorize(app, browser).status == 303
