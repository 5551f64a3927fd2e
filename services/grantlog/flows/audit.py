"""Proof that the projection equals the log: every stored family is compared (version, codec, bytes), and so is every grant.

Families that move while they are looked at are looked at again. What differs still is repaired by compare-and-set, so
that the audit never overwrites what a writer has just put.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from structlog import get_logger

from grantlog import metrics
from grantlog.core.grant.standing import family_of
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import StreamId, bucket_of, seconds
from grantlog.flows.catch_up import projection_store
from grantlog.ports import Ports

LOOKS = 5
"""So often is a family that differs looked at before it counts: its writer may be between commit and put."""
PAUSE = 0.1
"""Seconds between two looks."""
EXAMPLES = 20

_log = get_logger(__name__)


@dataclass(slots=True)
class Audited:
    """What an audit found in one generation."""

    generation: int
    families: int = 0
    """Families compared and found equal, or expired meanwhile."""
    moved: int = 0
    """Families that changed at every look."""
    mismatches: int = 0
    """Families that differed from the log, or that the log does not know."""
    missing: int = 0
    """Grants with a live access token that were absent. That is slow, never wrong: readers ask PostgreSQL."""
    repaired: int = 0
    examples: list[StreamId] = field(default_factory=list)
    """The first streams that differed."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One comparison: what is stored, what the log says, and whether that is the same."""

    stored: bytes | None
    state: GrantState | None
    expected: bytes | None

    @property
    def equal(self) -> bool:
        return self.stored == self.expected

    @property
    def versions(self) -> tuple[bytes | None, int]:
        return self.stored, 0 if self.state is None else self.state.version


async def audit(ports: Ports, generation: int) -> Audited:
    """Compares a whole generation with the log, both ways. Raises UnavailableError."""
    found = Audited(generation)
    await _stored(ports, found, 0, 1)
    async for streams in _live(ports):
        await _compare(ports, found, streams, stored_only=False)
    _report(found)
    return found


async def audit_slice(ports: Ports, generation: int, part: int, parts: int, limit: float) -> Audited | None:
    """Compares one of ``parts`` slices of what is stored, for at most ``limit`` seconds: the audit that never ends.

    None when the time did not suffice. Raises UnavailableError.
    """
    found = Audited(generation)
    try:
        async with asyncio.timeout(limit):
            await _stored(ports, found, part, parts)
    except TimeoutError:
        return None
    finally:
        _report(found)
    return found


async def audit_on_schedule(ports: Ports, period: int, parts: int, limit: float) -> int:
    """The slice that is due in this slot of ``period`` seconds, of the projection that is trusted. What was left: 0 or 1."""
    head = await ports.log.head()
    if not head.projection.named:
        return 0
    part = seconds(head.recorded_at) // period % parts
    found = await audit_slice(ports, head.projection.generation, part, parts, limit)
    return 1 if found is None else found.mismatches - found.repaired


async def _stored(ports: Ports, found: Audited, part: int, parts: int) -> None:
    with projection_store():
        async for chunk in ports.keeper.walk(found.generation):
            streams = dict.fromkeys(stream for stream in chunk if bucket_of(stream) % parts == part)
            await _compare(ports, found, streams, stored_only=True)


def _report(found: Audited) -> None:
    if found.mismatches or found.missing:
        _log.error(
            "projection_mismatch",
            generation=found.generation,
            mismatches=found.mismatches,
            missing=found.missing,
            repaired=found.repaired,
            examples=[str(stream) for stream in found.examples],
        )


async def _live(ports: Ports) -> AsyncIterator[Sequence[StreamId]]:
    async for chunk in ports.tail.live_grants(ports.log.now()):
        yield [stream for stream, _ in chunk]


async def _compare(ports: Ports, found: Audited, streams: Iterable[StreamId], *, stored_only: bool) -> None:
    """Compares a chunk. The first pass (``stored_only``) takes what is stored and counts it; the second, what is missing."""
    looks = await _look(ports, found.generation, list(streams))
    for stream, look in looks.items():
        if look.equal or (stored_only and look.stored is None):
            found.families += stored_only
        elif look.stored is None or stored_only:
            await _settle(ports, found, stream, look)


async def _settle(ports: Ports, found: Audited, stream: StreamId, first: _Look) -> None:
    """Looks again until the family is equal or has stood still; what differs then is counted and repaired."""
    look, still = first, 0
    for _ in range(LOOKS):
        await asyncio.sleep(PAUSE)
        again = (await _look(ports, found.generation, [stream]))[stream]
        if again.equal:
            found.families += 1
            return
        still = still + 1 if again.versions == look.versions else 0
        look = again
        if still == 2:
            break
    else:
        found.moved += 1
        return
    if look.stored is None:
        found.missing += 1
    else:
        found.mismatches += 1
        metrics.PROJECTION_MISMATCHES.inc()
    if len(found.examples) < EXAMPLES:
        found.examples.append(stream)
    found.repaired += await _repair(ports, found.generation, stream, look)


async def _repair(ports: Ports, generation: int, stream: StreamId, look: _Look) -> bool:
    state = look.state
    family, expiry = (None, 0) if state is None or look.expected is None else (family_of(state), state.last_expiry)
    with projection_store():
        return await ports.keeper.replace(generation, stream, look.stored, family, expiry)


async def _look(ports: Ports, generation: int, streams: list[StreamId]) -> dict[StreamId, _Look]:
    """Reads the store first, then the log: a family that is older than the log is behind, one that is newer is wrong."""
    looks: dict[StreamId, _Look] = {}
    with projection_store():
        stored = await asyncio.gather(*(ports.keeper.stored(generation, stream) for stream in streams))
    loaded = await ports.tail.states(streams)
    moment = seconds(ports.log.now())
    for stream, kept, known in zip(streams, stored, loaded, strict=True):
        state = known.state if isinstance(known.state, GrantState) else None
        value = None if kept is None else kept[1]
        expected = None if state is None or not state.last_expiry else ports.keeper.encode(family_of(state))
        if state is not None and state.last_expiry <= moment and value is None:
            # Every token of it has expired: it need not be there any more.
            expected = None
        looks[stream] = _Look(value, state, expected)
    return looks
