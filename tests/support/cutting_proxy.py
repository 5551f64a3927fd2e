"""A relay to a PostgreSQL that can lose an answer: the server has done the work, and nobody hears of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class CuttingProxy:
    """Relays between a unix socket of its own and the server's."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._doomed = 0
        self.cuts = 0
        self._relays: set[asyncio.Task[None]] = set()

    def lose_answers(self, number: int) -> None:
        """Drops the next ``number`` answers that carry rows, each with its connection."""
        self._doomed = number

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(self._server))
        async with asyncio.TaskGroup() as group:
            forth = group.create_task(self._relay(reader, upstream_writer))
            back = group.create_task(self._relay(upstream_reader, writer, watched=True))
            await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
            for end in (writer, upstream_writer):
                end.close()
            forth.cancel()
            back.cancel()

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, watched: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                # A DataRow message ("D") says that this is no handshake and no error.
                if watched and self._doomed and b"D\x00" in data:
                    self._doomed -= 1
                    self.cuts += 1
                    return
                sink.write(data)
                await sink.drain()


@asynccontextmanager
async def cutting_proxy(url: str, directory: Path) -> AsyncIterator[tuple[str, CuttingProxy]]:
    """A proxy before the server of ``url``, in a directory of its own, and the URL that leads through it."""
    parts = urlsplit(url)
    (sockets,) = parse_qs(parts.query)["host"]
    proxy = CuttingProxy(Path(sockets) / SOCKET)
    server = await asyncio.start_unix_server(proxy.serve, str(directory / SOCKET))
    try:
        yield parts._replace(query=f"host={quote(str(directory))}").geturl(), proxy
    finally:
        server.close()
