"""What the server is compared with, each in a process of its own: ``python -m ops.bench.standins <name> <file of its job>``.

- ``bare``: an aiohttp application without work. ``/form`` reads the form as aiohttp users do (``await request.post()``),
  ``/read`` only reads the body; both answer the bytes and headers they were given.
- ``wire``: no HTTP server at all, the same answer to whatever arrives: what the load generator itself can do.
- ``forgetful``: the server's own application on stores that keep nothing.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, cast

import uvloop
from aiohttp import web
from aiohttp.web_runner import BaseRunner
from ops.bench.forgetful import forgetful_service
from ops.bench.settings import settings_for

from grantlog.cli.serve import settle_heap
from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.web.app import create_app
from grantlog.web.listener import BODY_LIMIT, runner_of

BACKLOG = 1024


def bare(body: bytes, headers: dict[str, str]) -> web.Application:
    """Reads the form and answers what it was given."""
    content_type = headers["Content-Type"]
    others = {name: value for name, value in headers.items() if name != "Content-Type"}

    def answer() -> web.Response:
        return web.Response(body=body, content_type=content_type, headers=others)

    async def form(request: web.Request) -> web.Response:
        (await request.post()).get("token")
        return answer()

    async def read(request: web.Request) -> web.Response:
        await request.read()
        return answer()

    app = web.Application(client_max_size=BODY_LIMIT)
    app.add_routes([web.post("/form", form), web.post("/read", read)])
    return app


class Wire(asyncio.Protocol):
    """Answers every piece that arrives; right for clients that send a request at a time in one piece."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # whatever it says
        """Answers."""
        assert self._transport is not None
        self._transport.write(self._answer)


async def serve(runner: BaseRunner, port: int) -> None:
    """Serves as ``grantlog serve`` does, for ever."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    settle_heap()
    await asyncio.Event().wait()


async def main(name: str, job: dict[str, Any]) -> None:
    """Runs one stand-in until it is killed."""
    port: int = job["port"]
    match name:
        case "bare":
            application = bare(job["body"].encode(), job["headers"])
            await serve(web.AppRunner(application, access_log=None, handle_signals=False), port)
        case "wire":
            fields = "".join(f"{field}: {value}\r\n" for field, value in job["headers"].items())
            body: str = job["body"]
            answer = f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            server = await asyncio.get_running_loop().create_server(
                lambda: Wire(answer), "127.0.0.1", port, backlog=BACKLOG
            )
            await server.serve_forever()
        case "forgetful":
            settings = settings_for("postgresql://nowhere", "unix://nowhere", port)
            metadata = ClientMetadata(name="Bench", grant_types=("client_credentials",), scope=tuple(job["scope"]))
            service = await forgetful_service(settings, ClientId(job["client_id"]), job["client_secret"], metadata)
            await serve(runner_of(create_app(service, settings, "issuer"), shutdown_timeout=1.0), port)
        case _:
            raise SystemExit(f"there is no stand-in {name}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
