"""The port EventLog on PostgreSQL."""

import os
from collections.abc import Sequence
from time import monotonic

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.codec import EncodedRow, encode_replays, encode_row
from grantlog.adapters.postgres.append import AppendCall
from grantlog.adapters.postgres.claim import ClaimCall
from grantlog.adapters.postgres.heads import head_from, plain_id
from grantlog.adapters.postgres.lane import Lane
from grantlog.adapters.postgres.load import LoadCall
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.rows import recorded_of
from grantlog.adapters.postgres.statements import statement
from grantlog.core.decision import Name
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import BUCKETS, Micros, StreamId, mint_stream_id
from grantlog.ports import Append, Gates, Head, Loaded, Recorded, Replay, Verdict

BATCH = 256


class PostgresEventLog:
    """Group commit: one append and one load in flight; callers that come meanwhile share the next."""

    def __init__(self, reads: Pool, writes: Pool, clock: PostgresClock, *, queue: int) -> None:
        """``queue``: how many callers may wait for an append, and as many for a load."""
        self._reads = reads
        self._clock = clock
        self._appends: Lane[EncodedRow, Verdict] = Lane(
            "the append queue", AppendCall(writes, clock).write, bound=queue, batch=BATCH
        )
        self._loads: Lane[StreamId, Loaded] = Lane(
            "the load queue", LoadCall(reads, clock).read, bound=queue, batch=BATCH
        )
        self._claims: Lane[Sequence[Replay], bool] = Lane(
            "the claim queue", ClaimCall(writes, clock).claim, bound=queue, batch=BATCH
        )

    async def drain(self) -> None:
        """Takes nothing more; returns when everybody who waits has an answer."""
        await self._appends.close()
        await self._claims.close()
        await self._loads.close()

    def mint(self, bucket: int | None = None) -> StreamId:
        """A new stream id on PostgreSQL's clock."""
        noise = os.urandom(11)
        chosen = int.from_bytes(noise[9:], "big") % BUCKETS if bucket is None else bucket
        return mint_stream_id(self._clock.now(), chosen, noise[:9])

    def now(self) -> Micros:
        """PostgreSQL's time."""
        return self._clock.now()

    async def append(self, row: Append) -> Verdict:
        """Appends one row. Raises UnavailableError, CodecError, UnknownEventError."""
        return await self._appends.put(encode_row(row))

    async def load(self, stream: StreamId) -> Loaded:
        """The state of a stream. Raises UnavailableError; CodecError, UnknownEventError where it cannot be read."""
        return await self._loads.put(stream)

    async def history(self, stream: StreamId) -> Sequence[Recorded]:
        """All events of a stream, oldest first."""
        return [recorded_of(row) for row in await self._reads.fetch(statement("history"), stream)]

    async def event_at(self, stream: StreamId, version: int) -> Recorded | None:
        """One event by its primary key."""
        row = await self._reads.fetchrow(statement("event_at"), stream, version)
        return None if row is None else recorded_of(row)

    async def sealed(self, stream: StreamId, version: int) -> bytes | None:
        """The sealed answer stored with an event, while it is kept."""
        box: bytes | None = await self._reads.fetchval(statement("sealed"), stream, version)
        return box

    async def bearer(self, name: Name) -> StreamId | None:
        """The stream that bears a name."""
        stream = await self._reads.fetchval(statement("bearer"), name.kind, name.value)
        return None if stream is None else plain_id(stream)

    async def claim(self, replays: Sequence[Replay]) -> bool:
        """Claims one-time values where nothing is appended: all of them, or none. Raises UnavailableError."""
        return not replays or await self._claims.put(encode_replays(replays))

    async def head(self) -> Head:
        """The head row."""
        sent = monotonic()
        head = head_from(await self._reads.fetchrow(statement("head")))
        self._clock.learn(head.recorded_at, monotonic(), sent)
        return head

    async def gates_after(self, sequence: int) -> Gates:
        """The gates that changed after ``sequence``, in the order of their changes."""
        rows = await self._reads.fetch(statement("gates_after"), sequence)
        changes = (
            Gate(row["kind"], row["id"], row["epoch"], Micros(row["quarantined_until"]))
            for row in rows
            if row["kind"] is not None
        )
        return Gates(rows[0]["gate_sequence"], tuple(changes))
