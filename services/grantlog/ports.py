"""What the flows need from the world, as protocols. A port is its contract suite (``tests/contract``).

Times are microseconds on PostgreSQL's clock (``Micros``) unless a name says otherwise.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from grantlog.core.decision import Envelope, GateChange, Name
from grantlog.core.grant.standing import Family, Gate
from grantlog.core.identifiers import Micros, StreamId


class UnavailableError(Exception):
    """A store cannot answer now. The request ends as 503 with ``Retry-After`` (seconds); nothing was guessed."""

    def __init__(self, what: str, retry_after: int = 1) -> None:
        super().__init__(what)
        self.retry_after = retry_after


# --------------------------------------------------------------------------- the log


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

    async def head(self) -> Head:
        """The head row."""
        ...

    async def gates_after(self, sequence: int) -> Gates:
        """The gates that changed after ``sequence`` (0: all), each once, as it stands now."""
        ...


class LogTail(Protocol):
    """What the role ``tail`` and the audits need of the log besides."""

    async def follow(self, after: int, limit: int) -> Sequence[LogRow]:
        """The rows after a position, dense and in order, at most ``limit``."""
        ...

    async def states(self, streams: Sequence[StreamId]) -> Sequence[Loaded]:
        """The states of several streams, in their order."""
        ...

    def live_grants(self, expiring_after: Micros, chunk: int = 500) -> AsyncIterator[Sequence[tuple[StreamId, Any]]]:
        """All grants that may have a live access token after a moment, in chunks of (stream, state)."""
        ...

    async def recorded(self, rows: Sequence[LogRow]) -> Sequence[Recorded]:
        """The events of these rows, in their order, upcast to what this program reads."""
        ...

    async def name_projection(self, projection: Projection, lease: "Lease | None" = None) -> Head | None:
        """Writes which projection the head row trusts. Every append that follows returns it.

        With a lease: None, and nothing written, when a newer holder of it (a larger fence) has taken over, checked in the
        same statement.
        """
        ...

    async def cursor(self, name: str) -> int:
        """Position up to which the named reader has got; 0 where it has not begun."""
        ...

    async def advance(self, name: str, position: int, fence: int) -> bool:
        """Moves a reader's cursor forward; False when a newer holder of the lease ``name`` has fenced this one off."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease held in PostgreSQL: its fence grows with every new holder."""

    name: str
    holder: str
    fence: int
    until: Micros


class Leases(Protocol):
    """Who may act alone (PostgreSQL)."""

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Takes or prolongs a lease; None while somebody else holds it."""
        ...

    async def release(self, lease: Lease) -> None:
        """Gives it up early."""
        ...

    async def claim_slot(self, job: str, slot: int) -> bool:
        """Claims one run of a periodic job: True for exactly one caller."""
        ...

    async def claim_effect(self, handler: str, position: int) -> bool:
        """Claims the effect of one handler on one event: True for exactly one caller."""
        ...


# --------------------------------------------------------------------------- the projection


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


# --------------------------------------------------------------------------- short-lived and countable things


class Transactions(Protocol):
    """Short-lived records of the browser's way through login and consent (Redis). Never on the log."""

    async def put(self, kind: str, key: str, value: bytes, ttl: int, *, owner: str = "", limit: int = 0) -> bool:
        """Stores a record for ``ttl`` seconds. False when ``owner`` has ``limit`` of this kind already.

        Raises UnavailableError.
        """
        ...

    async def get(self, kind: str, key: str) -> bytes | None:
        """The record, or None."""
        ...

    async def take(self, kind: str, key: str) -> bytes | None:
        """The record, removed in the same step: exactly one caller gets it."""
        ...


class Throttle(Protocol):
    """Counting against abuse (Redis; in the process where Redis is gone)."""

    async def hit(self, rule: str, *subjects: str) -> int:
        """Counts one against the rule's bucket for these subjects. 0: go on; else seconds until it may be tried again."""
        ...

    async def peek(self, rule: str, *subjects: str) -> int:
        """The same without counting."""
        ...

    async def clear(self, rule: str, *subjects: str) -> None:
        """Forgets what was counted."""
        ...


