"""What happens below the table: connections that dribble, bodies that wait to be asked for, paths that only look alike."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.support.app import Running
from tests.support.flows import own_token

from grantlog.web import listener


def connect(app: Running) -> socket.socket:
    where = urlsplit(app.url)
    assert where.hostname is not None
    return socket.create_connection((where.hostname, where.port or 80), timeout=10)


def everything(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


@pytest.mark.parametrize(
    "sent", [b"", b"POST /token HTTP/1.1\r\nHost: here\r\nX-Slow: "], ids=["silent", "half a head"]
)
def test_who_says_nothing_or_half_of_it_is_hung_up_on(
    start_app: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.05)
    app = start_app()
    with connect(app) as slow:
        slow.sendall(sent)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert everything(slow) == b""
        assert time.monotonic() - began < 8


def test_a_body_that_never_ends_is_hung_up_on(
    start_app: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.05)
    app = start_app()
    head = b"POST /token HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
    with connect(app) as slow:
        slow.sendall(head + b"grant_type=")
        with contextlib.suppress(ConnectionResetError):
            everything(slow)


def test_a_connection_that_goes_on_asking_lives_on(
    start_app: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.05)
    app = start_app()
    with connect(app) as patient:
        for _ in range(4):
            patient.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
            assert patient.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)


def test_a_body_that_waits_to_be_asked_for_is_asked_for(app: Running) -> None:
    body = b"grant_type=client_credentials"
    head = (
        b"POST /token HTTP/1.1\r\nHost: here\r\nConnection: close\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with connect(app) as waiting:
        waiting.sendall(head)
        assert waiting.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        waiting.sendall(body)
        assert everything(waiting).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", ["//token", "/token/", "/token/x", "/TOKEN", "/token;a", "/./token/..", "/token%2F"])
def test_a_path_that_only_looks_like_one_of_ours_is_not(app: Running, path: str) -> None:
    with connect(app) as asking:
        asking.sendall(f"POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        assert everything(asking).startswith(b"HTTP/1.1 404 ")


def test_a_target_with_the_whole_address_is_the_same_path(app: Running) -> None:
    with connect(app) as asking:
        asking.sendall(
            b"GET http://elsewhere.example/livez HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n"
        )
        assert everything(asking).startswith(b"HTTP/1.1 200 ")


async def test_many_connections_at_once_each_get_their_own_answer(app: Running) -> None:
    where = urlsplit(app.url)

    async def ask(number: int) -> bytes:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        method = b"GET" if number % 2 else b"DELETE"
        writer.write(b"%b /livez HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n" % method)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer[9:12]

    answers = await asyncio.gather(*(ask(number) for number in range(40)))
    assert answers == [b"405", b"200"] * 20


def test_pipelined_introspections_are_answered_in_their_order_with_io_or_without(app: Running) -> None:
    """A junk token needs no I/O and a live one waits for the projection: neither may overtake the other."""
    lives = [own_token(app, scope="api:read").access for _ in range(4)]
    asked = [token for live in lives for token in ("junk", live, "gl_at_junk")] * 5
    basic = app.clients["resource_server"].basic
    requests = b"".join(
        _introspection(token, basic, last=number == len(asked) - 1) for number, token in enumerate(asked)
    )

    with connect(app) as pipeline:
        pipeline.sendall(requests)
        answers = everything(pipeline)

    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert [json.loads(body)["active"] for body in bodies] == [token in lives for token in asked]


def test_a_caller_that_goes_away_in_the_middle_of_its_pipeline_harms_nobody(app: Running) -> None:
    live = own_token(app, scope="api:read").access
    basic = app.clients["resource_server"].basic
    for _ in range(20):
        with connect(app) as rude:
            rude.sendall(_introspection(live, basic, last=False) * 10)
    assert app.introspect(live)["active"] is True
    assert app.introspect("junk") == {"active": False}


def _introspection(token: str, basic: str, *, last: bool) -> bytes:
    body = f"token={token}".encode()
    return (
        b"POST /introspect HTTP/1.1\r\nHost: here\r\nAuthorization: %b\r\nConnection: %b\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b"
        % (basic.encode(), b"close" if last else b"keep-alive", len(body), body)
    )
