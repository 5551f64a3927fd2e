"""One connection to one server for the whole process: it comes back by itself, and knows whom it talks to."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog

from grantlog.adapters.redis.address import Address
from grantlog.adapters.redis.wire import Argument, CommandError, Waiter, Wire, settle
from grantlog.ports import UnavailableError

_log = structlog.get_logger()

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0


class Connection:
    """An auto-pipelining connection (design section 5). ``run_id`` is the server's, None while it is down.

    ``epoch`` counts the lives of the connection: what was known of the server in an earlier one is not known now. Commands
    are never sent again by themselves. ``timeout`` (seconds) bounds the wait for a reply, ``limit`` how many may wait.
    ``lost`` is called when the server cannot be reached any more.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout: float = 0.25,
        limit: int = 16_384,
        lost: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self.run_id: str | None = None
        self.epoch = 0
        self._timeout = timeout
        self._limit = limit
        self._lost = lost
        self._wire: Wire | None = None
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._said = ""

    def start(self) -> None:
        """Begins to connect, and to reconnect for as long as it is open."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Ends it. What still waits gets an UnavailableError."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        if self._wire is not None:
            self._wire.abort()

    async def usable(self, seconds: float) -> bool:
        """Waits until it is up, at most this long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), seconds)
        return self.run_id is not None

    def execute(self, *arguments: Argument) -> asyncio.Future[Any]:
        """Sends a command with all others of this turn of the loop. Bytes come back as bytes.

        The future raises CommandError where the server refused, UnavailableError where the connection is down or was lost;
        the command may then have been carried out or not.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.submit(future, *arguments)
        return future

    def submit(self, waiter: Waiter, *arguments: Argument) -> None:
        """The same for any waiter, without a turn of the loop between the reply and it."""
        if self._wire is None:
            settle(waiter, UnavailableError("the connection to Redis is down"))
        else:
            self._wire.submit(waiter, *arguments)

    def flush(self) -> None:
        """Sends what has gathered in this turn of the loop at once."""
        if self._wire is not None:
            self._wire.flush()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            await self._live_once()
            # Who accepts us only to hang up is not to be called without a pause either.
            pause = FIRST_PAUSE if loop.time() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _live_once(self) -> None:
        """Connects, and returns when the connection is lost, or could not be made."""
        self._gone.clear()
        try:
            run_id, wire = await self._connect()
        except Exception as error:  # noqa: BLE001  # whatever stood in the way: the process must not lose it for good
            self._say("redis_unreachable", reason=_reason(error))
            return
        if self._gone.is_set():
            return
        self._wire, self.run_id = wire, run_id
        self.epoch += 1
        self._up.set()
        self._said = ""
        await self._gone.wait()
        self._say("redis_connection_lost")

    def _say(self, what: str, **more: str) -> None:
        """Logs once what would otherwise be repeated with every attempt."""
        if self._said != what:
            self._said = what
            _log.warning(what, **more)

    async def _connect(self) -> tuple[str, Wire]:
        """A wire past its greeting. Raises what stood in the way."""
        loop = asyncio.get_running_loop()

        def make() -> Wire:
            return Wire(self._timeout, self._limit, self._down)

        async with asyncio.timeout(max(1.0, 4 * self._timeout)):
            address = self.address
            if address.path is not None:
                _, wire = await loop.create_unix_connection(make, address.path)
            else:
                name = address.host if address.tls is not None else None
                _, wire = await loop.create_connection(
                    make, address.host, address.port, ssl=address.tls, server_hostname=name
                )
            try:
                return await _greet(wire, address), wire
            except BaseException:
                wire.abort()
                raise

    def _down(self, wire: Wire) -> None:
        """Called by the wire before any waiter learns that it is lost."""
        if self._wire in {None, wire}:
            self.run_id = None
            self._wire = None
            self._up.clear()
            self._gone.set()
            if self._lost is not None:
                self._lost()


async def _greet(wire: Wire, address: Address) -> str:
    """Authenticates, chooses the database and asks who is there: the run id."""

    def ask(*arguments: Argument) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        wire.submit(future, *arguments)
        return future

    if address.password is not None:
        names = () if address.username is None else (address.username,)
        await ask(b"AUTH", *names, address.password)
    if address.database:
        await ask(b"SELECT", address.database)
    text: bytes = await ask(b"INFO", b"server")
    for line in text.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"run_id" and value:
            return value.decode("ascii")
    raise UnavailableError("the server does not say its run id")


def _reason(error: Exception) -> str:
    """A private, stable word for the log; never the text, which may name hosts and users."""
    return error.code if isinstance(error, CommandError) else type(error).__name__
