"""OAuth 2.0 Multiple Response Type Encoding Practices and Form Post Response Mode: how an answer travels."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.app import REDIRECT, WEB, Running
from tests.support.browser import Answer
from tests.support.code_flow import authorize, consent_page, redeem

ASKED = {"prompt": "consent"}


def decide(app: Running, decision: str, /, client: str = "web", **changes: str) -> Answer:
    """The answer to somebody's decision on the consent page."""
    browser = app.browser()
    return browser.submit(consent_page(app, browser, client, **(ASKED | changes)), decision=decision)


def fragment_of(answer: Answer) -> dict[str, str]:
    """The members in the fragment of a redirect."""
    assert answer.status == 303
    parts = urlsplit(answer.location)
    assert not parts.query
    return {name: values[0] for name, values in parse_qs(parts.fragment).items()}


def posted(answer: Answer) -> dict[str, str]:
    """The members that a page's form posts to the client."""
    assert answer.status == 200, answer.text
    assert len(answer.forms) == 1
    form = answer.forms[0]
    assert (form.method, form.action) == ("post", REDIRECT)
    return dict(form.values)


def test_without_a_mode_and_with_query_a_code_is_in_the_query(app: Running) -> None:
    for changes in ({}, {"response_mode": "query"}):
        answer = decide(app, "allow", **changes)
        assert urlsplit(answer.location).fragment == ""
        assert set(answer.query) == {"code", "state", "iss"}


def test_a_fragment_holds_the_same_members_as_a_query(app: Running) -> None:
    members = fragment_of(decide(app, "allow", response_mode="fragment"))
    assert set(members) == {"code", "state", "iss"}
    assert (members["state"], members["iss"]) == ("a state & more", app.settings.issuer)
    assert redeem(app, members["code"]).status == 200


def test_a_form_post_is_a_page_that_posts_the_same_members(app: Running) -> None:
    members = posted(decide(app, "allow", response_mode="form_post"))
    assert set(members) == {"code", "state", "iss"}
    assert members["state"] == "a state & more"
    assert redeem(app, members["code"]).status == 200


def test_the_page_of_a_form_post_runs_its_own_script_alone_and_works_without(app: Running) -> None:
    answer = decide(app, "allow", response_mode="form_post")
    policy = answer.header("Content-Security-Policy") or ""
    nonce = re.search(r"script-src 'nonce-([A-Za-z0-9_-]{24})'", policy)
    assert nonce is not None, policy
    scripts = re.findall(r"<script([^>]*)>", answer.text)
    assert scripts == [f' nonce="{nonce[1]}"']
    assert "form-action 'self' https://client.example;" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.header("Referrer-Policy") == "no-referrer"
    assert answer.header("Cache-Control") == "no-store"
    assert re.search(r'<button type="submit"[^>]*>Continue</button>', answer.text)
    again = decide(app, "allow", response_mode="form_post").header("Content-Security-Policy")
    assert again != policy, "a nonce is used once"


def test_no_other_page_has_a_script_of_that_kind(app: Running) -> None:
    page = consent_page(app, app.browser(), **ASKED)
    assert "nonce-" not in (page.header("Content-Security-Policy") or "")


def test_what_a_client_sends_cannot_break_out_of_the_form(app: Running) -> None:
    state = "\"><script>alert(1)</script>'&<x "
    answer = decide(app, "allow", response_mode="form_post", state=state)
    assert answer.text.count("<script") == 1
    assert posted(answer)["state"] == state


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_a_denial_goes_the_same_way(app: Running, mode: str) -> None:
    answer = decide(app, "deny", response_mode=mode)
    members = {"query": lambda each: each.query, "fragment": fragment_of, "form_post": posted}[mode](answer)
    assert members["error"] == "access_denied"
    assert (members["state"], members["iss"]) == ("a state & more", app.settings.issuer)
    assert set(members) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize("mode", ["fragment", "form_post"])
def test_errors_of_the_request_go_the_same_way(app: Running, mode: str) -> None:
    read = {"fragment": fragment_of, "form_post": posted}[mode]
    silent = authorize(app, app.browser(), prompt="none", response_mode=mode)
    assert read(silent)["error"] == "login_required"
    wrong = authorize(app, app.browser(), prompt="none", response_mode=mode, scope="nonsense")
    assert read(wrong)["error"] == "invalid_scope"


def test_an_error_of_the_mode_itself_is_in_the_query(app: Running) -> None:
    answer = authorize(app, app.browser(), prompt="none", response_mode="web_message")
    assert answer.query["error"] == "invalid_request"


def test_a_form_is_not_posted_to_an_applications_own_scheme(app: Running) -> None:
    own = "com.example.app:/callback"
    answer = authorize(app, app.browser(), "native", redirect_uri=own, response_mode="form_post", prompt="none")
    assert (answer.header("Location") or "").startswith(own + "?error=invalid_request")


def test_a_form_may_be_posted_to_the_loopback_address(app: Running) -> None:
    answer = decide(app, "allow", response_mode="form_post", redirect_uri="http://127.0.0.1:5123/callback")
    assert answer.forms[0].action == "http://127.0.0.1:5123/callback"
    assert "form-action 'self' http://127.0.0.1:5123;" in (answer.header("Content-Security-Policy") or "")


def test_a_query_of_the_redirect_uri_is_kept_in_every_mode(app: Running) -> None:
    uri = REDIRECT + "?tenant=7"
    app.clients["query"] = app.register(replace(WEB, redirect_uris=(uri,)))
    assert decide(app, "allow", "query", redirect_uri=uri).location.startswith(uri + "&code=")
    fragment = decide(app, "allow", "query", redirect_uri=uri, response_mode="fragment")
    assert fragment.location.startswith(uri + "#code=")
    form = decide(app, "allow", "query", redirect_uri=uri, response_mode="form_post")
    assert form.forms[0].action == uri
