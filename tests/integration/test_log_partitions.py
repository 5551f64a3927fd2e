"""Partitions are there before they are needed, and away when their time has passed, while the log goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from tests.support.appends import issued, revoked

from grantlog.adapters.postgres import Postgres, open_postgres
from grantlog.core.identifiers import after
from grantlog.ports import Appended, Rejected, Replay, UnavailableError

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
async def opened(postgres_url: str) -> AsyncIterator[Postgres]:
    async with open_postgres(postgres_url) as found:
        yield found


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[Any]:
    found = await asyncpg.connect(postgres_url)
    yield found
    await found.close()


async def forget(connection: Any, parent: str) -> int:
    """Drops all partitions of a table."""
    names = await connection.fetch("DELETE FROM partition WHERE parent = $1 RETURNING name", parent)
    for row in names:
        await connection.execute(f"DROP TABLE {row['name']}")
    return len(names)


async def move_back(connection: Any, parent: str, span: int) -> None:
    """Makes the partitions of a table look as old as if ``span`` seconds had passed."""
    await connection.execute(
        "UPDATE partition SET lower = lower - $2::bigint, upper = upper - $2::bigint WHERE parent = $1",
        parent,
        span * 1_000_000,
    )


@pytest.mark.parametrize(
    ("parent", "number"), [("event", 10), ("state", 10), ("family", 10), ("sealed", 28), ("token", 10)]
)
async def test_missing_partitions_are_made_ahead(opened: Postgres, connection: Any, parent: str, number: int) -> None:
    assert await forget(connection, parent) == number
    assert await opened.partitions.ensure_ahead() == number
    assert await opened.partitions.ensure_ahead() == 0
    row = issued(opened.log.mint(), opened.log.now(), seal=b"box")
    assert isinstance(await opened.log.append(row), Appended)
    assert await opened.log.sealed(row.stream, 1) == b"box"


async def test_partitions_lie_side_by_side(connection: Any) -> None:
    gaps = await connection.fetch(
        "SELECT * FROM (SELECT parent, lower, lag(upper) OVER (PARTITION BY parent ORDER BY lower) AS before FROM partition) p"
        " WHERE before <> lower"
    )
    assert gaps == []


async def test_what_partition_says_is_what_postgresql_does(connection: Any) -> None:
    bounds = await connection.fetch(
        "SELECT p.name, p.parent, p.lower, p.upper, pg_get_expr(c.relpartbound, c.oid) AS bound,"
        " first_id(p.lower)::text AS first, first_id(p.upper)::text AS last"
        " FROM partition p JOIN pg_class c ON c.relname = p.name"
    )
    assert len(bounds) == await connection.fetchval("SELECT count(*) FROM partition")
    for row in bounds:
        if row["parent"] in {"event", "state", "family"}:
            assert row["bound"] == f"FOR VALUES FROM ('{row['first']}') TO ('{row['last']}')"
        else:
            assert row["bound"].replace("'", "") == f"FOR VALUES FROM ({row['lower']}) TO ({row['upper']})"


async def test_partitions_are_made_while_a_writer_is_in_the_middle(
    opened: Postgres, connection: Any, postgres_url: str
) -> None:
    await connection.execute(
        "DELETE FROM partition WHERE name = (SELECT max(name) FROM partition WHERE parent = 'event') RETURNING name"
    )
    youngest = await connection.fetchval(
        "SELECT relname FROM pg_class WHERE relname LIKE 'event_p%' AND relkind = 'r' ORDER BY relname DESC LIMIT 1"
    )
    await connection.execute(f"DROP TABLE {youngest}")
    writer = await asyncpg.connect(postgres_url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("LOCK TABLE event, state, sealed IN ROW EXCLUSIVE MODE")
    try:
        assert await opened.partitions.ensure_ahead() == 1
    finally:
        await transaction.rollback()
        await writer.close()


async def test_two_callers_make_each_partition_once(opened: Postgres, connection: Any) -> None:
    await forget(connection, "sealed")
    made = await asyncio.gather(*(opened.partitions.ensure_ahead() for _ in range(4)))
    assert sorted(made) == [0, 0, 0, 28]


async def test_without_an_hour_for_them_answers_are_not_kept_and_nothing_else_fails(
    opened: Postgres, connection: Any
) -> None:
    await forget(connection, "sealed")
    row = issued(opened.log.mint(), opened.log.now(), seal=b"box")
    assert isinstance(await opened.log.append(row), Appended)
    assert await opened.log.sealed(row.stream, 1) is None


async def test_without_an_hour_for_it_a_one_time_value_is_refused(opened: Postgres, connection: Any) -> None:
    await forget(connection, "replay")
    claim = Replay(b"jti", after(opened.log.now(), 60))
    verdict = await opened.log.append(issued(opened.log.mint(), opened.log.now(), replays=(claim,)))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "replayed"


async def test_without_a_week_for_it_a_birth_is_refused_and_the_rest_goes_on(opened: Postgres, connection: Any) -> None:
    row = issued(opened.log.mint(), opened.log.now())
    await opened.log.append(row)
    # The table says that weeks were never made: nothing young may be born, and what lives goes on.
    await connection.execute("DELETE FROM partition WHERE parent = 'event' AND upper > micros()")
    verdicts = await asyncio.gather(
        opened.log.append(issued(opened.log.mint(), opened.log.now())), opened.log.append(revoked(row))
    )
    assert isinstance(verdicts[0], Rejected)
    assert verdicts[0].reason == "bad_id"
    assert isinstance(verdicts[1], Appended)


async def test_a_family_whose_partition_was_dropped_is_gone_and_harms_no_batch(
    opened: Postgres, connection: Any
) -> None:
    row, other = (issued(opened.log.mint(), opened.log.now()) for _ in range(2))
    await opened.log.append(row)
    for parent in ("event", "state"):
        await forget(connection, parent)
    lost, stays = await asyncio.gather(
        opened.log.append(revoked(row)), opened.log.append(other), return_exceptions=True
    )
    assert type(lost).__name__ == "Conflict"
    assert isinstance(stays, Rejected)
    assert (await opened.log.load(row.stream)).version == 0


@pytest.mark.parametrize(("parent", "span", "number"), [("sealed", 30 * HOUR, 28), ("replay", 30 * HOUR, 28)])
async def test_what_has_had_its_hour_is_dropped(
    opened: Postgres, connection: Any, parent: str, span: int, number: int
) -> None:
    assert await opened.partitions.drop_expired() == 0
    await move_back(connection, parent, span)
    assert await opened.partitions.drop_expired() == number
    assert (
        await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = $1::text::regclass", parent) == 0
    )
    assert isinstance(await opened.log.append(issued(opened.log.mint(), opened.log.now(), seal=b"box")), Appended)


async def test_tokens_are_kept_four_weeks_after_they_expired(opened: Postgres, connection: Any) -> None:
    await move_back(connection, "token", 28 * DAY)
    assert await opened.partitions.drop_expired() == 1
    await move_back(connection, "token", 400 * DAY)
    assert await opened.partitions.drop_expired() == 9


async def test_claims_of_last_month_are_forgotten(opened: Postgres, connection: Any) -> None:
    for job in (1, 2):
        assert await opened.leases.claim_slot("expire", job)
        assert await opened.leases.claim_effect("notify", job)
    past = 31 * DAY * 1_000_000
    await connection.execute("UPDATE slot SET claimed_at = claimed_at - $1 WHERE slot = 1", past)
    await connection.execute("UPDATE effect SET claimed_at = claimed_at - $1 WHERE position = 1", past)
    await opened.partitions.drop_expired()
    assert await opened.leases.claim_slot("expire", 1)
    assert not await opened.leases.claim_slot("expire", 2)
    assert await opened.leases.claim_effect("notify", 1)
    assert not await opened.leases.claim_effect("notify", 2)


async def test_dropping_gives_way_to_a_reader_that_takes_its_time(
    opened: Postgres, connection: Any, postgres_url: str
) -> None:
    await move_back(connection, "sealed", 30 * HOUR)
    reader = await asyncpg.connect(postgres_url)
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("SELECT * FROM sealed")
    try:
        with pytest.raises(UnavailableError):
            await opened.partitions.drop_expired()
    finally:
        await transaction.rollback()
        await reader.close()
    assert isinstance(await opened.log.append(issued(opened.log.mint(), opened.log.now())), Appended)
    assert await opened.partitions.drop_expired() == 28
