"""What binds a code to who asked for it: PKCE, the redirect URI, a DPoP key (RFC 7636, RFC 9700 2.1.1, RFC 9449 10)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.app import LOOPBACK, REDIRECT, SPA, WEB, Running, StartApp
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import VERIFIER, parameters
from tests.support.flows import Person, event_types, given, is_active
from tests.support.proof_keys import ProofKey

PKCE = ("code_challenge", "code_challenge_method")
NO_PKCE: dict[str, Any] = dict.fromkeys(PKCE)


@pytest.fixture(scope="module")
def excused(app: Running) -> Client:
    """A confidential client that an operator has excused from PKCE."""
    app.clients["excused"] = app.register(replace(WEB, name="Excused", pkce_optional=True))
    return client_of(app, "excused")


def redeem(client: Client, code: str, /, headers: dict[str, str] | None = None, **values: str) -> Answer:
    return client.post("/token", {"grant_type": "authorization_code", "code": code, **values}, headers)


def test_without_pkce_the_redirect_uri_binds_the_code(app: Running, person: Person, excused: Client) -> None:
    code = person.code("excused", **NO_PKCE)
    is_refused(redeem(excused, code), "invalid_request")
    is_refused(redeem(excused, code, redirect_uri=LOOPBACK), "invalid_grant")
    assert given(redeem(excused, code, redirect_uri=REDIRECT)).access


def test_a_verifier_without_a_challenge_is_refused_and_burns_nothing(
    app: Running, person: Person, excused: Client
) -> None:
    """RFC 9700 section 4.8.2: the PKCE downgrade."""
    code = person.code("excused", **NO_PKCE)
    is_refused(redeem(excused, code, redirect_uri=REDIRECT, code_verifier=VERIFIER), "invalid_grant")
    first = given(redeem(excused, code, redirect_uri=REDIRECT))
    is_refused(redeem(excused, code, redirect_uri=REDIRECT, code_verifier=VERIFIER), "invalid_grant")
    assert is_active(app, first.access)


def test_a_replay_without_pkce_kills_the_family_when_the_redirect_uri_is_proven(
    app: Running, person: Person, excused: Client
) -> None:
    code = person.code("excused", **NO_PKCE)
    first = given(redeem(excused, code, redirect_uri=REDIRECT))
    is_refused(redeem(excused, code), "invalid_request")
    is_refused(redeem(excused, code, redirect_uri=LOOPBACK), "invalid_grant")
    assert is_active(app, first.access)
    is_refused(redeem(excused, code, redirect_uri=REDIRECT), "invalid_grant")
    assert not is_active(app, first.access)


def test_who_was_excused_may_use_pkce_all_the_same_and_is_held_to_it(
    app: Running, person: Person, excused: Client
) -> None:
    code = person.code("excused")
    is_refused(redeem(excused, code, redirect_uri=REDIRECT), "invalid_grant")
    assert given(redeem(excused, code, code_verifier=VERIFIER)).access


@pytest.mark.parametrize("name", ["web", "spa"])
def test_nobody_else_is_let_through_without_pkce(app: Running, person: Person, name: str) -> None:
    assert person.code(name)
    answer = person.browser.get("/authorize?" + urlencode(parameters(app, name, **NO_PKCE)))
    assert answer.query["error"] == "invalid_request"


def test_a_public_client_is_never_excused(app: Running, person: Person) -> None:
    app.clients["excused spa"] = app.register(replace(SPA, name="Excused page", pkce_optional=True))
    assert person.code("excused spa")
    answer = person.browser.get("/authorize?" + urlencode(parameters(app, "excused spa", **NO_PKCE)))
    assert answer.query["error"] == "invalid_request"


def test_the_certification_profile_excuses_confidential_clients(start_app: StartApp) -> None:
    app = start_app(profile="oidc")
    person = Person(app)
    web = client_of(app)
    code = person.code("web", **NO_PKCE)
    is_refused(redeem(web, code, redirect_uri=REDIRECT, code_verifier=VERIFIER), "invalid_grant")
    assert given(redeem(web, code, redirect_uri=REDIRECT)).access
    assert person.code("spa")
    answer = person.browser.get("/authorize?" + urlencode(parameters(app, "spa", **NO_PKCE)))
    assert answer.query["error"] == "invalid_request"


def proof(client: Client, key: ProofKey) -> dict[str, str]:
    return dict(key.proof("POST", f"{client.url}/token"))


@pytest.mark.parametrize("name", ["web", "spa"])
def test_a_bound_code_needs_its_key_and_survives_every_other(app: Running, person: Person, name: str) -> None:
    key, client = ProofKey(), client_of(app, name)
    code = person.code(name, dpop_jkt=key.jkt)
    is_refused(redeem(client, code, code_verifier=VERIFIER), "invalid_grant")
    is_refused(redeem(client, code, proof(client, ProofKey()), code_verifier=VERIFIER), "invalid_grant")
    answer = redeem(client, code, proof(client, key), code_verifier=VERIFIER)
    assert given(answer).answer.json["token_type"] == "DPoP"
    assert app.introspect(answer.json["access_token"])["cnf"] == {"jkt": key.jkt}
    is_refused(redeem(client, code, proof(client, ProofKey()), code_verifier=VERIFIER), "invalid_grant")
    assert is_active(app, answer.json["access_token"])
    is_refused(redeem(client, code, proof(client, key), code_verifier=VERIFIER), "invalid_grant")
    assert not is_active(app, answer.json["access_token"])


def test_a_proof_that_was_used_redeems_no_second_code(app: Running, person: Person, web: Client) -> None:
    key = ProofKey()
    headers = proof(web, key)
    assert redeem(web, person.code(), headers, code_verifier=VERIFIER).status == 200
    code = person.code()
    is_refused(redeem(web, code, headers, code_verifier=VERIFIER), "invalid_dpop_proof")
    assert given(redeem(web, code, proof(web, key), code_verifier=VERIFIER)).access


def test_a_proof_counts_once_also_where_the_code_was_refused(app: Running, person: Person, web: Client) -> None:
    headers = proof(web, ProofKey())
    is_refused(redeem(web, person.code(), headers, code_verifier="x" * 43), "invalid_grant")
    is_refused(redeem(web, person.code(), headers, code_verifier=VERIFIER), "invalid_dpop_proof")


def test_of_many_with_the_key_one_wins(app: Running, person: Person, web: Client) -> None:
    key = ProofKey()
    code = person.code(dpop_jkt=key.jkt)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: redeem(web, code, proof(web, key), code_verifier=VERIFIER), range(6)))
    assert sorted(answer.status for answer in answers) == [200, *[400] * 5]
    winner = next(answer for answer in answers if answer.status == 200)
    # every other one proved everything: a replay, which is what kills a family
    assert not is_active(app, winner.json["access_token"])
    assert event_types(app, code)[:2] == ["authorized", "code_redeemed"]


def test_a_proof_counts_once_also_where_a_request_is_pushed(app: Running, web: Client) -> None:
    headers = ProofKey().proof("POST", f"{web.url}/par")
    assert web.post("/par", parameters(app), headers).status == 201
    is_refused(web.post("/par", parameters(app), headers), "invalid_dpop_proof")
