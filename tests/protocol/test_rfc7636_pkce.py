"""RFC 7636, as OAuth 2.1 wants it: S256 for every client, and no way around it."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from tests.support.app import Running
from tests.support.clients import is_refused
from tests.support.code_flow import CHALLENGE, VERIFIER, authorize, consent_page
from tests.support.flows import Person, redeemed

CLIENTS = ("web", "spa", "native")


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def test_the_example_of_appendix_b_is_ours_too(app: Running, person: Person) -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert redeemed(app, person.code(code_challenge=CHALLENGE), code_verifier=VERIFIER).status == 200


@pytest.mark.parametrize(
    "verifier", ["a" * 43, "~" * 128, "-._~" * 11, secrets.token_urlsafe(64)], ids=["short", "long", "signs", "random"]
)
def test_every_verifier_of_the_right_shape_is_good(app: Running, person: Person, verifier: str) -> None:
    code = person.code(code_challenge=challenge_of(verifier))
    assert redeemed(app, code, code_verifier=verifier).status == 200


@pytest.mark.parametrize(
    "verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + " ", "a" * 42 + "\u00e9", VERIFIER + "=", "a" * 60_000]
)
def test_a_verifier_of_another_shape_is_refused_before_it_is_hashed(
    app: Running, person: Person, verifier: str
) -> None:
    # the challenge fits, so that nothing but the shape can be the reason
    code = person.code(code_challenge=challenge_of(verifier))
    is_refused(redeemed(app, code, code_verifier=verifier), "invalid_request")


@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_goes_without(app: Running, person: Person, client: str) -> None:
    browser = person.browser
    person.code()
    redirect = {"native": "com.example.app:/callback"}.get(client, "https://client.example/callback")
    answer = authorize(app, browser, client, redirect_uri=redirect, code_challenge=None, code_challenge_method=None)
    assert "error=invalid_request" in (answer.header("Location") or "")
    assert "code=" not in (answer.header("Location") or "")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_code_without_its_verifier_is_worth_nothing_to_any_client(app: Running, person: Person, client: str) -> None:
    redirect = {"native": "com.example.app:/callback"}.get(client, "https://client.example/callback")
    code = person.code(client, redirect_uri=redirect)
    is_refused(redeemed(app, code, client, code_verifier=""), "invalid_grant")
    # the challenge was in the open: it is no verifier (as it would be for "plain")
    is_refused(redeemed(app, code, client, code_verifier=CHALLENGE), "invalid_grant")
    assert redeemed(app, code, client).status == 200


def test_a_downgrade_to_plain_is_refused_with_a_challenge_that_would_fit_both(app: Running, person: Person) -> None:
    consent_page(app, browser := app.browser())
    for method in ("plain", "s256", "S512", ""):
        answer = authorize(app, browser, code_challenge="a" * 42 + "A", code_challenge_method=method)
        assert answer.query["error"] == "invalid_request", method


def test_a_code_stolen_with_anothers_request_does_not_fit_the_thiefs_verifier(app: Running, person: Person) -> None:
    thiefs = secrets.token_urlsafe(32)
    person.code(code_challenge=challenge_of(thiefs))
    victims = person.code()
    is_refused(redeemed(app, victims, code_verifier=thiefs), "invalid_grant")
    assert redeemed(app, victims).status == 200


def test_the_metadata_offers_s256_alone(app: Running) -> None:
    document = app.browser().get("/.well-known/oauth-authorization-server").json
    assert document["code_challenge_methods_supported"] == ["S256"]
