"""Consent phishing: nobody is led to allow somebody he did not mean (RFC 9700 section 4.16, RFC 8252 section 8.6)."""

from dataclasses import replace
from html import unescape
from re import findall

import pytest
from tests.support.app import INITIAL_ACCESS_TOKEN, REDIRECT, WEB, Running
from tests.support.browser import Browser
from tests.support.code_flow import authorize, consent_page, parameters

from grantlog.core.client.events import ClientMetadata


def client(app: Running, metadata: ClientMetadata) -> str:
    made = app.register(metadata)
    app.clients[made.client_id] = made
    return made.client_id


def test_the_page_names_the_host_that_gets_the_answer(app: Running) -> None:
    name = client(app, replace(WEB, name="Trusted Bank", redirect_uris=("https://evil.example:8443/cb",)))
    page = consent_page(app, app.browser(), name, redirect_uri="https://evil.example:8443/cb")
    assert "Either way you go back to <strong>evil.example:8443</strong>" in page.text


@pytest.mark.parametrize(
    ("redirect_uri", "words"),
    [
        ("http://127.0.0.1:4711/callback", "an application on this device"),
        ("com.example.app:/callback", "the application that opens com.example.app: links"),
    ],
)
def test_the_page_says_so_where_anybody_on_the_device_could_get_it(app: Running, redirect_uri: str, words: str) -> None:
    assert words in consent_page(app, app.browser(), "native", redirect_uri=redirect_uri).text


def test_who_registered_himself_is_unverified(app: Running) -> None:
    browser = app.browser()
    document = (
        b'{"client_name":"Self-made","redirect_uris":["https://client.example/callback"],'
        b'"scope":"openid api:read","grant_types":["authorization_code"]}'
    )
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {INITIAL_ACCESS_TOKEN}"}
    made = browser.request("POST", "/register", body=document, headers=headers)
    assert made.status == 201, made.text
    app.clients["self-made"] = replace(app.clients["web"], client_id=made.json["client_id"])
    page = consent_page(app, browser, "self-made")
    assert "<strong>Unverified.</strong>" in page.text
    assert "Unverified" not in consent_page(app, app.browser()).text


@pytest.mark.parametrize(
    "name",
    [
        "Pаypal",  # noqa: RUF001  # with one Cyrillic letter
        "аррӏе",  # noqa: RUF001  # all of them Cyrillic
        "Ｂａｎｋ",  # noqa: RUF001  # full-width
        "Bank\u202eknaB",
        "Bank\u200b",
    ],
)
def test_a_name_that_may_pass_for_another_is_shown_with_its_id(app: Running, name: str) -> None:
    made = client(app, replace(WEB, name=name))
    page = consent_page(app, app.browser(), made)
    assert "may pass for another" in page.text
    assert f"<code>{made}</code>" in page.text


def test_an_honest_name_is_not_talked_about(app: Running) -> None:
    made = client(app, replace(WEB, name="Московский банк"))
    assert "may pass for another" not in consent_page(app, app.browser(), made).text


def test_nothing_on_the_page_comes_from_elsewhere(app: Running) -> None:
    made = client(
        app,
        replace(
            WEB,
            logo_uri="https://evil.example/logo.png",
            client_uri="https://client.example/",
            policy_uri="https://client.example/privacy",
        ),
    )
    page = consent_page(app, app.browser(), made)
    assert "logo.png" not in page.text
    assert "<img" not in page.text
    assert not findall(r'(?:src|data|poster)="', page.text)
    assert 'href="https://client.example/privacy" rel="noopener noreferrer"' in page.text
    assert "img-src 'self'" in (page.header("Content-Security-Policy") or "")


def test_the_page_can_be_neither_framed_nor_posted_from_elsewhere(app: Running) -> None:
    browser: Browser = app.browser()
    page = consent_page(app, browser)
    assert page.header("X-Frame-Options") == "DENY"
    assert "frame-ancestors 'none'" in (page.header("Content-Security-Policy") or "")
    values = page.forms[0].values | {"decision": "allow"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.post("/consent", values, headers).status == 403
    assert browser.post("/consent", values | {"csrf": ""}).status == 403


def test_nobody_is_made_to_finish_what_somebody_else_began(app: Running) -> None:
    attacker, victim = app.browser(), app.browser()
    consent_page(app, victim)
    begun = authorize(app, attacker)
    key = begun.query["tx"]
    assert victim.get(f"/consent?tx={key}").status == 400


def test_the_person_sees_as_whom_he_answers(app: Running) -> None:
    page = consent_page(app, app.browser())
    assert "You are logged in as" in page.text
    assert "Alice Example" in page.text
    assert "Use another account" in page.text


@pytest.mark.parametrize("prompt", [None, "none"])
def test_who_cannot_be_told_apart_is_never_answered_without_a_page(app: Running, prompt: str | None) -> None:
    browser = app.browser()
    uri = "com.example.app:/callback"
    browser.submit(consent_page(app, browser, "native", redirect_uri=uri), decision="allow")
    answer = authorize(app, browser, "native", redirect_uri=uri, prompt=prompt)
    assert "code=" not in answer.location


def test_a_scope_is_called_what_the_operator_calls_it_and_never_what_the_client_does(app: Running) -> None:
    page = consent_page(app, app.browser(), scope="api:write")
    assert "change what belongs to “api” (api:write)" in unescape(page.text)
    wrong = app.browser().get("/authorize", {"Accept": "text/html"})
    assert wrong.status == 400
    asked = parameters(app, scope="everything is fine")
    assert asked["redirect_uri"] == REDIRECT
    assert authorize(app, app.browser(), scope="everything is fine").status == 400
