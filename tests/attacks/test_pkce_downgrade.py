"""RFC 9700 section 4.8.2: where PKCE may be left out, a verifier without a challenge is still refused."""

from dataclasses import replace

from tests.support.app import REDIRECT, WEB, Running
from tests.support.clients import client_of, is_refused
from tests.support.code_flow import VERIFIER, authorize, consent_page, redirect_of


def test_a_verifier_without_a_challenge_is_refused_even_where_pkce_may_be_left_out(app: Running) -> None:
    app.clients["lenient"] = app.register(replace(WEB, name="Lenient", pkce_optional=True))
    lenient, browser = client_of(app, "lenient"), app.browser()
    bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None, "prompt": "consent"}
    # with nothing to prove it is redeemed, by its exact redirect URI
    code = redirect_of(app, browser, "lenient", **bare).query["code"]
    assert lenient.token("authorization_code", code=code, redirect_uri=REDIRECT).status == 200
    # an attacker took the challenge out of the request of a client that uses PKCE
    stripped = redirect_of(app, browser, "lenient", **bare).query["code"]
    refused = lenient.token("authorization_code", code=stripped, redirect_uri=REDIRECT, code_verifier=VERIFIER)
    assert (refused.status, refused.json["error"]) in {(400, "invalid_grant"), (400, "invalid_request")}
    # and the other way round
    bound = redirect_of(app, browser, "lenient", prompt="consent").query["code"]
    missing = lenient.token("authorization_code", code=bound, redirect_uri=REDIRECT)
    assert (missing.status, missing.json["error"]) in {(400, "invalid_grant"), (400, "invalid_request")}


def test_no_registration_and_no_public_client_leaves_it_out(app: Running) -> None:
    browser = app.browser()
    consent_page(app, browser)
    for client in ("web", "spa"):
        answer = authorize(app, browser, client, code_challenge=None, code_challenge_method=None)
        assert answer.query["error"] == "invalid_request"


def test_without_a_challenge_the_redirect_uri_has_to_come_again(app: Running) -> None:
    app.clients["careless"] = app.register(replace(WEB, name="Careless", pkce_optional=True))
    bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    code = redirect_of(app, app.browser(), "careless", **bare).query["code"]
    refused = client_of(app, "careless").token("authorization_code", code=code)
    assert refused.status == 400
    is_refused(refused, refused.json["error"])
