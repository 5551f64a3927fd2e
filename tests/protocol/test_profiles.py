"""The three profiles: what an operator's ``GRANTLOG_PROFILE`` changes in requests, and what nothing changes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.app import INITIAL_ACCESS_TOKEN, NATIVE, REDIRECT, SPA, WEB, Running, StartApp
from tests.support.browser import Answer
from tests.support.clients import client_of, is_refused
from tests.support.code_flow import VERIFIER, authorize, consent_page

WITHOUT: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
OWN = "com.example.app:/callback"


@pytest.fixture
def oidc(start_app: StartApp) -> Running:
    """A server for OpenID Connect's certification."""
    return start_app(profile="oidc")


def code(app: Running, client: str, **changes: str | None) -> str:
    """A fresh code."""
    browser = app.browser()
    return browser.submit(consent_page(app, browser, client, **changes), decision="allow").query["code"]


def error_of(app: Running, client: str, **changes: str | None) -> str:
    """The error of a request that nobody is asked about."""
    answer = authorize(app, app.browser(), client, prompt="none", **changes)
    location = answer.header("Location") or ""
    assert "code=" not in location
    return location.partition("error=")[2].partition("&")[0]


def redeemed(app: Running, client: str, code: str, **values: str) -> Answer:
    return client_of(app, client).token("authorization_code", code=code, redirect_uri=REDIRECT, **values)


@pytest.mark.parametrize(("client", "uri"), [("web", REDIRECT), ("spa", REDIRECT), ("native", OWN)])
def test_oauth21_asks_everybody_for_pkce(app: Running, client: str, uri: str) -> None:
    assert error_of(app, client, redirect_uri=uri, **WITHOUT) == "invalid_request"
    assert error_of(app, client, redirect_uri=uri, code_challenge_method="plain") == "invalid_request"
    assert error_of(app, client, redirect_uri=uri) == "login_required"


def test_an_operator_may_excuse_a_confidential_client_and_no_public_one(app: Running) -> None:
    app.clients["excused"] = app.register(replace(WEB, pkce_optional=True))
    assert redeemed(app, "excused", code(app, "excused", **WITHOUT)).status == 200
    # what came with a challenge is held to it
    is_refused(redeemed(app, "excused", code(app, "excused")), "invalid_grant")
    assert redeemed(app, "excused", code(app, "excused"), code_verifier=VERIFIER).status == 200
    # OAuth 2.1 4.1.3: a verifier without a challenge is a downgrade
    is_refused(redeemed(app, "excused", code(app, "excused", **WITHOUT), code_verifier=VERIFIER), "invalid_grant")
    assert error_of(app, "excused", code_challenge_method="plain") == "invalid_request"
    assert error_of(app, "excused", code_challenge=None) == "invalid_request"


def test_no_registration_excuses_itself(app: Running) -> None:
    document: dict[str, Any] = {"redirect_uris": [REDIRECT], "pkce_optional": True, "require_pkce": False}
    answer = app.browser().request(
        "POST",
        "/register",
        body=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {INITIAL_ACCESS_TOKEN}"},
    )
    assert answer.status == 201, answer.text
    assert "pkce_optional" not in answer.json
    stored = app.run(app.service.clients.find(answer.json["client_id"]))
    assert stored is not None
    assert not stored.state.metadata.pkce_optional


def test_oidc_lets_confidential_clients_leave_pkce_out_and_nobody_else(oidc: Running) -> None:
    assert redeemed(oidc, "web", code(oidc, "web", **WITHOUT)).status == 200
    is_refused(redeemed(oidc, "web", code(oidc, "web")), "invalid_grant")
    is_refused(redeemed(oidc, "web", code(oidc, "web", **WITHOUT), code_verifier=VERIFIER), "invalid_grant")
    assert error_of(oidc, "spa", **WITHOUT) == "invalid_request"
    assert error_of(oidc, "native", redirect_uri=OWN, **WITHOUT) == "invalid_request"


def test_only_a_code_is_ever_answered(oidc: Running) -> None:
    for response_type in ("token", "id_token", "code id_token", "code token", "code id_token token", "none"):
        assert error_of(oidc, "web", response_type=response_type) == "unsupported_response_type"


def test_state_and_nonce_are_never_demanded(oidc: Running) -> None:
    answer = authorize(oidc, oidc.browser(), prompt="none", state=None, nonce=None)
    assert answer.query["error"] == "login_required"
    assert "state" not in answer.query


@pytest.mark.parametrize("metadata", [SPA, NATIVE], ids=["spa", "native"])
def test_a_public_client_that_is_excused_by_mistake_is_not_excused(app: Running, metadata: Any) -> None:
    app.clients["mistake"] = app.register(replace(metadata, pkce_optional=True, redirect_uris=(REDIRECT,)))
    assert error_of(app, "mistake", **WITHOUT) == "invalid_request"
