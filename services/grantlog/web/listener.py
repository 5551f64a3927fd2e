"""The server on the wire: from a parsed request to its row of the table, by two look-ups.

Every path of the table is fixed, so nothing is left for a router to match. Peers that open a connection and then say
nothing, or dribble, are hung up on: the server may face the network itself.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from grantlog.web.routes import Handler

BODY_LIMIT = 64 * 1024
FIRST_SECONDS = 15.0
"""So long a new connection may take to its first request."""
QUIET_SECONDS = 90.0
"""So long a connection lives without another request; a request that has not ended by then was not going to."""
LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Who answers what: handlers by path and method (``*``: any other), and for unknown paths."""

    paths: Mapping[str, Mapping[str, Handler]]
    unknown: Handler


DISPATCH = web.AppKey("dispatch", Dispatch)


class Listener(web.Server):
    """An application's low-level server. ``app`` is what handlers find as ``request.app``."""

    def __init__(self, app: web.Application) -> None:
        self._dispatch = app[DISPATCH]
        self._heard: dict[RequestHandler, float] = {}
        """When each connection has brought its last request; below zero: when it was opened, and nothing yet."""
        super().__init__(self._answer, request_factory=self._request_factory(app), access_log=None)
        self._clock = asyncio.get_running_loop().time
        self._looking = asyncio.create_task(self._hang_up())

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Notes when the connection was opened."""
        self._heard[handler] = -self._clock()
        super().connection_made(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forgets it."""
        self._heard.pop(handler, None)
        super().connection_lost(handler, exc)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the library's signature
        """Lets requests under way finish, for at most ``timeout`` seconds."""
        self._looking.cancel()
        await super().shutdown(timeout)

    def _request_factory(self, app: web.Application) -> Any:
        loop, heard = asyncio.get_running_loop(), self._heard

        class Request(web.Request):
            """A request that knows its application without having been routed by it."""

            @property
            def app(self) -> web.Application:
                return app

        def factory(
            message: RawRequestMessage,
            payload: StreamReader,
            protocol: RequestHandler,
            writer: AbstractStreamWriter,
            task: "asyncio.Task[None]",
        ) -> Request:
            heard[protocol] = loop.time()
            return Request(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)

        return factory

    async def _answer(self, request: Any) -> web.StreamResponse:
        if "Expect" in request.headers:
            _go_on(request)
        methods = self._dispatch.paths.get(request.rel_url.raw_path)
        if methods is None:
            return await self._dispatch.unknown(request)
        return await (methods.get(request.method) or methods["*"])(request)

    async def _hang_up(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._clock()
            for handler, heard in list(self._heard.items()):
                late = now + heard > FIRST_SECONDS if heard < 0 else now - heard > QUIET_SECONDS
                if late and handler.transport is not None:
                    handler.transport.abort()


def _go_on(request: web.Request) -> None:
    """RFC 9110 section 10.1.1: "a server MUST send a 100 (Continue) response" before it reads a body that waits for one."""
    if request.headers["Expect"].lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def runner_of(app: web.Application, *, shutdown_timeout: float) -> web.ServerRunner:
    """What serves an application of ours. Needs a running loop."""
    return web.ServerRunner(Listener(app), shutdown_timeout=shutdown_timeout)
