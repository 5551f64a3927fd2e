"""One life of one connection: RESP2, pipelined by itself.

Two laws:

1. Replies match commands by order alone, so whoever has been put into the queue stays there: a caller that goes away leaves
   its waiter behind, and the reply is thrown away when it comes.
2. Whatever breaks the order (a reply nobody asked for, bytes that are not RESP, silence) ends the connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis

from grantlog.ports import UnavailableError

Argument = bytes | str | int

_NOTHING = object()
"""hiredis's sign that no whole reply has arrived; no reply can be this."""
_GRACE = 0.02
"""A loop that was blocked runs its timers before it reads: look once more before a peer is called silent."""


class CommandError(Exception):
    """The server refused a command. Only the code is kept: the rest may repeat arguments."""

    def __init__(self, message: str) -> None:
        self.code, _, detail = message.partition(" ")
        super().__init__(self.code)
        self.redirect = detail if self.code in {"MOVED", "ASK"} else ""


class Waiter(Protocol):
    """Who waits for one reply. An ``asyncio.Future`` is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Takes the reply."""
        ...

    def set_exception(self, exception: Exception, /) -> None:
        """Takes a CommandError or an UnavailableError."""
        ...


def settle(waiter: Waiter, outcome: Any) -> None:
    """Hands an outcome to a waiter. Whatever the waiter does with it, nobody else is harmed."""
    if waiter.done():
        return
    if not isinstance(outcome, Exception):
        waiter.set_result(outcome)
        return
    waiter.set_exception(outcome)
    if isinstance(waiter, asyncio.Future):
        waiter.exception()  # nobody may be left to look at it, and asyncio would complain


class Wire(asyncio.Protocol):
    """Commands out, replies in, until it is lost; then every waiter gets an UnavailableError.

    ``timeout`` is in seconds: a reply that takes longer ends the connection within twice that. At most ``limit`` commands
    wait at a time. ``lost`` is called once, before the waiters are told.
    """

    def __init__(self, timeout: float, limit: int, lost: Callable[["Wire"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._limit = limit
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(replyError=CommandError, notEnoughData=_NOTHING)
        self._buffer: list[bytes] = []
        self._waiting: deque[Waiter] = deque()
        self._sent = 0
        self._received = 0
        self._expected = 0
        self._scheduled = False
        self._watch: asyncio.TimerHandle | None = None
        self._warned = False

    def submit(self, waiter: Waiter, *arguments: Argument) -> None:
        """Puts a command into the queue; it leaves with all others of this turn of the loop."""
        if self._transport is None:
            settle(waiter, UnavailableError("the connection to Redis is down"))
            return
        if len(self._waiting) >= self._limit:
            settle(waiter, UnavailableError("too many commands wait for Redis"))
            return
        # Its stub says a tuple of exactly one.
        self._buffer.append(hiredis.pack_command(arguments))  # type: ignore[arg-type]
        self._waiting.append(waiter)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Sends what has gathered, at once."""
        self._scheduled = False
        if not self._buffer or self._transport is None:
            return
        self._sent += len(self._buffer)
        self._transport.write(b"".join(self._buffer))
        self._buffer.clear()
        if self._watch is None:
            self._expect()

    def abort(self) -> None:
        """Ends it now."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop. Hands every whole reply to who has waited longest."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                waiter = self._waiting.popleft()
                self._received += 1
                self._hand_over(waiter, reply)
        except (hiredis.ProtocolError, IndexError):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the loop's signature
        """Called by the loop."""
        self._end()

    def _hand_over(self, waiter: Waiter, outcome: Any) -> None:
        try:
            settle(waiter, outcome)
        except Exception as error:  # noqa: BLE001  # a waiter's mistake must not cost the others their replies
            self._loop.call_exception_handler({"message": "a waiter failed on its reply", "exception": error})

    def _end(self) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        self._buffer.clear()
        self._lost(self)
        while self._waiting:
            self._hand_over(self._waiting.popleft(), UnavailableError("the connection to Redis was lost"))

    def _expect(self) -> None:
        self._expected = self._sent
        self._warned = False
        self._watch = self._loop.call_later(self._timeout, self._check)

    def _check(self) -> None:
        self._watch = None
        if self._received >= self._expected:
            if self._waiting:
                self._expect()
        elif self._warned:
            self.abort()
        else:
            self._warned = True
            self._watch = self._loop.call_later(_GRACE, self._check)
