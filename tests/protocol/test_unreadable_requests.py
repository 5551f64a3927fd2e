"""Bytes that are no request, or only half of one: refused as the client's fault, and nothing of them is written down."""

import socket
import zlib
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs
from tests.support.app import ORIGIN, Running
from tests.support.browser import FORM

SECRETS = ("a-code-in-the-url", "a-secret-in-a-header", "a-session-in-a-cookie", "127.0.0.1")
UNPARSED = (
    b"GET /authorize?code=a-code-in-the-url\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic a-secret-in-a-header\x01\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: gl_session=a-session-in-a-cookie\x00\r\n\r\n",
    b"POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic a-secret-in-a-header" + b"A" * 9000 + b"\r\n\r\n",
)


def _send(app: Running, data: bytes, *, hang_up: bool = False) -> bytes:
    """The answer to these very bytes."""
    address = urlsplit(app.url)
    received = b""
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=5) as connection:
        connection.sendall(data)
        if hang_up:
            return b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(4096)
            if not more:
                break
            received += more
    return received


@pytest.mark.parametrize("data", UNPARSED)
def test_what_cannot_be_parsed_is_refused_and_nothing_of_it_is_logged(
    app: Running, data: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines:
        assert _send(app, data)[9:12] == b"400"
    assert [line["log_level"] for line in lines if line["event"] == "unreadable"] == ["info"]
    written = "".join([*capfd.readouterr(), repr(lines), caplog.text])
    for secret in SECRETS:
        assert secret not in written


@pytest.mark.parametrize(
    "data", [UNPARSED[0], b"GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_no_answer_tells_which_versions_run_here(app: Running, data: bytes) -> None:
    answer = _send(app, data).lower()
    assert b"server: grantlog\r\n" in answer
    for told in (b"aiohttp", b"python"):
        assert told not in answer


@pytest.mark.parametrize("origin", [{}, {"Origin": ORIGIN}])
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/register"])
def test_a_body_that_is_not_in_the_encoding_it_names_is_400(app: Running, path: str, origin: dict[str, str]) -> None:
    kind = "application/json" if path == "/register" else FORM
    headers = {"Content-Type": kind, "Content-Encoding": "gzip", **origin}
    answer = app.browser().request("POST", path, body=b"no gzip at all", headers=headers)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_a_body_that_is_small_only_while_it_is_compressed_is_413(app: Running) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "deflate", "Origin": ORIGIN}
    answer = app.browser().request("POST", "/token", body=zlib.compress(b"a" * 10_000_000), headers=headers)
    assert answer.status == 413


def test_a_client_that_hangs_up_in_the_middle_of_a_body_is_no_failure_of_ours(app: Running) -> None:
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nOrigin: {ORIGIN}\r\nContent-Length: 500\r\n\r\n"
    with capture_logs() as lines:
        _send(app, head.encode() + b"grant_type=", hang_up=True)
        patience = monotonic() + 10
        while not lines and monotonic() < patience:
            sleep(0.01)
    assert [line["log_level"] for line in lines] == ["info"]
    assert [line["reason"] for line in lines] == ["body_unreadable"]


@pytest.mark.parametrize("name", ["gl_login", "gl_session", "gl_device"])
@pytest.mark.parametrize("value", ["\xff" * 43, "\xe4" * 43, '"' + "\\377" * 43 + '"'])
@pytest.mark.parametrize("path", ["/authorize", "/login", "/consent", "/logout"])
def test_a_cookie_of_foreign_bytes_counts_as_none(app: Running, path: str, name: str, value: str) -> None:
    web = app.clients["web"].client_id
    query = f"?client_id={web}&response_type=code&tx={'a' * 43}&redirect_uri=https%3A%2F%2Fclient.example%2Fcallback"
    challenge = f"&scope=openid&code_challenge_method=S256&code_challenge={'A' * 43}"
    raw = f"GET {path}{query}{challenge} HTTP/1.1\r\nHost: x\r\nCookie: {name}={value}\r\n\r\n".encode("latin-1")
    assert _send(app, raw)[9:12] in {b"200", b"303", b"400"}
