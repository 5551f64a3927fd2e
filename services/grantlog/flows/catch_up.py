"""Following the log: every position is met once, in order; touched grants are projected as they stand, never as deltas."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from structlog import get_logger

from grantlog import metrics
from grantlog.core.grant.standing import Family, family_of
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import Micros, StreamId, seconds
from grantlog.ports import LogRow, LogTail, Ports, UnavailableError

BATCH = 500
"""Rows read at once."""
LOG = "0"
"""The one log there is so far, as labels and task keys name it."""
QUERIES = "queries"
"""Name of the cursor of the query tables."""

_log = get_logger(__name__)

Projected = tuple[StreamId, Family, int]
"""A family and the latest expiry (NumericDate) of any of its access tokens."""


class LogGapError(Exception):
    """A position is missing on the log. Whoever meets it stops: what was skipped might be a revocation."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"position {expected} is missing on the log: {found} follows")
        self.expected = expected
        self.found = found


class StoreGoneError(UnavailableError):
    """The projection's store does not answer: the log does."""


@contextmanager
def projection_store() -> Iterator[None]:
    """Around calls of the keeper: tells its silence from the log's."""
    try:
        yield
    except UnavailableError as gone:
        raise StoreGoneError(str(gone), gone.retry_after) from gone


@dataclass(frozen=True, slots=True)
class Step:
    """One batch of the log applied: the position reached, how many rows, the oldest and the newest of them."""

    position: int
    rows: int
    behind: int
    """Families whose projection was behind, and was repaired."""
    oldest: Micros | None = None
    newest: Micros | None = None

    @property
    def at_end(self) -> bool:
        """Whether there was nothing more to read."""
        return self.rows < BATCH


async def dense_rows(tail: LogTail, position: int, limit: int = BATCH) -> Sequence[LogRow]:
    """The rows after a position. Raises LogGapError where one is missing."""
    rows = await tail.follow(position, limit)
    for expected, row in enumerate(rows, start=position + 1):
        if row.position != expected:
            metrics.LOG_GAPS.labels(LOG).inc()
            _log.critical("log_gap", expected=expected, found=row.position)
            raise LogGapError(expected, row.position)
    return rows


async def step(ports: Ports, generation: int, position: int) -> Step:
    """Applies one batch after ``position`` to a generation: puts and cursor advance in one atomic step.

    Raises LogGapError, UnavailableError.
    """
    rows = await dense_rows(ports.tail, position)
    if not rows:
        return Step(position, 0, 0)
    streams = await _behind(ports, generation, rows)
    loaded = await ports.tail.states(streams) if streams else ()
    states = [(stream, found.state) for stream, found in zip(streams, loaded, strict=True)]
    reached = rows[-1].position
    with projection_store():
        behind = await ports.keeper.repair(generation, projected(states, ports.log.now()), reached)
    return Step(reached, len(rows), behind, rows[0].recorded_at, rows[-1].recorded_at)


async def _behind(ports: Ports, generation: int, rows: Sequence[LogRow]) -> Sequence[StreamId]:
    """The grants that these rows touch and whose stored version is below theirs: writers have seen to the others.

    Where the store loses one of them before the cursor moves, it has lost the cursor as well, and that then stays.
    """
    newest = {row.stream: row.version for row in rows if row.type.startswith("grant.")}
    if not newest:
        return ()
    with projection_store():
        stored = await ports.keeper.versions(generation, tuple(newest))
    return [stream for (stream, version), has in zip(newest.items(), stored, strict=True) if has < version]


async def catch_up(ports: Ports, generation: int, position: int, until: int) -> int:
    """Applies the log to a generation from ``position`` to ``until`` at least. The position reached."""
    while position < until:
        reached = (await step(ports, generation, position)).position
        if reached == position:
            # The head row counts it, but the log does not hold it.
            metrics.LOG_GAPS.labels(LOG).inc()
            raise LogGapError(position + 1, until)
        position = reached
    return position


def projected(states: Sequence[tuple[StreamId, object]], now: Micros) -> list[Projected]:
    """What the projection holds of these grants: every family that has, or had, a token that would still run.

    One without a token left is a tombstone: it keeps late writers from bringing an older version back.
    """
    moment = seconds(now)
    return [
        (stream, family_of(state), state.last_expiry)
        for stream, state in states
        if isinstance(state, GrantState) and state.last_expiry > moment
    ]


async def record_queries(ports: Ports, position: int) -> int:
    """Applies one batch after ``position`` to the query tables. The position reached. Raises LogGapError, UnavailableError."""
    rows = await dense_rows(ports.tail, position)
    if rows:
        position = rows[-1].position
        await ports.queries.record(await ports.tail.recorded(rows), position)
    return position
