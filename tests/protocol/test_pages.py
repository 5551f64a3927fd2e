"""What people see: headers that keep others out, and markup that works on a phone, without scripts, for everybody."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from tests.support.app import PASSWORD, SPA, Running, StartApp
from tests.support.browser import Answer
from tests.support.code_flow import consent_page, login_page
from tests.support.second_factor import second_page, with_totp


def start(app: Running) -> Answer:
    return app.browser().get("/")


def login(app: Running) -> Answer:
    return login_page(app, app.browser())


def wrong_password(app: Running) -> Answer:
    browser = app.browser()
    return browser.submit(login_page(app, browser), username="nobody", password="wrong")


def consent(app: Running) -> Answer:
    return consent_page(app, app.browser())


def logout(app: Running) -> Answer:
    browser = app.browser()
    consent_page(app, browser)
    return browser.get("/logout")


def logged_out(app: Running) -> Answer:
    return app.browser().get("/logout")


def account(app: Running) -> Answer:
    browser = app.browser()
    page = consent_page(app, browser)
    browser.submit(page, decision="allow")
    return browser.get("/account")


def problem(app: Running) -> Answer:
    return app.browser().get("/authorize?client_id=nobody")


def nothing_here(app: Running) -> Answer:
    return app.browser().get("/nothing", {"Accept": "text/html"})


def second_factor(app: Running) -> Answer:
    name, browser = uuid4().hex, app.browser()
    with_totp(app, name)
    return second_page(browser, login_page(app, browser), name)


def security(app: Running, path: str = "") -> Answer:
    name, browser = uuid4().hex, app.browser()
    app.add_user(name)
    begun = browser.follow(browser.get("/account/security"))
    browser.submit(begun, username=name, password=PASSWORD)
    return browser.get(f"/account/security{path}")


def new_app(app: Running) -> Answer:
    return security(app, "/totp")


def new_password(app: Running) -> Answer:
    return security(app, "/password")


SHOWN = [start, login, wrong_password, consent, logout, logged_out, account, problem, nothing_here]
PAGES = pytest.mark.parametrize("show", [*SHOWN, second_factor, security, new_app, new_password])


class _Outline(HTMLParser):
    """What a page is made of, as far as the tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@PAGES
def test_every_page_has_the_headers_that_keep_others_out(app: Running, show: Callable[[Running], Answer]) -> None:
    page = show(app)
    expected = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    assert {name: page.header(name) for name in expected} == expected
    assert page.header("Permissions-Policy")
    assert page.header("Strict-Transport-Security") is None
    policy = _policy(page)
    assert policy["default-src"] == ["'none'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy["form-action"][0] == "'self'"
    assert "script-src" not in policy
    assert not any("unsafe" in value for values in policy.values() for value in values)


@PAGES
def test_every_page_keeps_to_its_own_policy_and_works_without_scripts(
    app: Running, show: Callable[[Running], Answer]
) -> None:
    page = show(app)
    outline = _Outline(page.text)
    assert not outline.all("script")
    assert not outline.all("style")
    assert not any(name.startswith("on") or name == "style" for _, given in outline.tags for name in given)
    (stylesheet,) = [link["href"] for link in outline.all("link") if link["rel"] == "stylesheet"]
    assert app.browser().get(stylesheet).status == 200


@PAGES
def test_every_page_can_be_used_on_a_phone_and_by_a_screen_reader(
    app: Running, show: Callable[[Running], Answer]
) -> None:
    page = show(app)
    outline = _Outline(page.text)
    assert outline.all("html")[0]["lang"] == "en"
    assert any(given.get("name") == "viewport" for given in outline.all("meta"))
    assert len(outline.all("h1")) == 1
    assert len(outline.all("main")) == 1
    assert re.search(r"<title>[^<]+</title>", page.text)
    labelled = {given["for"] for given in outline.all("label")}
    for field in outline.all("input"):
        assert field.get("type") == "hidden" or field["id"] in labelled
    for form in outline.all("form"):
        assert form["method"] == "post"


@pytest.mark.parametrize(
    ("client", "redirect_uri", "target"),
    [
        ("web", "https://client.example/callback", "https://client.example"),
        ("native", "http://127.0.0.1:4711/callback", "http://127.0.0.1:4711"),
        ("native", "com.example.app:/callback", "com.example.app:"),
        ("web", "http://[::1]:4711/callback", "http:"),
    ],
)
def test_forms_may_lead_to_us_and_to_the_redirect_uri_of_this_request_alone(
    app: Running, client: str, redirect_uri: str, target: str
) -> None:
    browser = app.browser()
    page = consent_page(app, browser, client, redirect_uri=redirect_uri)
    assert _policy(page)["form-action"] == ["'self'", target]
    assert _policy(start(app))["form-action"] == ["'self'"]


def test_under_tls_browsers_are_told_to_stay_there(start_app: StartApp) -> None:
    app = start_app(issuer="https://login.example")
    assert start(app).header("Strict-Transport-Security") == "max-age=31536000; includeSubDomains"


def test_the_stylesheet_may_be_kept_for_ever_under_a_name_of_its_content(app: Running) -> None:
    path = re.search(r'href="(/static/pages\.[0-9a-f]{16}\.css)"', start(app).text)
    assert path is not None
    answer = app.browser().get(path[1])
    assert answer.header("Cache-Control") == "public, max-age=31536000, immutable"
    assert (answer.header("Content-Type") or "").startswith("text/css")
    assert "min-height: 3rem" in answer.text
    assert "prefers-color-scheme: dark" in answer.text
    assert app.browser().get("/static/pages.0000000000000000.css").status == 404


def test_what_clients_call_themselves_is_text_and_never_markup(app: Running) -> None:
    name = "<img src=x onerror=alert(1)>'\"&{{ 7 * 7 }}"
    app.clients["rude"] = app.register(replace(SPA, name=name))
    browser = app.browser()
    for page in (login_page(app, browser, "rude"), consent_page(app, browser, "rude")):
        assert "<img" not in page.text
        assert "{{ 7 * 7 }}" in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


def _policy(page: Answer) -> dict[str, list[str]]:
    directives = (page.header("Content-Security-Policy") or "").split(";")
    return {words[0]: words[1:] for words in (directive.split() for directive in directives) if words}
