"""One call of ``append_v1`` for a batch, whatever becomes of the connection meanwhile."""

from asyncio import sleep
from collections.abc import Sequence
from itertools import zip_longest
from time import monotonic, perf_counter
from typing import Any

import asyncpg

from grantlog import metrics
from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.codec import CodecError, EncodedRow
from grantlog.adapters.postgres.errors import OUTCOME_UNKNOWN, is_gone
from grantlog.adapters.postgres.heads import head_of
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import Micros
from grantlog.ports import Appended, Conflict, Head, Rejected, UnavailableError, Verdict

PAUSES = (0.05, 0.25)
"""Seconds before the same batch is sent once more: its request ids make that safe."""
ROW_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)
"""What one row can do to the statement that carries it."""
_REASONS = {3: "name_taken", 4: "replayed", 5: "bad_id"}


class AppendCall:
    """Writes batches, learning PostgreSQL's time from each answer."""

    def __init__(self, pool: Pool, clock: PostgresClock) -> None:
        self._pool = pool
        self._clock = clock

    async def write(self, rows: Sequence[EncodedRow]) -> Sequence[Verdict | Exception]:
        """A verdict per row, in their order; an exception for a row that PostgreSQL itself refuses.

        Raises UnavailableError; whether the rows stand is then unknown, and the same request may ask again.
        """
        pauses = iter(PAUSES)
        while True:
            try:
                return await self._call(rows)
            except Exception as error:
                if isinstance(error, ROW_ERRORS):
                    return await self._halves(rows, error)
                if not is_gone(error):
                    raise
                pause = next(pauses, None) if _is_worth_repeating(error) else None
                if pause is None:
                    raise UnavailableError(f"PostgreSQL: {type(error).__name__}") from error
            await sleep(pause)

    async def _halves(self, rows: Sequence[EncodedRow], error: Exception) -> Sequence[Verdict | Exception]:
        """A row that breaks the statement must not take others along: the rest is sent without it."""
        if len(rows) == 1:
            refused = CodecError(f"PostgreSQL cannot store the row: {type(error).__name__}")
            refused.__cause__ = error
            return [refused]
        middle = len(rows) // 2
        return [*await self.write(rows[:middle]), *await self.write(rows[middle:])]

    async def _call(self, rows: Sequence[EncodedRow]) -> Sequence[Verdict]:
        order = sorted(range(len(rows)), key=lambda number: rows[number].stream.int)
        arguments = columns([rows[number] for number in order])
        metrics.APPEND_BATCH_SIZE.observe(len(rows))
        began = perf_counter()
        sent = monotonic()
        async with self._pool.raw_connection() as connection:
            answer = await connection.fetchrow(statement("append"), *arguments)
        received = monotonic()
        metrics.APPEND_SECONDS.observe(perf_counter() - began)
        self._clock.learn(Micros(answer["head_recorded_at"]), received, sent)
        head = head_of(
            answer["head_log_id"],
            answer["head_position"],
            answer["head_gate_sequence"],
            answer["head_recorded_at"],
            answer["head_projection"],
        )
        verdicts: list[Any] = [None] * len(rows)
        for number, code, position, time in zip(
            order, answer["verdicts"], answer["positions"], answer["times"], strict=True
        ):
            verdicts[number] = _verdict(code, position, time, head)
        return verdicts


def _is_worth_repeating(error: Exception) -> bool:
    """Not after a timeout: a server that let one batch wait would let the next one wait as long."""
    return isinstance(error, OUTCOME_UNKNOWN) and not isinstance(error, TimeoutError)


def _verdict(code: int, position: int, time: int, head: Head) -> Verdict:
    if code <= 1:
        return Appended(position, Micros(time), head, again=code == 1)
    if code == 2:
        return Conflict(head)
    return Rejected(_REASONS[code], head)


def columns(rows: Sequence[EncodedRow]) -> list[Any]:
    """The arguments of ``append_v1``: a column of rows each, then what only some rows bring, after their numbers."""
    numbered = list(enumerate(rows, 1))
    seals = [(number, row.seal) for number, row in numbered if row.seal is not None]
    names = [(number, name.kind, name.value) for number, row in numbered for name in row.names]
    replays = [(number, claim.key, claim.expires_at) for number, row in numbered for claim in row.replays]
    gates = [
        (number, row.gate.kind, row.gate.id, row.gate.closes, row.gate.quarantined_until)
        for number, row in numbered
        if row.gate is not None
    ]
    return [
        [row.stream for row in rows],
        [row.version for row in rows],
        [row.type for row in rows],
        [row.schema for row in rows],
        [row.envelope for row in rows],
        [row.payload for row in rows],
        [row.codec for row in rows],
        [row.state for row in rows],
        [row.last_expiry for row in rows],
        *_transposed(seals, 2),
        *_transposed(names, 3),
        *_transposed(replays, 3),
        *_transposed(gates, 5),
    ]


def _transposed(claims: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    if not claims:
        return [[] for _ in range(width)]
    return [list(column) for column in zip_longest(*claims)]
