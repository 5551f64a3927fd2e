"""A relay to PostgreSQL that keeps one answer to itself: the work is committed, and who asked for it waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class HoldingProxy:
    """Relays between a unix socket of its own and the server's."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._word: bytes | None = None
        self.held = asyncio.Event()
        """Set when an answer has been kept."""

    def hold_answer_to(self, word: bytes) -> None:
        """From the next request on that contains ``word``, its connection gets no answer any more."""
        self._word = word

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(self._server))
        silent = asyncio.Event()
        ways = (
            asyncio.create_task(self._forth(reader, upstream_writer, silent)),
            asyncio.create_task(self._back(upstream_reader, writer, silent)),
        )
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, upstream_writer):
            end.close()

    async def _forth(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 20):
                if self._word is not None and self._word in data:
                    silent.set()
                    self._word = None
                sink.write(data)
                await sink.drain()

    async def _back(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 20):
                if silent.is_set():
                    self.held.set()
                    continue
                sink.write(data)
                await sink.drain()


@asynccontextmanager
async def holding_proxy(url: str, directory: Path) -> AsyncIterator[tuple[str, HoldingProxy]]:
    """A proxy before the server of ``url``, in a directory of its own, and the URL that leads through it."""
    parts = urlsplit(url)
    (sockets,) = parse_qs(parts.query)["host"]
    proxy = HoldingProxy(Path(sockets) / SOCKET)
    server = await asyncio.start_unix_server(proxy.serve, str(directory / SOCKET))
    try:
        yield parts._replace(query=f"host={quote(str(directory))}").geturl(), proxy
    finally:
        server.close()
