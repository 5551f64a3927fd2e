"""Nobody gets the server to lead a browser away, or a code to another address."""

from urllib.parse import quote, urlencode, urlsplit

import pytest
from tests.support.app import REDIRECT, Running
from tests.support.browser import Answer
from tests.support.clients import client_of, is_refused
from tests.support.code_flow import VERIFIER, authorize, consent_page, parameters, redirect_of

EVIL = "https://evil.example/steal"
NAMES = (
    "redirect_uri", "post_logout_redirect_uri", "return_to", "returnTo", "next", "url", "continue", "target_link_uri",
    "RelayState", "logo_uri", "client_uri", "request_uri", "login_uri", "state", "tx", "iss", "ui_locales", "provider",
)  # fmt: skip
PAGES = ("/authorize", "/login", "/consent", "/logout", "/account", "/device", "/", "/login/second-factor")
TWISTED = (
    "https://client.example/callback/",
    "https://client.example/callback/..",
    "https://client.example/callback/../callback",
    "https://client.example/callback?",
    "https://client.example/callback?x=1",
    "https://client.example/callback#",
    "https://client.example/callback#fragment",
    "https://client.example/Callback",
    "https://client.example//callback",
    "https://client.example/%63allback",
    "https://CLIENT.example/callback",
    "https://client.example:443/callback",
    "https://client.example./callback",
    "https://client.example@evil.example/callback",
    "https://client.example%40evil.example/callback",
    "https://evil.example/https://client.example/callback",
    "https://evil.example#https://client.example/callback",
    "https://client.example.evil.example/callback",
    "https://evil.example\\@client.example/callback",
    "https://client.example/callback\\..\\evil",
    "http://client.example/callback",
    "//client.example/callback",
    "/callback",
    "javascript:alert(1)//https://client.example/callback",
    "data:text/html,https://client.example/callback",
    "https://\u0441lient.example/callback",
    " https://client.example/callback",
    "https://client.example/callback%00",
    "https://client.example/callback%0d%0aLocation:%20https://evil.example",
    "*",
    "https://*.example/callback",
)


def leads_away(answer: Answer, app: Running) -> bool:
    """Whether an answer takes a browser anywhere but to the server itself or the registered client."""
    location = answer.header("Location")
    refresh = answer.header("Refresh")
    own = urlsplit(app.url).netloc
    to = urlsplit(answer.location) if location is not None else None
    return refresh is not None or (to is not None and to.netloc not in {own, "client.example"})


@pytest.mark.parametrize("path", PAGES)
def test_no_parameter_of_any_page_leads_the_browser_away(app: Running, path: str) -> None:
    browser = app.browser()
    consent_page(app, browser)  # somebody is logged in
    for name in NAMES:
        for value in (EVIL, "//evil.example/", "\\\\evil.example", "https:evil.example", "javascript:alert(1)"):
            answer = browser.get(f"{path}?{urlencode({name: value})}")
            assert not leads_away(answer, app), (path, name, value)
            assert answer.status < 500
            if answer.header("Content-Type") and "html" in str(answer.header("Content-Type")):
                assert f'href="{value}' not in answer.text
                assert f'action="{value}' not in answer.text


@pytest.mark.parametrize("uri", TWISTED)
def test_only_the_very_registered_redirect_uri_is_ever_answered(app: Running, uri: str) -> None:
    browser = app.browser()
    consent_page(app, browser)
    for extra in (
        {},
        {"prompt": "none"},
        {"scope": "wrong"},
        {"response_type": "token"},
        {"response_mode": "form_post"},
    ):
        answer = authorize(app, browser, "web", redirect_uri=uri, **extra)
        assert answer.status == 400, (uri, extra)
        assert answer.header("Location") is None


def test_no_encoding_of_the_whole_request_smuggles_a_second_redirect_uri(app: Running) -> None:
    browser = app.browser()
    consent_page(app, browser)
    asked = parameters(app, "web")
    for text in (
        urlencode(asked) + "&redirect_uri=" + quote(EVIL),
        urlencode(asked) + "&redirect%5Furi=" + quote(EVIL),
        "redirect_uri=" + quote(EVIL) + "&" + urlencode(asked),
        urlencode(asked) + ";redirect_uri=" + quote(EVIL),
    ):
        assert not leads_away(browser.get("/authorize?" + text), app)


def test_a_code_is_not_redeemed_for_another_redirect_uri(app: Running) -> None:
    web = client_of(app)
    for wrong in (EVIL, REDIRECT + "/", REDIRECT + "?", "http://127.0.0.1/callback"):
        code = redirect_of(app, app.browser()).query["code"]
        is_refused(
            web.token("authorization_code", code=code, code_verifier=VERIFIER, redirect_uri=wrong), "invalid_grant"
        )


def test_no_header_changes_who_we_say_we_are(app: Running) -> None:
    for header in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL", "X-Rewrite-URL"):
        document = app.browser().request("GET", "/.well-known/openid-configuration", headers={header: "evil.example"})
        assert "evil.example" not in document.text
        page = app.browser().request(
            "GET", "/authorize?" + urlencode(parameters(app)), headers={header: "host=evil.example;proto=https"}
        )
        assert "evil.example" not in (page.header("Location") or "")
