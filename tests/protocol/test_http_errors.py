"""Errors over HTTP: RFC 6749 section 5.2 for programs, a page for people, and never a detail of ours."""

import socket
from urllib.parse import urlsplit

import pytest
from tests.support.app import Running, StartApp
from tests.support.browser import FORM, Answer
from tests.support.code_flow import authorize, login_page

from grantlog.ports import UnavailableError

JSON_POSTS = ("/token", "/introspect", "/introspect/batch", "/revoke", "/register")


def _is_json_error(answer: Answer, status: int, error: str = "invalid_request") -> None:
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"]
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Pragma") == "no-cache"
    assert "<" not in answer.text


@pytest.mark.parametrize("path", JSON_POSTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method_is_405_and_says_what_is_allowed(app: Running, path: str, method: str) -> None:
    answer = app.browser().request(method, path)
    if method == "OPTIONS" and path in {"/token", "/revoke"}:
        assert answer.status == 204
        return
    if path == "/register" and method in {"GET", "HEAD", "PUT", "DELETE"}:
        # RFC 7592: what a registered client does with its own registration
        assert answer.status == (400 if method == "PUT" else 401)
        return
    assert answer.status == 405
    assert "POST" in (answer.header("Allow") or "")
    if method != "HEAD":
        _is_json_error(answer, 405)


def test_a_method_nobody_has_heard_of_is_refused(app: Running) -> None:
    assert app.browser().request("BREW", "/token").status in {400, 405}


@pytest.mark.parametrize("path", ["/login", "/consent", "/authorize"])
def test_a_page_refuses_another_method_with_a_page(app: Running, path: str) -> None:
    answer = app.browser().request("DELETE", path)
    assert answer.status == 405
    assert (answer.header("Allow") or "").split(",") == ["GET", "HEAD", "POST"]
    assert "text/html" in (answer.header("Content-Type") or "")


@pytest.mark.parametrize("path", JSON_POSTS)
def test_a_body_over_64_kib_is_413(app: Running, path: str) -> None:
    kind = "application/json" if path == "/register" else FORM
    body = b"token=" + b"a" * (64 * 1024)
    headers = {"Content-Type": kind, "Authorization": "Bearer initial-access-token-of-the-tests"}
    answer = app.browser().request("POST", path, body=body, headers=headers)
    _is_json_error(answer, 413)


@pytest.mark.parametrize("path", ["/authorize", "/login", "/consent", "/logout"])
def test_a_page_refuses_a_large_body_with_a_page(app: Running, path: str) -> None:
    answer = app.browser().post(path, {"tx": "a" * 64 * 1024})
    assert answer.status == 413
    assert "text/html" in (answer.header("Content-Type") or "")


@pytest.mark.parametrize("path", JSON_POSTS[:-1])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", None])
def test_another_content_type_is_refused(app: Running, path: str, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    _is_json_error(app.browser().request("POST", path, body=b"token=x", headers=headers), 400)


@pytest.mark.parametrize("path", JSON_POSTS[:-1])
@pytest.mark.parametrize("body", [b"token=%ff", b"token=%zz", b"token=\xff", b"token=a%00", b"client_id=a&client_id=b"])
def test_what_cannot_be_decoded_or_is_doubled_is_refused(app: Running, path: str, body: bytes) -> None:
    answer = app.browser().request("POST", path, body=body, headers={"Content-Type": FORM})
    _is_json_error(answer, 400)


@pytest.mark.parametrize("path", JSON_POSTS)
def test_every_endpoint_that_the_table_says_is_authenticated_is(app: Running, path: str) -> None:
    kind = "application/json" if path == "/register" else FORM
    body = b"{}" if path == "/register" else b"grant_type=client_credentials&token=x"
    answer = app.browser().request("POST", path, body=body, headers={"Content-Type": kind})
    assert answer.status == 401
    assert answer.header("WWW-Authenticate")


def test_a_path_that_is_not_there_is_told_as_one_asks(app: Running) -> None:
    browser = app.browser()
    _is_json_error(browser.get("/nothing"), 404)
    _is_json_error(browser.get("/token/", {"Accept": "application/json"}), 404)
    page = browser.get("/nothing", {"Accept": "text/html,application/xhtml+xml"})
    assert page.status == 404
    assert "text/html" in (page.header("Content-Type") or "")


@pytest.mark.parametrize("path", ["/..%2f..%2fetc/passwd", "/static/../app.py", "/static/pages.css", "/.git/config"])
def test_no_file_is_served(app: Running, path: str) -> None:
    assert app.browser().request("GET", path).status == 404


def test_every_answer_has_a_request_id_of_our_own(app: Running) -> None:
    browser = app.browser()
    found = {browser.get("/jwks", {"X-Request-Id": "chosen"}).header("X-Request-Id") for _ in range(3)}
    assert len(found) == 3
    assert "chosen" not in found
    page = browser.get("/authorize")
    assert (page.header("X-Request-Id") or "?") in page.text


def test_a_store_that_does_not_answer_is_503_and_retry_after(
    start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app()

    async def gone(*_: object, **__: object) -> None:
        raise UnavailableError("the log", retry_after=7)

    page = login_page(app, app.browser())
    monkeypatch.setattr(type(app.service.ports.log), "bearer", gone)
    monkeypatch.setattr(type(app.service.ports.log), "head", gone)
    browser = app.browser()
    values = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    answer = browser.post("/token", values)
    _is_json_error(answer, 503, "temporarily_unavailable")
    assert answer.header("Retry-After") == "7"
    shown = authorize(app, browser, client_id="unseen")
    assert (shown.status, shown.header("Retry-After")) == (503, "7")
    assert "text/html" in (shown.header("Content-Type") or "")
    assert browser.get("/readyz").status == 503
    assert browser.get("/livez").status == 200
    assert page.status == 200


def test_what_nobody_foresaw_tells_nothing(
    start_app: StartApp, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = start_app()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(app.service.ports.log), "bearer", broken)
    values = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "a secret of the client"}
    answer = app.browser().post("/token?code=in-the-url", values, {"Cookie": "gl_session=a-cookie"})
    _is_json_error(answer, 500, "server_error")
    page = authorize(app, app.browser(), client_id="unseen")
    assert page.status == 500
    written = "".join(capfd.readouterr())
    for text in (answer.text, page.text, written):
        for hidden in ("secret detail", "a secret of the client", "in-the-url", "a-cookie", "Traceback"):
            assert hidden not in text
    assert (answer.header("X-Request-Id") or "?") in written
    assert "unforeseen:RuntimeError" in written


def test_roles_serve_their_rows_and_no_others(start_app: StartApp) -> None:
    app = start_app(role="introspection")
    browser = app.browser()
    assert browser.get("/readyz").status == 200
    assert browser.post("/introspect", {"token": "x"}).status == 401
    for path in ("/token", "/authorize", "/login", "/jwks", "/.well-known/openid-configuration"):
        assert browser.get(path).status == 404, path


def test_a_draining_process_is_not_ready(start_app: StartApp) -> None:
    app = start_app()
    app.drain()
    assert app.browser().get("/readyz").json == {"status": "draining"}
    assert app.browser().get("/livez").status == 200


def test_a_proxy_that_nobody_configured_is_not_believed(start_app: StartApp) -> None:
    app = start_app(rate_login_address="2/minute")
    _spray(app, expected=429)


def test_a_configured_proxy_says_whom_it_speaks_for(start_app: StartApp) -> None:
    app = start_app(rate_login_address="2/minute", trusted_proxies="127.0.0.0/8")
    _spray(app, expected=403)


def _spray(app: Running, *, expected: int) -> None:
    """Wrong passwords, each seemingly from another address."""
    browser = app.browser()
    page = login_page(app, browser)
    values = page.forms[0].values
    statuses = [
        browser.post(
            "/login",
            values | {"username": f"user{number}", "password": "wrong"},
            {"X-Forwarded-For": f"198.51.100.{number}"},
        ).status
        for number in range(5)
    ]
    assert statuses[-1] == expected


def test_bytes_that_are_no_http_are_refused_without_a_page(app: Running) -> None:
    address = urlsplit(app.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n")
        assert b"400" in connection.recv(200).split(b"\r\n")[0]