# --------------------------------------------------------------------------- secrets and keys


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One published signing key: its JWK (public members only) and when it may be used."""

    kid: str
    alg: str
    jwk: Mapping[str, str]


class Signer(Protocol):
    """Signs with the keys of the keyring (RFC 7515). RSA work happens off the event loop."""

    async def sign(self, alg: str, claims: Mapping[str, Any], typ: str) -> tuple[str, str]:
        """A compact JWS with the current key of ``alg``, and its ``kid``. Raises UnavailableError when there is none."""
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """What ``/jwks`` publishes now: next, current and retiring keys."""
        ...

    async def refresh(self) -> None:
        """Re-reads the keyring stream and unwraps what is new."""
        ...

    async def generate(self, alg: str) -> PublicKey:
        """A new key pair, its private part wrapped under the root key and stored. Not used before the keyring says so."""
        ...

    async def destroy(self, kid: str) -> None:
        """Removes a private key for good."""
        ...


class Secrets(Protocol):
    """Randomness and everything keyed by the root key list."""

    def random(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...

    def token_mac_keys(self) -> Sequence[bytes]:
        """The MAC keys of token handles: the first signs, all verify."""
        ...

    def keyed_hash(self, label: str, value: bytes) -> bytes:
        """A 32-byte HMAC under a key derived for ``label``: names and addresses that must not stand in clear."""
        ...

    def seal(self, secret: bytes, context: bytes, plaintext: bytes) -> bytes:
        """AES-256-GCM under HKDF(root key, secret || context): only who presents ``secret`` can have it opened."""
        ...

    def unseal(self, secret: bytes, context: bytes, box: bytes) -> bytes | None:
        """The plaintext, or None where secret, context or box do not fit."""
        ...


class DataKeys(Protocol):
    """Personal data, under a key per account that can be destroyed (a database of its own in production)."""

    async def protect(self, account: StreamId, context: bytes, plaintext: bytes) -> bytes:
        """Encrypts personal data of an account; makes its data key where it has none."""
        ...

    async def reveal(self, account: StreamId, context: bytes, box: bytes) -> bytes | None:
        """Decrypts; None when the account's key was destroyed."""
        ...

    async def erase(self, account: StreamId) -> None:
        """Destroys the account's key."""
        ...


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """The outcome of a password check, with the account's gate epoch read in the same statement as the hash."""

    ok: bool
    epoch: int


class Passwords(Protocol):
    """Argon2id in a bounded pool; hashes in a mutable table, never on the log."""

    async def set(self, account: StreamId, password: str) -> None:
        """Stores a new password. Raises ValueError above 1,024 bytes, UnavailableError when the pool is full."""
        ...

    async def check(self, account: StreamId | None, password: str) -> PasswordCheck:
        """Checks a password; an unknown account costs the same. Raises UnavailableError when the pool is full."""
        ...

    async def remove(self, account: StreamId) -> None:
        """Forgets an account's password: a person is erased, or was never born."""
        ...


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What rewrapping did. ``unreadable`` above 0: the root key list lacks a key that is still in use; drop none."""

    rewrapped: int
    current: int
    unreadable: int


class KeyWrapping(Protocol):
    """The wrapping of stored keys under the root key list."""

    async def rewrap(self) -> Rewrapped:
        """Wraps every stored key under the newest root key. May be interrupted and repeated. Raises UnavailableError."""
        ...


# --------------------------------------------------------------------------- the query tables


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """One family as the query tables know it."""

    stream: StreamId
    client_id: str
    account: UUID | None
    session: UUID | None
    born: Micros
    revoked: str | None
    version: int


class Queries(Protocol):
    """Tables that the tail keeps in PostgreSQL for questions nobody asks on the hot path. They may lag."""

    async def families(
        self,
        *,
        account: UUID | None = None,
        client_id: str | None = None,
        session: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[FamilyRow]:
        """Families, newest first."""
        ...

    async def find_token(self, token_hash: bytes) -> StreamId | None:
        """The family that issued a token with this hash (SHA-256 as the log holds it)."""
        ...

    async def record(self, rows: Sequence[Recorded], position: int) -> None:
        """Applies events to the query tables and remembers ``position``, in one transaction."""
        ...

    async def clients(self, limit: int = 1000) -> Sequence[tuple[StreamId, str]]:
        """Registered clients: (stream, client_id), newest first."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many streams of each kind, and events."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that will not be tried again."""

    task: str
    key: str
    reason: str
    at: Micros


class Outbox(Protocol):
    """Where the tail hands events on (Celery's broker)."""

    async def publish(self, tasks: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Publishes (task, id, arguments), confirmed. Raises UnavailableError; the caller's cursor then stays."""
        ...


class Partitions(Protocol):
    """The partitions of the log and of what is kept for a while only (PostgreSQL)."""

    async def ensure_ahead(self) -> int:
        """Creates partitions ahead of time. How many were missing."""
        ...

    async def drop_expired(self) -> int:
        """Drops partitions of sealed answers and one-time values whose time has passed, and forgets slots and effects that
        were claimed more than a month ago. How many partitions went.
        """
        ...


class DeadLetters(Protocol):
    """Tasks that failed for good (PostgreSQL)."""

    async def add(self, letter: DeadLetter) -> None:
        """Keeps one."""
        ...

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """The newest."""
        ...


class Egress(Protocol):
    """Outgoing HTTP to addresses that others chose: bounded, without redirects, never into private ranges unless allowed."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts and returns the status. Raises UnavailableError."""
        ...


# --------------------------------------------------------------------------- all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a process holds open. Built by ``wiring.open_ports`` only."""

    log: EventLog
    tail: LogTail
    leases: Leases
    read_model: ReadModel
    keeper: ProjectionKeeper
    transactions: Transactions
    throttle: Throttle
    signer: Signer
    secrets: Secrets
    data_keys: DataKeys
    passwords: Passwords
    key_wrapping: KeyWrapping
    queries: Queries
    dead_letters: DeadLetters
    outbox: Outbox
    partitions: Partitions
    egress: Egress
    extras: Mapping[str, Any] = field(default_factory=dict)


class OpenPorts(Protocol):
    """``async with open_ports(settings) as ports``: opens every connection, closes them in order."""

    def __call__(self, settings: Any) -> AbstractAsyncContextManager[Ports]:
        """Opens them."""
        ...
