"""A server that speaks as much RESP as a greeting needs, and otherwise says what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis
from tests.support.servers import short_directory

RUN_ID = "a" * 40
INFO = f"# Server\r\nrun_id:{RUN_ID}\r\ntcp_port:0\r\n"

Answer = Callable[[list[bytes]], bytes]
"""From a command's words to the bytes that are sent back."""


def bulk(text: str) -> bytes:
    """A bulk string."""
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


class FakeRedis:
    """Counts its connections and keeps the commands it was sent, the greeting left out."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.url = f"unix://{path}"
        self.commands: list[list[bytes]] = []
        self.connections = 0
        self.chunk = 0
        """Answers leave in pieces of so many bytes; 0: whole."""
        self._answer = answer
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        self.connections += 1
        self._writers.append(writer)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(65_536):
                parser.feed(data)
                while (words := parser.gets()) is not False:
                    await self._reply(words, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _reply(self, words: list[bytes], writer: asyncio.StreamWriter) -> None:
        if words[0] == b"INFO":
            answer = bulk(INFO)
        else:
            self.commands.append(words)
            answer = self._answer(words)
        step = self.chunk or max(1, len(answer))
        for start in range(0, len(answer), step):
            writer.write(answer[start : start + step])
            await writer.drain()
            if self.chunk:
                await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Ends all connections."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()


@asynccontextmanager
async def fake_redis(answer: Answer) -> AsyncIterator[FakeRedis]:
    """Serves on a unix socket of its own."""
    with short_directory() as directory:
        fake = FakeRedis(directory / "s.sock", answer)
        server = await asyncio.start_unix_server(fake.serve, directory / "s.sock")
        try:
            yield fake
        finally:
            fake.hang_up()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0.01)
