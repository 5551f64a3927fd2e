"""New generations of the projection: after a loss (``switch``), and while serving (``Rebuild``).

A generation is filled with the states of grants that may have a live access token, never by replaying their histories:
version 1 of a revoked family would be visibly active before version 2 denied it. Then the log is followed from where it
stood before the filling began.
"""

import asyncio
from dataclasses import dataclass

from structlog import get_logger

from grantlog.core.identifiers import MICROS
from grantlog.flows.audit import Audited, audit
from grantlog.flows.beat import Standing, SwitchNeededError
from grantlog.flows.catch_up import catch_up, projected, projection_store
from grantlog.flows.holding import Held, LeaseLostError
from grantlog.ports import Head, Ports, Projection

REQUEST = "rebuild"
"""Name of the cursor that says which generation somebody has asked for."""
NEVER_NAMED = 1
"""The generation of a head row that never named a projection: nobody can trust an old one."""
CLOCK_SLACK = 0.1
"""Seconds by which a reader's estimate of PostgreSQL's time may lag behind ours."""

_log = get_logger(__name__)


async def name(ports: Ports, held: Held, projection: Projection) -> Head:
    """Names a projection in the head row. Raises LeaseLostError where a newer tail has fenced us off."""
    held.sure()
    head = await ports.tail.name_projection(projection, held.lease)
    if head is None:
        raise LeaseLostError(held.lease.name)
    return head


async def fill(ports: Ports, generation: int, position: int) -> int:
    """Writes the state of every grant that may have a live access token. How many.

    ``position`` is where the log stood before: from there it is to be followed.
    """
    count = 0
    with projection_store():
        await ports.keeper.prepare(generation, position)
    async for chunk in ports.tail.live_grants(ports.log.now()):
        families = projected(chunk, ports.log.now())
        with projection_store():
            await ports.keeper.repair(generation, families, position)
        count += len(families)
        # A large projection is filled beside live traffic.
        await asyncio.sleep(0)
    return count


async def switch(ports: Ports, held: Held, trust: float) -> Standing:
    """Names nobody, waits until nobody trusts what was named, fills a new generation, and names that (design section 5).

    ``trust`` is how many seconds a beat is trusted. Safe to repeat from the start after any failure. Raises
    UnavailableError, LeaseLostError, SwitchNeededError where the store is replaced meanwhile.
    """
    head = await ports.log.head()
    if head.projection.named:
        head = await name(ports, held, Projection(head.projection.generation, {}, head.recorded_at))
    if head.projection.generation > NEVER_NAMED:
        await _outwait(ports, head.projection, trust)
    generation = head.projection.generation + 1
    with projection_store():
        runs = await ports.keeper.runs()
    head = await ports.log.head()
    position = head.position
    families = await fill(ports, generation, position)
    position = await catch_up(ports, generation, position, (await ports.log.head()).position)
    head = await name(ports, held, Projection(generation, runs, head.recorded_at))
    position = await catch_up(ports, generation, position, head.position)
    await _begin(ports, held, head, position)
    _log.info("projection_named", generation=generation, families=families, position=position)
    return Standing(head.projection, position, head.log_id)


async def _begin(ports: Ports, held: Held, head: Head, position: int) -> None:
    """Writes ``ready``, unless what was filled has been flushed or replaced in the meantime."""
    with projection_store():
        if await ports.keeper.runs() != head.projection.runs:
            raise SwitchNeededError("the store was replaced while it was filled")
        if await ports.keeper.position(head.projection.generation) is None:
            raise SwitchNeededError("the store was flushed while it was filled")
        held.sure()
        await ports.keeper.begin(head.projection, position, head.gate_sequence, head.recorded_at)


async def _outwait(ports: Ports, none: Projection, trust: float) -> None:
    """Returns when the last beat that anybody may have seen has run out, by PostgreSQL's time."""
    while True:
        left = (none.since - ports.log.now()) / MICROS + trust + CLOCK_SLACK
        if left <= 0:
            return
        await asyncio.sleep(min(left, trust))


@dataclass(frozen=True, slots=True)
class Filled:
    """A generation that is written beside the trusted one, and awaits its flip."""

    generation: int
    position: int
    audited: Audited


async def fill_beside(ports: Ports, held: Held, standing: Standing, generation: int) -> Filled:
    """Fills ``generation`` beside the trusted one; from here on every writer writes both.

    Its audit repairs what it finds: a writer that had not yet heard of the new generation is caught up with.
    """
    old = standing.projection
    head = await name(ports, held, Projection(old.generation, old.runs, old.since, generation))
    standing.projection = head.projection
    await fill(ports, generation, head.position)
    position = await catch_up(ports, generation, head.position, (await ports.log.head()).position)
    audited = await audit(ports, generation)
    _log.info("generation_filled", generation=generation, families=audited.families, mismatches=audited.mismatches)
    return Filled(generation, position, audited)


async def flip(ports: Ports, held: Held, standing: Standing, filled: Filled) -> Standing:
    """Makes the filled generation the trusted one. Both are written until ``ready`` names the new one.

    Whoever appended before the head row named the new one is caught up with; who appends later writes both.
    """
    old = standing.projection
    head = await name(ports, held, Projection(filled.generation, old.runs, old.since, old.generation))
    position = await catch_up(ports, filled.generation, filled.position, head.position)
    await _begin(ports, held, head, position)
    head = await name(ports, held, Projection(filled.generation, old.runs, head.projection.since))
    _log.info("generation_flipped", generation=filled.generation, position=position)
    return Standing(head.projection, position, head.log_id)


async def request(ports: Ports) -> int:
    """Asks whoever is the tail for a new generation. Its number: the head row will name it, or a later one."""
    head = await ports.log.head()
    wanted = max(head.projection.generation, head.projection.next_generation or 0) + 1
    await ports.tail.advance(REQUEST, wanted, 0)
    return wanted


async def requested(ports: Ports, projection: Projection) -> int | None:
    """The generation to build: one that was asked for, or one that a former tail left half filled. None: nothing to do."""
    wanted = max(await ports.tail.cursor(REQUEST), projection.next_generation or 0)
    return wanted if wanted > projection.generation else None
