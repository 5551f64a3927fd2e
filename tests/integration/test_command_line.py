"""The command line: what it prints, how it fails, and how ``serve`` listens and ends."""

import asyncio
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner
from tests.support.servers import free_port

from grantlog.cli import grantlog, output
from grantlog.cli import serve as serving
from grantlog.core.decision import Refused
from grantlog.flows.operators import CommandRefusedError
from grantlog.ports import UnavailableError
from grantlog.settings import Settings, SettingsError, read_settings
from grantlog.web.keys import LIFE, Life
from grantlog.web.listener import DISPATCH, Dispatch


def settings(**changes: str) -> Settings:
    values = {
        "GRANTLOG_DEV": "true",
        "GRANTLOG_ISSUER": "http://127.0.0.1:8000",
        "GRANTLOG_DATABASE_URL": "postgresql://nowhere/none",
        "GRANTLOG_REDIS_URL": "redis://nowhere/0",
        **{f"GRANTLOG_{name.upper()}": text for name, text in changes.items()},
    }
    return read_settings(values)


def test_json_is_one_document_and_a_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output.show({"client_id": "web", "uris": ["a", "b"], "ok": True, "none": None}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"client_id": "web", "uris": ["a", "b"], "ok": True, "none": None}
    output.show({"client_id": "web", "uris": ["a", "b"], "ok": True, "none": None}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "client id  web",
        "uris       a b",
        "ok         yes",
        "none       -",
    ]
    rows = [{"client_id": "web", "name": "[bold]Shop[/]"}]
    output.show_rows(rows, ["client_id", "name"], as_json=True)
    assert json.loads(capsys.readouterr().out) == rows
    output.show_rows(rows, ["client_id", "name"], as_json=False)
    printed = capsys.readouterr().out
    assert "client id" in printed
    assert "[bold]Shop[/]" in printed


def test_what_others_chose_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.show({"name": "a\x1b[2Jb\r\nc\u202e"}, as_json=False)
    assert capsys.readouterr().out == "name  a\N{REPLACEMENT CHARACTER}[2Jb" + "\N{REPLACEMENT CHARACTER}" * 2 + (
        "c\N{REPLACEMENT CHARACTER}\n"
    )


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (SettingsError("GRANTLOG_ISSUER: missing"), 78, "GRANTLOG_ISSUER: missing"),
        (UnavailableError("the log does not answer", 3), 75, "the log does not answer; try again in 3 s"),
        (CommandRefusedError(Refused("invalid_client", "the client is not known", "client_unknown")), 1, "not known"),
    ],
)
def test_what_is_known_to_go_wrong_is_a_sentence_and_a_status(
    error: Exception, status: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Settings:
        raise error

    monkeypatch.setattr("grantlog.cli.serve.read_settings", refuse)
    answer = CliRunner().invoke(grantlog, ["serve"])
    assert answer.exit_code == status
    assert text in answer.output
    assert "Traceback" not in answer.output


def test_an_unknown_command_is_refused() -> None:
    answer = CliRunner().invoke(grantlog, ["nonsense"])
    assert answer.exit_code == 2
    assert "No such command" in answer.output


def test_outside_development_an_http_issuer_ends_the_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GRANTLOG_"):
            monkeypatch.delenv(name)
    for name, text in {"ISSUER": "http://example.com", "DATABASE_URL": "x", "REDIS_URL": "y"}.items():
        monkeypatch.setenv(f"GRANTLOG_{name}", text)
    answer = CliRunner().invoke(grantlog, ["serve"])
    assert answer.exit_code == 78
    assert "GRANTLOG_ISSUER must be https" in answer.output


@pytest.mark.parametrize(
    ("role", "own", "expected"),
    [
        ("all", None, [("all", 8001)]),
        ("all", "8001", [("all", 8001)]),
        ("all", "8002", [("issuer", 8001), ("introspection", 8002)]),
        ("introspection", None, [("introspection", 8001)]),
        ("introspection", "8002", [("introspection", 8002)]),
        ("issuer", "8002", [("issuer", 8001)]),
    ],
)
def test_introspection_moves_to_a_listener_of_its_own(
    role: str, own: str | None, expected: list[tuple[str, int]]
) -> None:
    given = settings(port="8001", **({} if own is None else {"introspection_port": own}))
    assert [(each.role, each.port) for each in serving.listeners(given, role)] == expected


def test_half_a_certificate_or_none_that_can_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    assert serving.tls_context(settings()) is None
    with pytest.raises(SettingsError, match="go together"):
        serving.tls_context(settings(tls_certificate=str(tmp_path / "certificate")))
    empty = tmp_path / "empty"
    empty.touch()
    for path in (empty, tmp_path / "missing"):
        with pytest.raises(SettingsError, match="GRANTLOG_TLS_CERTIFICATE"):
            serving.tls_context(settings(tls_certificate=str(path), tls_key=str(path)))


def test_our_own_tls_is_never_older_than_1_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", lambda *_: None)
    context = serving.tls_context(settings(tls_certificate=str(tmp_path / "c"), tls_key=str(tmp_path / "k")))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


class Stage:
    """``serve`` with a service and an application of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.entered = asyncio.Event()
        self.finish = asyncio.Event()
        self.app: web.Application | None = None
        for name, value in {"open_service": self.open, "create_app": self.create, "metrics_app": self.metrics}.items():
            monkeypatch.setattr(serving, name, value)

    @asynccontextmanager
    async def open(self, _settings: Settings) -> AsyncIterator[None]:
        self.events.append("service opened")
        try:
            yield None
        finally:
            self.events.append("service closed")

    def create(self, _service: Any, _settings: Settings, _role: str) -> web.Application:
        async def slow(_request: web.Request) -> web.Response:
            self.entered.set()
            await self.finish.wait()
            self.events.append("request finished")
            return web.Response(text="done")

        self.app = web.Application()
        self.app[LIFE] = Life()
        self.app[DISPATCH] = Dispatch({"/slow": {"GET": slow}}, slow)
        return self.app

    def metrics(self, _service: Any, _worker: str) -> web.Application:
        return web.Application()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # it is a socket that changes, and sockets set no events
            await asyncio.sleep(0.01)


async def test_when_asked_to_end_it_finishes_requests_and_then_closes(stage: Stage) -> None:
    port = free_port()
    given = settings(port=str(port), metrics_port=str(free_port()))
    started = asyncio.Event()
    serving_task = asyncio.create_task(serving.serve_until_asked(given, "introspection", None, started.set))
    await started.wait()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/slow"))
        await stage.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: stage.app is not None and stage.app[LIFE].draining)

        async def refuses() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return True
            writer.close()
            await writer.wait_closed()
            return False

        async with asyncio.timeout(10):
            while not await refuses():  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)
        assert not serving_task.done()
        stage.finish.set()
        async with await asking as answer:
            assert await answer.text() == "done"
    await serving_task
    assert stage.events == ["service opened", "request finished", "service closed"]


async def test_an_address_that_is_taken_is_a_wrong_setting(stage: Stage) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    given = settings(port=str(port), metrics_port=str(free_port()))
    try:
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
            await serving.serve_until_asked(given, "introspection", None, lambda: None)
    finally:
        server.close()
        await server.wait_closed()
    assert stage.events == ["service opened", "service closed"]
