"""The ports that stand on one store, for suites that run on memory and on PostgreSQL alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from grantlog.adapters.memory.clock import MachineClock
from grantlog.adapters.memory.event_log import MemoryEventLog
from grantlog.adapters.memory.leases import MemoryLeases
from grantlog.adapters.memory.log_tail import MemoryLogTail
from grantlog.adapters.memory.queries import MemoryDeadLetters, MemoryPartitions, MemoryQueries
from grantlog.adapters.postgres import open_postgres
from grantlog.ports import DeadLetters, EventLog, Leases, LogTail, Partitions, Queries


@dataclass(frozen=True, slots=True)
class Store:
    """What a suite asks for."""

    log: EventLog
    tail: LogTail
    leases: Leases
    queries: Queries
    dead_letters: DeadLetters
    partitions: Partitions


def memory_store() -> Store:
    """In this process."""
    clock = MachineClock()
    log, leases = MemoryEventLog(clock), MemoryLeases(clock)
    return Store(log, MemoryLogTail(log, leases), leases, MemoryQueries(), MemoryDeadLetters(), MemoryPartitions())


@asynccontextmanager
async def postgres_store(url: str) -> AsyncIterator[Store]:
    """In a migrated database."""
    async with open_postgres(url) as opened:
        yield Store(opened.log, opened.tail, opened.leases, opened.queries, opened.dead_letters, opened.partitions)


_EMPTY = """
DELETE FROM log; DELETE FROM event; DELETE FROM event_lasting; DELETE FROM state; DELETE FROM state_lasting;
DELETE FROM sealed; DELETE FROM name_claim; DELETE FROM replay; DELETE FROM gate;
DELETE FROM cursor; DELETE FROM lease; DELETE FROM slot; DELETE FROM effect; DELETE FROM dead_letter;
DELETE FROM family; DELETE FROM token; DELETE FROM client; DELETE FROM stream_count;
DELETE FROM password; DELETE FROM wrapped_key; DELETE FROM kept_secret; DELETE FROM vault.data_key;
UPDATE head SET position = 0, recorded_at = 0, gate_sequence = 0,
    projection = '{"generation": 1, "runs": {}, "since": 0, "next": null}';
"""


async def empty(url: str) -> None:
    """Forgets everything in a migrated database: much cheaper than a fresh copy of its partitions."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_EMPTY)
    finally:
        await connection.close()
