"""Refresh tokens and keys: whose are bound, whose stay, and what a wrong key does (RFC 9449 section 5, FAPI 2.0)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.app import NATIVE, WEB, Running, StartApp
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import VERIFIER, log_in
from tests.support.flows import Person, Tokens, event_types, given, is_active
from tests.support.proof_keys import ProofKey
from tests.support.request_objects import Signer, with_keys

STAYS = replace(WEB, name="Stays", rotate_refresh_tokens=False)
PUBLIC_STAYS = replace(NATIVE, name="Installed", rotate_refresh_tokens=False)


def ask(client: Client, key: ProofKey | None, /, **values: str) -> Answer:
    headers: Mapping[str, str] = {} if key is None else key.proof("POST", f"{client.url}/token")
    return client.post("/token", values, headers)


def refresh(client: Client, key: ProofKey | None, token: str, /, **values: str) -> Answer:
    return ask(client, key, grant_type="refresh_token", refresh_token=token, **values)


def first(app: Running, person: Person, name: str, key: ProofKey | None) -> Tokens:
    client = client_of(app, name)
    return given(ask(client, key, grant_type="authorization_code", code=person.code(name), code_verifier=VERIFIER))


@pytest.fixture(scope="module")
def stays(app: Running) -> Client:
    """A confidential client whose refresh tokens are not rotated where it proves a key."""
    app.clients["stays"] = app.register(STAYS)
    return client_of(app, "stays")


@pytest.fixture(scope="module")
def installed(app: Running) -> Client:
    """A public client that asked for the same."""
    app.clients["installed"] = app.register(
        replace(PUBLIC_STAYS, redirect_uris=WEB.redirect_uris, application_type="web")
    )
    return client_of(app, "installed")


def test_a_public_clients_refresh_token_in_other_hands_is_refused_unburnt(app: Running, person: Person) -> None:
    spa, key = client_of(app, "spa"), ProofKey()
    tokens = first(app, person, "spa", key)
    for _ in range(2):
        is_refused(refresh(spa, None, tokens.refresh), "invalid_grant")
        is_refused(refresh(spa, ProofKey(), tokens.refresh), "invalid_grant")
    assert event_types(app, tokens.refresh)[-1] == "code_redeemed"
    second = given(refresh(spa, key, tokens.refresh))
    assert app.introspect(second.access)["cnf"] == {"jkt": key.jkt}
    # the spent one, without its key, inside the window and as an old one: still nobody's business
    is_refused(refresh(spa, ProofKey(), tokens.refresh), "invalid_grant")
    third = given(refresh(spa, key, second.refresh))
    is_refused(refresh(spa, ProofKey(), tokens.refresh), "invalid_grant")
    assert all(is_active(app, each.access) for each in (tokens, second, third))


def test_with_its_key_a_reuse_is_a_reuse(app: Running, person: Person) -> None:
    spa, key = client_of(app, "spa"), ProofKey()
    tokens = first(app, person, "spa", key)
    second = given(refresh(spa, key, tokens.refresh))
    third = given(refresh(spa, key, second.refresh))
    is_refused(refresh(spa, key, tokens.refresh), "invalid_grant")
    assert not any(is_active(app, each.access) for each in (tokens, second, third))


def test_a_retry_needs_the_same_key_and_a_fresh_proof_and_gets_the_same_answer(app: Running, person: Person) -> None:
    spa, key = client_of(app, "spa"), ProofKey()
    tokens = first(app, person, "spa", key)
    headers = key.proof("POST", f"{spa.url}/token")
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    answer = spa.post("/token", form, headers)
    assert answer.status == 200, answer.text
    is_refused(spa.post("/token", form, headers), "invalid_dpop_proof")
    assert spa.post("/token", form, key.proof("POST", f"{spa.url}/token")).json == answer.json


def test_an_unbound_public_refresh_token_becomes_bound_with_the_first_key(app: Running, person: Person) -> None:
    spa, key = client_of(app, "spa"), ProofKey()
    tokens = first(app, person, "spa", None)
    second = given(refresh(spa, key, tokens.refresh))
    is_refused(refresh(spa, None, second.refresh), "invalid_grant")
    assert given(refresh(spa, key, second.refresh)).refresh


def test_a_thief_who_binds_a_stolen_refresh_token_is_found_out_when_its_owner_comes(
    app: Running, person: Person
) -> None:
    spa = client_of(app, "spa")
    tokens = first(app, person, "spa", None)
    stolen = given(refresh(spa, ProofKey(), tokens.refresh))
    further = given(refresh(spa, None, tokens.refresh))  # inside the window: its own access token, the same successor
    assert further.refresh == stolen.refresh
    is_refused(refresh(spa, None, stolen.refresh), "invalid_grant")


def test_a_confidential_client_brings_another_key_at_each_refresh(app: Running, person: Person, web: Client) -> None:
    keys = [ProofKey() for _ in range(3)]
    tokens = first(app, person, "web", keys[0])
    assert app.introspect(tokens.access)["cnf"] == {"jkt": keys[0].jkt}
    for key in keys[1:]:
        tokens = given(refresh(web, key, tokens.refresh))
        assert app.introspect(tokens.access)["cnf"] == {"jkt": key.jkt}
    plain = given(refresh(web, None, tokens.refresh))
    assert "cnf" not in app.introspect(plain.access)


def test_another_key_inside_the_window_is_another_request(app: Running, person: Person, web: Client) -> None:
    one, two = ProofKey(), ProofKey()
    tokens = first(app, person, "web", one)
    answers = [given(refresh(web, key, tokens.refresh)) for key in (one, two)]
    assert answers[0].refresh == answers[1].refresh
    assert [app.introspect(each.access)["cnf"]["jkt"] for each in answers] == [one.jkt, two.jkt]


def test_where_rotation_is_off_the_refresh_token_stays_and_every_answer_names_it(
    app: Running, person: Person, stays: Client
) -> None:
    tokens = first(app, person, "stays", ProofKey())
    seen = {tokens.access}
    for _ in range(4):
        again = given(refresh(stays, ProofKey(), tokens.refresh))
        assert again.refresh == tokens.refresh
        seen.add(again.access)
    assert len(seen) == 5
    assert all(is_active(app, text) for text in seen)
    assert event_types(app, tokens.refresh) == ["authorized", "code_redeemed", *["refreshed"] * 4]


def test_where_rotation_is_off_but_nothing_is_proven_it_is_on(app: Running, person: Person, stays: Client) -> None:
    tokens = first(app, person, "stays", None)
    second = given(refresh(stays, None, tokens.refresh))
    assert second.refresh != tokens.refresh


def test_a_public_client_keeps_a_refresh_token_only_when_it_is_bound(
    app: Running, person: Person, installed: Client
) -> None:
    key = ProofKey()
    tokens = first(app, person, "installed", None)
    second = given(refresh(installed, key, tokens.refresh))
    assert second.refresh != tokens.refresh
    assert given(refresh(installed, key, second.refresh)).refresh == second.refresh
    is_refused(refresh(installed, ProofKey(), second.refresh), "invalid_grant")


def test_many_at_once_all_get_a_token_where_nothing_is_spent(app: Running, person: Person, stays: Client) -> None:
    tokens = first(app, person, "stays", ProofKey())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: given(refresh(stays, ProofKey(), tokens.refresh)), range(8)))
    assert len({answer.access for answer in answers}) == 8
    assert {answer.refresh for answer in answers} == {tokens.refresh}


def test_a_refresh_token_that_stays_dies_with_its_family(app: Running, person: Person, stays: Client) -> None:
    tokens = first(app, person, "stays", ProofKey())
    second = given(refresh(stays, ProofKey(), tokens.refresh))
    assert stays.revoke(tokens.refresh).status == 200
    is_refused(refresh(stays, ProofKey(), tokens.refresh), "invalid_grant")
    assert not is_active(app, second.access)


def test_a_refresh_token_that_stays_idles_out_and_every_use_keeps_it(start_app: StartApp) -> None:
    app = start_app(refresh_idle_lifetime=3)
    app.clients["stays"] = app.register(STAYS)
    person, client = Person(app), client_of(app, "stays")
    tokens = first(app, person, "stays", ProofKey())
    for _ in range(2):
        app.pass_seconds(2)
        assert refresh(client, ProofKey(), tokens.refresh).status == 200
    app.pass_seconds(3.1)
    is_refused(refresh(client, ProofKey(), tokens.refresh), "invalid_grant")


def test_a_client_held_to_fapi2_keeps_its_refresh_token_and_brings_any_key(app: Running) -> None:
    """FAPI 2.0 Security Profile 5.3.2.1: "shall not use refresh token rotation"."""
    metadata = with_keys(
        "ES256",
        profile="fapi2",
        redirect_uris=WEB.redirect_uris,
        grant_types=("authorization_code", "refresh_token"),
        dpop_bound_access_tokens=True,
        id_token_signed_response_alg="ES256",
    )
    signer = Signer(app, app.register(metadata))
    browser, url = app.browser(), f"{app.settings.issuer}/token"
    page = log_in(browser, browser.follow(signer.authorize(browser, request_uri=signer.pushed())))
    code = browser.submit(page, decision="allow").query["code"]

    def token(key: ProofKey | None, /, **values: str) -> Answer:
        headers = {} if key is None else key.proof("POST", url)
        return app.browser().post("/token", values | signer.assertion(), headers)

    tokens = given(token(ProofKey(), grant_type="authorization_code", code=code, code_verifier=VERIFIER))
    for _ in range(2):
        key = ProofKey()
        again = given(token(key, grant_type="refresh_token", refresh_token=tokens.refresh))
        assert again.refresh == tokens.refresh
        assert app.introspect(again.access)["cnf"] == {"jkt": key.jkt}
    assert token(None, grant_type="refresh_token", refresh_token=tokens.refresh).status == 400
    assert event_types(app, tokens.refresh) == ["authorized", "code_redeemed", "refreshed", "refreshed"]
