"""One MGET for everybody who asked in one turn of the event loop, and what its reply means."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from grantlog.adapters.redis.layout import Ready, decode_family, decode_ready
from grantlog.core.identifiers import MICROS, Micros, StreamId
from grantlog.ports import Snapshot, UnavailableError
from grantlog.projections.family import UnreadableFamilyError

AHEAD = MICROS
"""A beat further ahead (µs) of what we take for PostgreSQL's time says that we do not know that time."""


class LearningClock(Protocol):
    """PostgreSQL's time as this process knows it, never ahead of the real one (``adapters.clock``)."""

    def now(self) -> Micros:
        """The moment. Raises UnavailableError while it is not known at all."""
        ...

    def learn(self, moment: Micros) -> None:
        """Takes note that PostgreSQL's time is ``moment`` or later."""
        ...


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a reader believes: a beat no older than ``lease`` (µs)."""

    clock: LearningClock
    lease: int

    def now(self) -> Micros:
        """PostgreSQL's time; 0 while nobody knows it, which no beat is near to."""
        try:
            return self.clock.now()
        except UnavailableError:
            return Micros(0)

    def believes(self, ready: Ready, run_id: str) -> bool:
        """Whether what ``ready`` stands beside may be believed, read from the server with this run id.

        A beat is a moment of PostgreSQL's that has passed, so one slightly ahead of our clock teaches it. Learning from
        beats alone is barred: whoever starts beside a cut-off primary would take its last beat for now.
        """
        if ready.run_id != run_id:
            return False
        ahead = ready.beat - self.now()
        if ahead > AHEAD:
            return False
        if ahead > 0:
            self.clock.learn(ready.beat)
        return -ahead < self.lease


class Owner(Protocol):
    """Who sends a reading, and wants to know how it went."""

    def read_again(self, reading: "Reading", generation: int) -> None:
        """``ready`` names another generation than the one that was read: reads that one for the same callers."""
        ...

    def note(self, tag: int, *, believed: bool) -> None:
        """Takes note whether the projection behind a tag was believed."""
        ...

    def noticed(self, error: Exception) -> None:
        """Takes note of why a server did not answer."""
        ...


class Reading:
    """The callers of one MGET behind one tag; the connection's waiter for its reply.

    ``run_id`` is the server's at the time of sending. ``second``: this is the second try, and there is no third.
    """

    def __init__(self, owner: Owner, trust: Trust, tag: int, generation: int, *, second: bool = False) -> None:
        self.tag = tag
        self.generation = generation
        self.run_id = ""
        self.callers: dict[StreamId, list[asyncio.Future[Snapshot]]] = {}
        self._owner = owner
        self._trust = trust
        self._second = second
        self._done = False

    def done(self) -> bool:
        """Whether every caller has an answer, or is promised one by another reading."""
        return self._done

    def set_result(self, result: Any, /) -> None:
        """Takes the reply: ``ready``, then a value for each stream, in the order of ``callers``."""
        try:
            self._take(result)
        finally:
            # Whatever went wrong above, nobody may be left waiting.
            if not self._done:
                self._distrust()

    def set_exception(self, exception: Exception, /) -> None:
        """The store is gone, or refused."""
        try:
            self._owner.noticed(exception)
        finally:
            self._distrust()

    def _take(self, reply: list[bytes | None]) -> None:
        ready = decode_ready(reply[0])
        if ready is None or not self._trust.believes(ready, self.run_id):
            return
        if ready.generation != self.generation:
            if not self._second:
                self._done = True
                self._owner.read_again(self, ready.generation)
            return
        self._owner.note(self.tag, believed=True)
        now = self._trust.now()
        for index, callers in enumerate(self.callers.values(), 1):
            _settle(callers, _snapshot(ready, reply[index], now))
        self._done = True

    def _distrust(self) -> None:
        self._done = True
        self._owner.note(self.tag, believed=False)
        nothing = Snapshot(False, 0, 0, None, self._trust.now())
        for callers in self.callers.values():
            _settle(callers, nothing)


def _settle(callers: list[asyncio.Future[Snapshot]], snapshot: Snapshot) -> None:
    for caller in callers:
        if not caller.done():
            caller.set_result(snapshot)


def _snapshot(ready: Ready, value: bytes | None, now: Micros) -> Snapshot:
    if value is None:
        return Snapshot(True, ready.gate_sequence, 0, None, now)
    try:
        family = decode_family(value)
    except UnreadableFamilyError:
        return Snapshot(False, ready.gate_sequence, 0, None, now)
    return Snapshot(True, ready.gate_sequence, family.version, family, now)
