"""What PostgreSQL does for a statement: one partition, by its index, also with plans that were made when all was empty."""

import asyncio
import re
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.support.appends import authorized, issued, redeemed, revoked

from grantlog.adapters.postgres import open_postgres
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import after
from grantlog.ports import Appended, Replay


@pytest.fixture
async def connection(module_postgres_url: str) -> Any:
    opened = await asyncpg.connect(module_postgres_url, server_settings={"plan_cache_mode": "force_generic_plan"})
    yield opened
    await opened.close()


USED = """
SELECT relname,
    pg_stat_get_xact_numscans(oid) + pg_stat_get_numscans(oid) AS scans
FROM pg_class WHERE relname ~ '_p20[0-9]+' AND relkind IN ('r', 'i')
"""


async def used(connection: Any) -> dict[str, int]:
    """How often each partition and each index of one has been scanned."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    return {row["relname"]: row["scans"] for row in await connection.fetch(USED)}


async def test_a_grants_whole_life_touches_only_the_partitions_of_its_birth(
    module_postgres_url: str, connection: Any
) -> None:
    async with open_postgres(module_postgres_url, connections=1) as opened:
        log = opened.log
        before = await used(connection)
        for _ in range(20):
            row = issued(log.mint(), log.now(), seal=b"box", replays=(Replay(log.mint().bytes, after(log.now(), 60)),))
            assert isinstance(await log.append(row), Appended)
            assert isinstance(await log.append(revoked(row)), Appended)
            await log.load(row.stream)
            await log.event_at(row.stream, 1)
            await log.history(row.stream)
            await log.append(row)
            await opened.tail.recorded(await opened.tail.follow(0, 1))
        today = await connection.fetch(
            "SELECT name FROM partition WHERE parent IN ('event', 'state') AND lower <= micros() AND micros() < upper"
        )
        born = {row["name"] for row in today}
    # A closed connection's statistics arrive a moment later.
    touched: set[str] = set()
    for _ in range(100):
        scans = await used(connection)
        touched = {name for name in scans if scans[name] > before[name] and name.startswith(("event", "state"))}
        if touched:
            break
        await asyncio.sleep(0.05)
    assert touched == {f"{name}_pkey" for name in born}


@pytest.mark.parametrize("name", ["load", "history", "event_at", "recorded"])
async def test_a_generic_plan_reads_one_partition(module_postgres_url: str, connection: Any, name: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        await opened.log.append(row)
    literals = {
        "load": f"ARRAY['{row.stream}'::uuid]",
        "history": f"'{row.stream}'",
        "event_at": f"'{row.stream}', 1",
        "recorded": f"ARRAY['{row.stream}'::uuid], ARRAY[1]",
    }
    types = {"load": "uuid[]", "history": "uuid", "event_at": "uuid, integer", "recorded": "uuid[], integer[]"}
    await connection.execute(f"PREPARE each ({types[name]}) AS {statement(name)}")
    explained = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE each ({literals[name]})")
    lines = [line[0] for line in explained]
    executed = [line for line in lines if "Scan" in line and "never executed" not in line]
    partitions = {found for line in executed for found in re.findall(r" on ((?:event|state)_p[0-9]+)(?!_)\b", line)}
    assert len(partitions) == 1, "\n".join(lines)
    assert not [line for line in executed if re.search(r"Seq Scan on (?!head)", line)], "\n".join(lines)


async def test_families_of_an_account_come_by_its_index(module_postgres_url: str, connection: Any) -> None:
    async with open_postgres(module_postgres_url) as opened:
        now = opened.log.now()
        row = authorized(opened.log.mint(), now, account=UUID(int=1), session=UUID(int=2))
        for each in (row, redeemed(row, now)):
            await opened.log.append(each)
        rows = await opened.tail.recorded(await opened.tail.follow(0, 1000))
        await opened.queries.record(rows, rows[-1].position)
        query = statement("families").replace("{conditions}", "AND f.account = $2")
    await connection.execute(f"SET enable_seqscan = off; PREPARE each (integer, uuid) AS {query}")
    explained = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE each (10, '{UUID(int=1)}')")
    lines = [line[0] for line in explained]
    assert not [line for line in lines if "Sort" in line], "\n".join(lines)
    assert any("_account_" in line for line in lines), "\n".join(lines)
