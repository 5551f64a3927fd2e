"""The port EventLog in memory: the contract without a server, through the same codec."""

import os
from asyncio import sleep
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from grantlog.adapters.codec import (
    EncodedRow,
    decode_envelope,
    decode_event,
    decode_state,
    encode_replays,
    encode_row,
    leaf_of,
)
from grantlog.adapters.memory.clock import Clock, MachineClock
from grantlog.core.decision import GateChange, Name
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import BUCKETS, MICROS, Micros, StreamId, born_at, mint_stream_id
from grantlog.ports import (
    Append,
    Appended,
    Conflict,
    Gates,
    Head,
    Loaded,
    Projection,
    Recorded,
    Rejected,
    Replay,
    Verdict,
)

_WEEK = 7 * 86_400 * MICROS
_MONDAY = 4 * 86_400 * MICROS
SEALS_KEPT = 3600 * MICROS


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of the log."""

    position: int
    recorded_at: Micros
    row: EncodedRow
    leaf: bytes


class MemoryEventLog:
    """A log in a list. Append is atomic because nothing in it waits."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MachineClock()
        self.log_id = UUID(bytes=os.urandom(16), version=4)
        self.rows: list[StoredRow] = []
        self.streams: dict[StreamId, list[StoredRow]] = {}
        self.projection = Projection(1, {}, self._clock.now())
        self._names: dict[tuple[str, str], StreamId] = {}
        self._replays: dict[bytes, Micros] = {}
        self._gates: dict[tuple[str, str], tuple[int, Gate]] = {}
        self._gate_sequence = 0

    def mint(self, bucket: int | None = None) -> StreamId:
        """A new stream id."""
        noise = os.urandom(11)
        chosen = int.from_bytes(noise[9:], "big") % BUCKETS if bucket is None else bucket
        return mint_stream_id(self.now(), chosen, noise[:9])

    def now(self) -> Micros:
        """The clock's time, never behind the last event."""
        return max(self._clock.now(), self.rows[-1].recorded_at) if self.rows else self._clock.now()

    async def append(self, row: Append) -> Verdict:
        """Appends one row."""
        encoded = encode_row(row)
        await sleep(0)
        return self._append(encoded)

    async def load(self, stream: StreamId) -> Loaded:
        """The state of a stream."""
        await sleep(0)
        return self.loaded(stream)

    async def history(self, stream: StreamId) -> Sequence[Recorded]:
        """All events of a stream, oldest first."""
        return [recorded_of(stored) for stored in self.streams.get(stream, [])]

    async def event_at(self, stream: StreamId, version: int) -> Recorded | None:
        """One event."""
        history = self.streams.get(stream, [])
        return recorded_of(history[version - 1]) if 0 < version <= len(history) else None

    async def sealed(self, stream: StreamId, version: int) -> bytes | None:
        """The sealed answer stored with an event, for an hour."""
        history = self.streams.get(stream, [])
        if not 0 < version <= len(history) or history[version - 1].recorded_at <= self.now() - SEALS_KEPT:
            return None
        return history[version - 1].row.seal

    async def bearer(self, name: Name) -> StreamId | None:
        """The stream that bears a name."""
        return self._names.get((name.kind, name.value))

    async def claim(self, replays: Sequence[Replay]) -> bool:
        """Claims one-time values where nothing is appended: all of them, or none."""
        await sleep(0)
        claims = encode_replays(replays)
        if any(self._is_replayed(claim, self.now()) for claim in claims):
            return False
        self._remember(claims)
        return True

    async def head(self) -> Head:
        """The head row."""
        return self.top()

    async def gates_after(self, sequence: int) -> Gates:
        """The gates that changed after ``sequence``, in the order of their changes."""
        changed = sorted((entry for entry in self._gates.values() if entry[0] > sequence), key=lambda entry: entry[0])
        return Gates(self._gate_sequence, tuple(gate for _, gate in changed))

    def top(self) -> Head:
        """The head row, at once."""
        return Head(self.log_id, len(self.rows), self._gate_sequence, self.now(), self.projection)

    def loaded(self, stream: StreamId) -> Loaded:
        """The state of a stream, at once."""
        history = self.streams.get(stream)
        if not history:
            return Loaded(0, None, self.top())
        last = history[-1].row
        return Loaded(last.version, decode_state(last.kind, last.codec, last.state), self.top())

    def _append(self, row: EncodedRow) -> Verdict:
        stamp = self.now()
        history = self.streams.get(row.stream, [])
        if row.version == 1 and not row.lasting and not _within_partitions(row.stream, self._clock.now()):
            return Rejected("bad_id", self.top())
        if row.version != len(history) + 1:
            return self._lost(row, history)
        if any(self._is_replayed(claim, stamp) for claim in row.replays):
            return Rejected("replayed", self.top())
        if any((name.kind, name.value) in self._names for name in row.names):
            return Rejected("name_taken", self.top())
        position = len(self.rows) + 1
        leaf = leaf_of(
            self.log_id, position, row.stream, row.version, row.type, row.schema, stamp, row.envelope, row.payload
        )
        stored = StoredRow(position, stamp, row, leaf)
        self.rows.append(stored)
        self.streams.setdefault(row.stream, []).append(stored)
        self._names.update(((name.kind, name.value), row.stream) for name in row.names)
        self._remember(row.replays)
        if row.gate is not None:
            self._change(row.gate)
        return Appended(position, stamp, self.top())

    def _lost(self, row: EncodedRow, history: Sequence[StoredRow]) -> Verdict:
        """Who lost the version to itself has not lost."""
        if row.version <= len(history):
            winner = history[row.version - 1]
            if _leaf_fields(winner.row) == _leaf_fields(row):
                return Appended(winner.position, winner.recorded_at, self.top(), again=True)
        return Conflict(self.top())

    def _remember(self, replays: Sequence[Replay]) -> None:
        for claim in replays:
            self._replays[claim.key] = max(claim.expires_at, self._replays.get(claim.key, claim.expires_at))

    def _is_replayed(self, claim: Replay, stamp: Micros) -> bool:
        remembered = self._replays.get(claim.key)
        # Kept for a day and two hours, as partitions ahead allow; what cannot be remembered could be replayed.
        rememberable = stamp < claim.expires_at < stamp + 26 * 3600 * MICROS
        return not rememberable or (remembered is not None and remembered > stamp)

    def _change(self, change: GateChange) -> None:
        self._gate_sequence += 1
        _, known = self._gates.get((change.kind, change.id), (0, Gate(change.kind, change.id, 0, Micros(0))))
        until = change.quarantined_until or known.quarantined_until
        gate = Gate(change.kind, change.id, known.epoch + change.closes, until)
        self._gates[change.kind, change.id] = (self._gate_sequence, gate)


def recorded_of(stored: StoredRow) -> Recorded:
    """A row as the ports speak of it."""
    row = stored.row
    return Recorded(
        position=stored.position,
        stream=row.stream,
        version=row.version,
        type=row.type,
        schema=row.schema,
        recorded_at=stored.recorded_at,
        envelope=decode_envelope(row.envelope),
        event=decode_event(row.type, row.schema, row.payload),
        payload=row.payload,
        leaf=stored.leaf,
    )


def _leaf_fields(row: EncodedRow) -> tuple[str, int, bytes, bytes]:
    return row.type, row.schema, row.envelope, row.payload


def _within_partitions(stream: StreamId, now: Micros) -> bool:
    """Whether the id was born between the beginning of last week and eight weeks after this one."""
    monday = (now - _MONDAY) // _WEEK * _WEEK + _MONDAY
    return monday - _WEEK <= born_at(stream) < monday + 9 * _WEEK
