"""The projection: as introspection reads it, as writers keep it, and what the tail, rebuild and audit do to it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports.log import Projection


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read of the projection.

    ``trusted`` False means that nothing here may be believed: ask PostgreSQL. ``family`` None means absent, which is not
    dead. ``version`` 0 goes with absent; a tombstone is a family without tokens.
    """

    trusted: bool
    gate_sequence: int
    version: int
    family: Family | None
    now: Micros


class ReadModel(Protocol):
    """The projection (Redis or Valkey) as introspection reads it and as writers keep it."""

    async def read(self, stream: StreamId) -> Snapshot:
        """The family and the trust, in one round trip shared by all callers of an event-loop tick.

        Never raises for a store that is gone: the snapshot is then untrusted.
        """
        ...

    async def put(self, projection: Projection, stream: StreamId, family: Family, last_expiry: int) -> bool:
        """Writes a family over smaller versions only, into every generation named,
        until ``last_expiry`` (NumericDate).

        True when exactly the named run acknowledged it. False, never an exception, when it did not.
        """
        ...

    async def raise_gates(self, projection: Projection, sequence: int) -> bool:
        """Tells readers, behind every tag, that gates have changed up to ``sequence``. True when all named runs acknowledged."""
        ...


class ProjectionKeeper(Protocol):
    """What the tail, rebuild and audit do to the projection besides."""

    async def runs(self) -> Mapping[str, str]:
        """The run id behind each tag now. Raises UnavailableError."""
        ...

    async def beat(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> bool:
        """Renews ``ready`` and the cursor behind every tag. False when they are gone or name somebody else: switch."""
        ...

    async def begin(self, projection: Projection, position: int, gate_sequence: int, at: Micros) -> None:
        """Writes ``ready`` and the cursor anew behind every tag. Only after the head row names this projection."""
        ...

    async def prepare(self, generation: int, position: int) -> None:
        """Writes the cursor of a generation that is about to be filled. Where it is gone when the filling ends, so is some of
        what was filled: ``begin`` then raises UnavailableError.
        """
        ...

    async def versions(self, generation: int, streams: Sequence[StreamId]) -> Sequence[int]:
        """The versions of stored families in the order of ``streams``; 0 for one that is absent."""
        ...

    async def repair(self, generation: int, families: Sequence[tuple[StreamId, Family, int]], position: int) -> int:
        """Puts families (with their last expiry) and moves the cursor in one atomic step a tag. How many were behind.

        A cursor that is gone, or stands lower than this keeper left it, stays: moving it would skip what was lost.
        """
        ...

    async def position(self, generation: int) -> int | None:
        """The smallest cursor of a generation behind any tag; None where one is missing."""
        ...

    async def stored(self, generation: int, stream: StreamId) -> tuple[int, bytes] | None:
        """Version and bytes of a stored family."""
        ...

    def encode(self, family: Family) -> bytes:
        """The bytes that ``stored`` must equal."""
        ...

    async def replace(
        self, generation: int, stream: StreamId, seen: bytes | None, family: Family | None, last_expiry: int
    ) -> bool:
        """Compare-and-set: writes a family (None: removes it) while exactly ``seen`` (None: nothing) is stored there."""
        ...

    def walk(self, generation: int) -> AsyncIterator[Sequence[StreamId]]:
        """Every stream stored in a generation, in chunks, perhaps more than once."""
        ...

    async def drop(self, generation: int) -> int:
        """Removes a generation, slowly. How many keys."""
        ...
