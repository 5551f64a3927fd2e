"""The append-only log: what goes onto it, what comes back, and the port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from grantlog.core.decision import Envelope, GateChange, Name
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import Micros, StreamId


@dataclass(frozen=True, slots=True)
class Projection:
    """The projection that the head row trusts: a generation, and the run id of the server behind each tag.

    ``runs`` empty means *none*, since ``since``: until the lease has run out from there, readers may still trust what was
    named before. ``next_generation`` is written as well while a rebuild fills it.
    """

    generation: int
    runs: Mapping[str, str]
    since: Micros
    next_generation: int | None = None

    @property
    def named(self) -> bool:
        """Whether any projection is trusted at all."""
        return bool(self.runs)


@dataclass(frozen=True, slots=True)
class Head:
    """The head row of a log, as of one statement."""

    log_id: UUID
    position: int
    gate_sequence: int
    recorded_at: Micros
    """PostgreSQL's time of the statement, never behind the last recorded event."""
    projection: Projection


@dataclass(frozen=True, slots=True)
class Replay:
    """A one-time value (assertion or proof ``jti``) that an append claims until ``expires_at``."""

    key: bytes
    expires_at: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One row for the log: one command's event, the state after it, and what it claims."""

    stream: StreamId
    version: int
    """The version this row takes. It expects the stream to stand at ``version - 1``; 1 begins a stream."""
    event: Any
    state: Any
    envelope: Envelope
    seal: bytes | None = None
    """The finished answer, sealed so that only the presented token opens it; kept until the grace window has passed."""
    gate: GateChange | None = None
    names: tuple[Name, ...] = ()
    replays: tuple[Replay, ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """The row stands on the log. ``again``: it did already, from an earlier attempt with the same request id."""

    position: int
    recorded_at: Micros
    head: Head
    again: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else took the version. Load and decide again."""

    head: Head


@dataclass(frozen=True, slots=True)
class Rejected:
    """The row cannot stand: ``name_taken``, ``replayed`` or ``bad_id`` (born outside the partitions)."""

    reason: str
    head: Head


Verdict = Appended | Conflict | Rejected


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stream's state: ``version`` 0 and ``state`` None where there is no such stream."""

    version: int
    state: Any
    head: Head


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as it was recorded, upcast to the version this program reads."""

    position: int
    stream: StreamId
    version: int
    type: str
    schema: int
    recorded_at: Micros
    envelope: Envelope
    event: Any
    payload: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the narrow log, as the tail follows it."""

    position: int
    stream: StreamId
    version: int
    type: str
    recorded_at: Micros


@dataclass(frozen=True, slots=True)
class Gates:
    """All changes of gates after a sequence, and the sequence they lead to."""

    sequence: int
    changes: tuple[Gate, ...]


class EventLog(Protocol):
    """The append-only log (PostgreSQL): the source of truth."""

    def mint(self, bucket: int | None = None) -> StreamId:
        """A new stream id on PostgreSQL's clock; a random bucket where none is given."""
        ...

    def now(self) -> Micros:
        """PostgreSQL's time as this process knows it (learned from every answer, advanced by its own monotonic clock)."""
        ...

    async def append(self, row: Append) -> Verdict:
        """Appends one row durably, batched with those of other callers. Safe to repeat with the same request id.

        Raises UnavailableError when the queue is full or PostgreSQL does not answer.
        """
        ...

    async def load(self, stream: StreamId) -> Loaded:
        """The state of a stream, batched with the loads of other callers of the same moment."""
        ...

    async def history(self, stream: StreamId) -> Sequence[Recorded]:
        """All events of a stream, oldest first."""
        ...

    async def event_at(self, stream: StreamId, version: int) -> Recorded | None:
        """One event by its primary key."""
        ...

    async def sealed(self, stream: StreamId, version: int) -> bytes | None:
        """The sealed answer stored with an event, while it is kept."""
        ...

    async def bearer(self, name: Name) -> StreamId | None:
        """The stream that bears a name."""
        ...

    async def claim(self, replays: Sequence[Replay]) -> bool:
        """Claims one-time values where nothing is appended: all of them, or none and False. True for exactly one caller.

        Raises UnavailableError.
        """
        ...

    async def head(self) -> Head:
        """The head row."""
        ...

    async def gates_after(self, sequence: int) -> Gates:
        """The gates that changed after ``sequence`` (0: all), each once, as it stands now."""
        ...
