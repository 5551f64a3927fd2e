"""The projection in memory: the contract suites' first citizen, and a store that tests may break at will."""

from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Protocol

from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import MICROS, Micros, StreamId, bucket_of
from grantlog.ports import Projection, Snapshot, UnavailableError
from grantlog.projections.family import pack, unpack

GRACE = 5 * MICROS
"""How long a family outlives its last access token (µs): readers check the expiry themselves, and their clocks may lag."""

AHEAD = MICROS
"""A beat further ahead (µs) of what we take for PostgreSQL's time says that we do not know that time."""


class Now(Protocol):
    """PostgreSQL's time."""

    def now(self) -> Micros:
        """The moment."""
        ...


@dataclass(slots=True)
class _Ready:
    run: str
    generation: int
    gate_sequence: int
    beat: Micros


class MemoryProjection:
    """The ports ``ReadModel`` and ``ProjectionKeeper`` in memory.

    ``lease``: seconds for which a beat is believed. ``down`` makes it answer nobody; ``flush`` empties it; ``restart``
    empties it and gives it another run id.
    """

    def __init__(self, clock: Now, *, lease: float = 30.0, tags: int = 1) -> None:
        self.down = False
        self.run = "0" * 40
        self._clock = clock
        self._lease = int(lease * MICROS)
        self._tags = tags
        self._families: dict[tuple[int, StreamId], tuple[Family, Micros]] = {}
        self._ready: dict[int, _Ready] = {}
        self._cursors: dict[tuple[int, int], int] = {}
        self._seen: dict[tuple[int, int], int] = {}
        self._prepared: set[int] = set()

    def flush(self) -> None:
        """Loses everything, and stays who it was."""
        self._families.clear()
        self._ready.clear()
        self._cursors.clear()

    def restart(self) -> None:
        """Loses everything, and is somebody else."""
        self.flush()
        self.run = f"{int(self.run, 16) + 1:040x}"

    def another_keeper(self) -> "MemoryProjection":
        """The same store, as another process keeps it: it remembers cursors of its own."""
        another = copy(self)
        another._seen, another._prepared = {}, set()  # noqa: SLF001  # its own kind
        return another

    def milliseconds_left(self, generation: int, stream: StreamId) -> int:
        """How long the family of a stream will be kept."""
        _, until = self._families[generation, stream]
        return (until - self._clock.now()) // 1000

    async def read(self, stream: StreamId) -> Snapshot:
        """See ``ReadModel``."""
        now = self._clock.now()
        ready = self._ready.get(self._tag(stream))
        if self.down or ready is None or ready.run != self.run or not -AHEAD <= now - ready.beat < self._lease:
            return Snapshot(False, 0, 0, None, now)
        family = self._get(ready.generation, stream)
        return Snapshot(True, ready.gate_sequence, 0 if family is None else family.version, family, now)

    async def put(self, projection: Projection, stream: StreamId, family: Family, last_expiry: int) -> bool:
        """See ``ReadModel``."""
        if self.down:
            return False
        for generation in (projection.generation, projection.next_generation):
            if generation is not None:
                self._put(generation, stream, family, last_expiry)
        return projection.runs.get(str(self._tag(stream))) == self.run

    async def raise_gates(self, projection: Projection, sequence: int) -> bool:
        """See ``ReadModel``."""
        raised = [self._raise(projection, tag, sequence) for tag in range(self._tags)]
        return projection.named and all(raised)

    async def runs(self) -> Mapping[str, str]:
        """See ``ProjectionKeeper``."""
        self._check()
        return {str(tag): self.run for tag in range(self._tags)}

    async def beat(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> bool:
        """See ``ProjectionKeeper``."""
        self._check()
        renewed = [self._beat(projection, tag, position, gate_sequence, at) for tag in range(self._tags)]
        return all(renewed)

    async def begin(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> None:
        """See ``ProjectionKeeper``."""
        self._check()
        for tag in range(self._tags):
            if projection.runs.get(str(tag)) != self.run:
                raise UnavailableError("another server than the named one stands behind a tag")
            at_tag = (projection.generation, tag)
            if projection.generation in self._prepared and at_tag not in self._cursors:
                raise UnavailableError("what was filled is gone: fill it again")
            before = self._ready.get(tag)
            if before is not None and before.run == self.run and before.generation > projection.generation:
                raise UnavailableError("what was filled is gone, or a newer generation is named")
            ready = self._named(projection, tag)
            gates = gate_sequence if ready is None else max(gate_sequence, ready.gate_sequence)
            self._ready[tag] = _Ready(self.run, projection.generation, gates, at)
            self._cursors[at_tag] = self._seen[at_tag] = position

    async def prepare(self, generation: int, position: int) -> None:
        """See ``ProjectionKeeper``."""
        self._check()
        for tag in range(self._tags):
            self._cursors[generation, tag] = self._seen[generation, tag] = position
        self._prepared.add(generation)

    async def versions(self, generation: int, streams: Sequence[StreamId]) -> Sequence[int]:
        """See ``ProjectionKeeper``."""
        self._check()
        return [0 if (family := self._get(generation, stream)) is None else family.version for stream in streams]

    async def repair(self, generation: int, families: Sequence[tuple[StreamId, Family, int]], position: int) -> int:
        """See ``ProjectionKeeper``."""
        self._check()
        behind = sum(self._put(generation, *family) for family in families)
        for tag in range(self._tags):
            cursor = self._cursors.get((generation, tag))
            if cursor is not None and cursor >= self._seen.get((generation, tag), cursor):
                self._cursors[generation, tag] = self._seen[generation, tag] = max(cursor, position)
        return behind

    async def position(self, generation: int) -> int | None:
        """See ``ProjectionKeeper``."""
        self._check()
        cursors = [self._cursors.get((generation, tag)) for tag in range(self._tags)]
        known = [cursor for cursor in cursors if cursor is not None]
        self._seen.update({(generation, tag): cursor for tag, cursor in enumerate(cursors) if cursor is not None})
        return min(known) if len(known) == self._tags else None

    async def stored(self, generation: int, stream: StreamId) -> tuple[int, bytes] | None:
        """See ``ProjectionKeeper``."""
        self._check()
        family = self._get(generation, stream)
        return None if family is None else (family.version, self.encode(family))

    def encode(self, family: Family) -> bytes:
        """See ``ProjectionKeeper``."""
        return repr(pack(family)).encode()

    async def replace(
        self, generation: int, stream: StreamId, seen: bytes | None, family: Family | None, last_expiry: int
    ) -> bool:
        """See ``ProjectionKeeper``."""
        stored = await self.stored(generation, stream)
        if (None if stored is None else stored[1]) != seen:
            return False
        self._families.pop((generation, stream), None)
        if family is not None:
            self._put(generation, stream, family, last_expiry)
        return True

    async def walk(self, generation: int) -> AsyncIterator[Sequence[StreamId]]:
        """See ``ProjectionKeeper``."""
        self._check()
        streams = [stream for its, stream in self._families if its == generation]
        if streams:
            yield streams

    async def drop(self, generation: int) -> int:
        """See ``ProjectionKeeper``."""
        self._check()
        self._prepared.discard(generation)
        gone = [name for name in self._families if name[0] == generation]
        for name in gone:
            del self._families[name]
        for tag in range(self._tags):
            self._cursors.pop((generation, tag), None)
            self._seen.pop((generation, tag), None)
        return len(gone)

    def _tag(self, stream: StreamId) -> int:
        return bucket_of(stream) % self._tags

    def _check(self) -> None:
        if self.down:
            raise UnavailableError("the projection is down")

    def _named(self, projection: Projection, tag: int) -> _Ready | None:
        """``ready``, if it names this server and this generation."""
        ready = self._ready.get(tag)
        if ready is None or ready.run != self.run or ready.generation != projection.generation:
            return None
        return ready

    def _get(self, generation: int, stream: StreamId) -> Family | None:
        family, until = self._families.get((generation, stream), (None, 0))
        return family if self._clock.now() < until else None

    def _put(self, generation: int, stream: StreamId, family: Family, last_expiry: int) -> bool:
        stored = self._get(generation, stream)
        if stored is not None and stored.version >= family.version:
            return False
        # Truncated hashes, as a real store gives them back.
        until = max(Micros(last_expiry * MICROS), self._clock.now()) + GRACE
        self._families[generation, stream] = (unpack(pack(family)), Micros(until))
        return True

    def _raise(self, projection: Projection, tag: int, sequence: int) -> bool:
        ready = self._named(projection, tag)
        if self.down or ready is None or projection.runs.get(str(tag)) != self.run:
            return False
        ready.gate_sequence = max(ready.gate_sequence, sequence)
        return True

    def _beat(self, projection: Projection, tag: int, position: int, gate_sequence: int, at: Micros) -> bool:
        ready = self._named(projection, tag)
        cursor = self._cursors.get((projection.generation, tag))
        if ready is None or cursor is None or projection.runs.get(str(tag)) != self.run:
            return False
        if cursor < self._seen.get((projection.generation, tag), cursor):
            return False
        ready.gate_sequence = max(ready.gate_sequence, gate_sequence)
        ready.beat = at
        self._cursors[projection.generation, tag] = self._seen[projection.generation, tag] = max(cursor, position)
        return True
