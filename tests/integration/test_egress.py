"""Outgoing requests go nowhere but to public addresses, and come back in bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.resolver import ThreadedResolver
from tests.support.servers import free_port

from grantlog.adapters.egress import ANSWER_LIMIT, HttpEgress, is_public, open_egress
from grantlog.ports import UnavailableError

INSIDE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104  # nothing binds here
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "2001:0:5ef5:79fb::1",
)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_lead_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@asynccontextmanager
async def receiver(answer: web.Response | None = None) -> AsyncIterator[tuple[int, list[tuple[str, bytes]]]]:
    """A server on loopback: its port, and what it was posted."""
    posted: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        posted.append((request.headers.get("Idempotency-Key", ""), await request.read()))
        return answer or web.Response(status=204)

    async def endless(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        for _ in range(64 * ANSWER_LIMIT // 1024):
            await stream.write(bytes(1024))
        return stream

    app = web.Application()
    app.router.add_post("/hook", take)
    app.router.add_post("/endless", endless)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port, posted
    finally:
        await runner.cleanup()


async def refused(egress: HttpEgress, url: str) -> bool:
    try:
        await egress.post(url, b"{}", {})
    except UnavailableError:
        return True
    return False


async def test_it_posts_and_returns_the_status() -> None:
    async with receiver() as (port, posted), open_egress(private=True) as egress:
        assert await egress.post(f"http://127.0.0.1:{port}/hook", b"{}", {"Idempotency-Key": "k"}) == 204
        assert posted == [("k", b"{}")]


async def test_a_redirect_is_an_answer_never_followed() -> None:
    there = web.Response(status=302, headers={"Location": "/hook"})
    async with receiver(there) as (port, posted), open_egress(private=True) as egress:
        assert await egress.post(f"http://127.0.0.1:{port}/hook", b"{}", {}) == 302
        assert len(posted) == 1


async def test_an_answer_without_end_does_not_hold_it() -> None:
    async with receiver() as (port, _), open_egress(private=True) as egress:
        async with asyncio.timeout(5):
            assert await egress.post(f"http://127.0.0.1:{port}/endless", b"{}", {}) == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0"]
)
async def test_no_spelling_of_loopback_is_reached(host: str) -> None:
    async with receiver() as (port, posted), open_egress(private=False) as egress:
        assert await refused(egress, f"https://{host}:{port}/hook")
        assert posted == []


async def test_a_name_is_judged_by_where_it_leads_not_by_its_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    async def inside(_self: ThreadedResolver, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        tried.append(host)
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 6, "flags": 0}]

    monkeypatch.setattr(ThreadedResolver, "resolve", inside)
    connections: list[object] = []
    server = await asyncio.start_server(lambda *streams: connections.append(streams), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_egress(private=False) as egress:
        assert await refused(egress, f"https://hooks.example:{port}/hook")
        await asyncio.sleep(0.05)
    assert tried == ["hooks.example"]
    assert connections == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://user:secret@hooks.example/",
        "https:///hook",
        "not a url",
        "https://[::1/",
        "https://hooks.example:99999/",
    ],
)
async def test_a_url_that_is_none_of_ours_is_refused_and_not_repeated(url: str) -> None:
    async with open_egress(private=False) as egress:
        with pytest.raises(UnavailableError) as raised:
            await egress.post(url, b"{}", {})
    assert "secret" not in str(raised.value)
    assert "hooks" not in str(raised.value)


async def test_a_receiver_that_is_gone_is_unavailable() -> None:
    async with open_egress(private=True) as egress:
        assert await refused(egress, f"http://127.0.0.1:{free_port()}/")
