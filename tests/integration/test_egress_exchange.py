"""A posted form whose answer is read (a token endpoint of somebody else): bounded, without redirects, nowhere inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from grantlog.adapters.egress import ANSWER_LIMIT, open_egress
from grantlog.ports import Fetched, UnavailableError

HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic eDp5"}


@asynccontextmanager
async def answering(answer: web.Response) -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server on loopback that gives one answer: its URL, and what it was posted."""
    posted: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        posted.append((request.headers["Authorization"], await request.read()))
        return answer

    app = web.Application()
    app.router.add_post("/token", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/token", posted
    finally:
        await runner.cleanup()


async def test_the_answer_to_a_form_is_read_whatever_its_status() -> None:
    answer = web.json_response({"error": "invalid_grant"}, status=400)
    async with answering(answer) as (url, posted), open_egress(private=True) as egress:
        fetched = await egress.exchange(url, b"a=b", HEADERS)
    assert fetched == Fetched(400, "application/json", b'{"error": "invalid_grant"}')
    assert posted == [("Basic eDp5", b"a=b")]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=302, headers={"Location": "/token"}),
        web.Response(body=bytes(ANSWER_LIMIT + 1)),
        web.Response(body=b"x", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["a redirect", "too long", "compressed"],
)
async def test_what_is_no_plain_short_answer_is_none(answer: web.Response) -> None:
    async with answering(answer) as (url, posted), open_egress(private=True) as egress:
        with pytest.raises(UnavailableError):
            await egress.exchange(url, b"a=b", HEADERS)
    assert len(posted) == 1, "and nobody is asked twice"


async def test_no_form_leaves_for_an_address_inside() -> None:
    async with answering(web.Response()) as (url, posted), open_egress(private=False) as egress:
        for target in (url, url.replace("http:", "https:"), "https://localhost/token", "https://user:x@example.com/"):
            with pytest.raises(UnavailableError) as refused:
                await egress.exchange(target, b"a=b", HEADERS)
            assert target not in str(refused.value)
    assert not posted
