"""Documents from addresses that others chose: one request for everybody, in bounds, and never from inside."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web
from aiohttp.resolver import ThreadedResolver
from tests.support.certificates import made, named
from tests.support.servers import free_port

from grantlog.adapters import egress as module
from grantlog.adapters.egress import ANSWER_LIMIT, HttpEgress, is_loopback, open_egress
from grantlog.ports import Fetched, UnavailableError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    answer: Answer, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server on loopback: its URL, and what it was asked."""
    asked: list[web.Request] = []

    async def take(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{port}/doc", asked
    finally:
        await runner.cleanup()


def saying(body: bytes = b"{}", status: int = 200, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        given = {"Content-Type": "application/json; charset=utf-8"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return web.Response(body=body, status=status, headers=given)

    return answer


async def refused(egress: HttpEgress, url: str) -> str:
    with pytest.raises(UnavailableError) as caught:
        await egress.get(url)
    assert url not in str(caught.value)
    return str(caught.value)


async def test_a_document_comes_with_its_status_and_type() -> None:
    async with serving(saying(b'{"a": 1}')) as (url, asked), open_egress(private=True) as egress:
        assert await egress.get(url, accept="text/x") == Fetched(200, "application/json", b'{"a": 1}')
        assert asked[0].headers["Accept"] == "text/x"
        assert {"Cookie", "Authorization"}.isdisjoint(asked[0].headers)


async def test_a_redirect_is_not_followed() -> None:
    async with serving(saying(status=302, Location="/elsewhere")) as (url, asked), open_egress(private=True) as egress:
        await refused(egress, url)
        assert len(asked) == 1


async def test_the_longest_document_is_read_and_a_longer_one_is_none() -> None:
    for size, ok in ((ANSWER_LIMIT, True), (ANSWER_LIMIT + 1, False)):
        async with serving(saying(b"x" * size)) as (url, _), open_egress(private=True) as egress:
            if ok:
                assert len((await egress.get(url)).body) == size
            else:
                await refused(egress, url)


async def test_an_answer_that_does_not_end_in_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        for _ in range(100):
            await stream.write(b"x")
            await asyncio.sleep(0.05)
        return stream

    monkeypatch.setattr(module, "TOTAL_SECONDS", 0.3)
    async with serving(slowly) as (url, _), open_egress(private=True) as egress:
        began = asyncio.get_running_loop().time()
        await refused(egress, url)
        assert asyncio.get_running_loop().time() - began < 2


async def test_a_compressed_document_is_none() -> None:
    answer = saying(b"x", Content_Encoding="gzip")
    async with serving(answer) as (url, asked), open_egress(private=True) as egress:
        await refused(egress, url)
        assert asked[0].headers["Accept-Encoding"] == "identity"


async def test_callers_of_one_moment_share_one_request() -> None:
    async with serving(saying()) as (url, asked), open_egress(private=True) as egress:
        found = await asyncio.gather(*(egress.get(url) for _ in range(20)))
        assert (len(asked), len(set(map(id, found)))) == (1, 1)
        await egress.get(url)
        assert len(asked) == 2, "what is good is not kept here"


async def test_a_caller_that_goes_away_takes_the_document_from_nobody() -> None:
    go = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        await go.wait()
        return web.Response()

    async with serving(wait) as (url, asked), open_egress(private=True) as egress:
        first, second = (asyncio.create_task(egress.get(url)) for _ in range(2))
        while not asked:  # noqa: ASYNC110  # polled from outside
            await asyncio.sleep(0.01)
        first.cancel()
        go.set()
        assert (await second).status == 200


@pytest.mark.parametrize("answer", [saying(status=302), saying(status=500), saying(b"x" * (ANSWER_LIMIT + 1))])
async def test_a_failure_is_remembered_for_a_moment(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer) as (url, asked), open_egress(private=True) as egress:
        for _ in range(3):
            try:
                assert (await egress.get(url)).status == 500
            except UnavailableError:
                continue
        assert len(asked) == 1
        monkeypatch.setattr(module, "monotonic", lambda: monotonic() + 60)
        with suppress(UnavailableError):
            await egress.get(url)
        assert len(asked) == 2


async def test_only_so_many_failures_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FAILURES_LIMIT", 2)
    async with serving(saying(status=404)) as (url, asked), open_egress(private=True) as egress:
        for name in ("a", "b", "c", "a"):
            await egress.get(url + name)
        assert len(asked) == 4


async def test_only_so_many_documents_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITING_LIMIT", 1)
    go = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        await go.wait()
        return web.Response()

    async with serving(wait) as (url, _), open_egress(private=True) as egress:
        first = asyncio.create_task(egress.get(url))
        await asyncio.sleep(0)
        await refused(egress, url + "2")
        go.set()
        assert (await first).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "https://user:password@1.1.1.1/",
        "https:///x",
        "https://1.1.1.1:0/",
        "https://1.1.1.1:x/",
        "https://[::1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_only_https_urls_are_asked(url: str) -> None:
    async with open_egress(private=False) as strict, open_egress(private=True) as loose:
        for egress in (strict, loose):
            with pytest.raises(UnavailableError):
                await egress.get(url)


async def test_loopback_is_for_development_alone_and_nothing_else_inside_ever_is() -> None:
    async with serving(saying()) as (url, asked):
        port = url.split(":")[2]
        async with open_egress(private=False) as strict:
            for where in (url, url.replace("http", "https"), f"https://localhost:{port}"):
                await refused(strict, where)
        async with open_egress(private=True) as loose:
            assert (await loose.get(url)).status == 200
            assert (await loose.get(f"http://localhost:{port}")).status == 200
            for inside in ("10.0.0.1", "192.168.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "[fe80::1]", "0.0.0.0"):  # noqa: S104  # nothing binds here
                await refused(loose, f"http://{inside}:{port}/")
                await refused(loose, f"https://{inside}:{port}/")
        assert len(asked) == 2


async def test_a_name_that_leads_inside_is_refused_where_the_socket_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside(_self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family or 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(ThreadedResolver, "resolve", inside)
    async with serving(saying()) as (url, asked), open_egress(private=False) as egress:
        await refused(egress, f"https://public.example:{url.split(':')[2]}")
        assert not asked


async def test_https_is_verified(tmp_path: Path) -> None:
    server = made(named("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server.written(tmp_path, "server"))
    async with serving(saying(), context) as (url, asked), open_egress(private=True) as egress:
        await refused(egress, url)
        assert not asked


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", False), ("10.0.0.1", False)],
)
def test_only_plain_loopback_is_loopback(address: str, own: bool) -> None:  # the expectation
    assert is_loopback(address) is own
