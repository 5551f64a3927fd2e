"""A log, a projection and candidates for the role ``tail`` on memory ports, under the machine's clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from tests.support import appends

from grantlog.adapters.memory.clock import MachineClock
from grantlog.adapters.memory.event_log import MemoryEventLog
from grantlog.adapters.memory.leases import MemoryLeases
from grantlog.adapters.memory.log_tail import MemoryLogTail
from grantlog.adapters.memory.outbox import MemoryOutbox
from grantlog.adapters.memory.queries import MemoryDeadLetters, MemoryPartitions, MemoryQueries
from grantlog.adapters.memory.read_model import MemoryProjection
from grantlog.core.grant.standing import family_of
from grantlog.core.identifiers import ClientId, Micros, StreamId
from grantlog.core.incident.decide import FindingKind, Record, record
from grantlog.core.incident.events import FindingRecorded
from grantlog.core.incident.state import evolve
from grantlog.flows.tail import Pace, Tail
from grantlog.ports import Append, Appended, Fetched, Ports, Snapshot, UnavailableError

TRUST = 1.0
PATIENCE = 30.0


class ScriptedEgress:
    """The port ``Egress``: keeps what was posted, and answers as it is told to."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []
        self.statuses: list[int] = []

    async def post(self, url: str, body: bytes, headers: Any) -> int:
        self.posted.append((url, body, dict(headers)))
        return self.statuses.pop(0) if self.statuses else 204

    async def get(self, url: str, *, accept: str = "application/json") -> Fetched:
        raise UnavailableError(f"nobody serves {accept} at {url} here")

    async def exchange(self, url: str, body: bytes, headers: Any) -> Fetched:
        return Fetched(await self.post(url, body, headers), "", b"")


@dataclass(slots=True)
class System:
    """What all processes of a test share."""

    ports: Ports
    log: MemoryEventLog
    projection: MemoryProjection
    outbox: MemoryOutbox
    queries: MemoryQueries
    dead_letters: MemoryDeadLetters
    egress: ScriptedEgress

    def tail(self, name: str = "first") -> Tail:
        """One more candidate."""
        return Tail(self.ports, Pace(trust=TRUST, poll=0.01, interval=0.05, look=0.05), name)

    async def append(self, row: Append, *, projected: bool = False) -> Appended:
        """Appends a row; ``projected`` writes through as a live writer would, without it the writer died in between."""
        verdict = await self.log.append(row)
        assert isinstance(verdict, Appended), verdict
        if projected:
            await self.ports.read_model.put(
                verdict.head.projection, row.stream, family_of(row.state), row.state.last_expiry
            )
        return verdict

    async def issued(self, *, projected: bool = False) -> Append:
        """A family with one access token."""
        row = appends.issued(self.log.mint(), self.log.now())
        await self.append(row, projected=projected)
        return row

    async def read(self, stream: StreamId) -> Snapshot:
        """What a reader sees."""
        return await self.ports.read_model.read(stream)


def memory_system() -> System:
    """Everything empty; nobody has ever named a projection."""
    clock = MachineClock()
    log, projection, leases = MemoryEventLog(clock), MemoryProjection(clock, lease=TRUST), MemoryLeases(clock)
    outbox, egress, queries, dead_letters = MemoryOutbox(), ScriptedEgress(), MemoryQueries(), MemoryDeadLetters()
    nothing = cast("Any", None)
    ports = Ports(
        log=log,
        tail=MemoryLogTail(log, leases),
        leases=leases,
        read_model=projection,
        keeper=projection,
        transactions=nothing,
        throttle=nothing,
        signer=nothing,
        secrets=nothing,
        data_keys=nothing,
        passwords=nothing,
        key_wrapping=nothing,
        kept=nothing,
        verifier=nothing,
        queries=queries,
        dead_letters=dead_letters,
        outbox=outbox,
        partitions=MemoryPartitions(),
        egress=egress,
    )
    return System(ports, log, projection, outbox, queries, dead_letters, egress)


@asynccontextmanager
async def running(tail: Tail) -> AsyncIterator[Tail]:
    """Runs a tail until the block ends."""
    task = asyncio.create_task(tail.run())
    try:
        yield tail
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Waits until a condition holds. Fails the test after ``seconds``."""
    async with asyncio.timeout(seconds):
        while True:
            outcome = true()
            if outcome if not asyncio.iscoroutine(outcome) else await outcome:
                return
            await asyncio.sleep(0.005)


def found(stream: StreamId, now: Micros, kind: FindingKind = "foreign_revocation") -> Append:
    """A finding that a request met."""
    event = record(None, Record(kind=kind, severity="warning", client_id=ClientId("c1")), now).event
    assert isinstance(event, FindingRecorded)
    return Append(stream=stream, version=1, event=event, state=evolve(None, event, 1), envelope=appends.envelope())
