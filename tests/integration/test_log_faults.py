"""What the log promises when connections, servers and rows fail."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from tests.support.appends import issued, registered, revoked
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.servers import StartPostgres, short_directory

from grantlog.adapters.codec import CodecError
from grantlog.adapters.postgres import Postgres, open_postgres
from grantlog.core.decision import GateChange
from grantlog.core.events import UnknownEventError
from grantlog.core.identifiers import Micros, mint_stream_id
from grantlog.ports import Appended, Conflict, Rejected, UnavailableError

pytestmark = pytest.mark.faults


@asynccontextmanager
async def through_proxy(url: str) -> AsyncIterator[tuple[Postgres, CuttingProxy]]:
    with short_directory() as directory:
        async with cutting_proxy(url, directory) as (relayed, proxy), open_postgres(relayed) as opened:
            # Statements are prepared, so that the next answer with rows is the append's own.
            await opened.log.append(issued(opened.log.mint(), opened.log.now()))
            yield opened, proxy


async def execute(url: str, query: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(query, *arguments)
    finally:
        await connection.close()


async def test_an_append_whose_answer_was_lost_stands_exactly_once(module_postgres_url: str) -> None:
    async with through_proxy(module_postgres_url) as (opened, proxy):
        before = (await opened.log.head()).position
        rows = [issued(opened.log.mint(), opened.log.now(), seal=b"box") for _ in range(10)]
        proxy.lose_answers(1)
        verdicts = await asyncio.gather(*(opened.log.append(row) for row in rows))
        assert proxy.cuts == 1
        assert all(isinstance(verdict, Appended) and verdict.again for verdict in verdicts)
        assert (await opened.log.head()).position == before + 10
        for row, verdict in zip(rows, verdicts, strict=True):
            assert isinstance(verdict, Appended)
            (event,) = await opened.log.history(row.stream)
            assert event.position == verdict.position


async def test_the_winner_whose_answer_was_lost_is_still_the_winner(module_postgres_url: str) -> None:
    async with through_proxy(module_postgres_url) as (opened, proxy), open_postgres(module_postgres_url) as rival:
        row = issued(opened.log.mint(), opened.log.now())
        await opened.log.append(row)
        proxy.lose_answers(1)
        assert isinstance(await opened.log.append(revoked(row)), Appended)
        assert isinstance(await rival.log.append(revoked(row)), Conflict)


async def test_where_every_answer_is_lost_nobody_is_told_that_it_stands(module_postgres_url: str) -> None:
    async with through_proxy(module_postgres_url) as (opened, proxy):
        row = issued(opened.log.mint(), opened.log.now())
        proxy.lose_answers(3)
        with pytest.raises(UnavailableError):
            await opened.log.append(row)
        assert proxy.cuts == 3
        verdict = await opened.log.append(row)
        assert isinstance(verdict, Appended)
        assert verdict.again
        assert len(await opened.log.history(row.stream)) == 1


async def test_a_row_that_breaks_the_statement_takes_no_other_along(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        log = opened.log
        good = [issued(log.mint(), log.now()) for _ in range(40)]
        bad = issued(log.mint(), log.now(), gate=GateChange("account", "a", quarantined_until=Micros(2**70)))
        outcomes = await asyncio.gather(
            *(log.append(row) for row in [*good[:20], bad, *good[20:]]), return_exceptions=True
        )
        assert isinstance(outcomes.pop(20), CodecError)
        assert all(isinstance(outcome, Appended) for outcome in outcomes)
        assert (await log.load(bad.stream)).version == 0


async def test_every_kind_of_refusal_in_one_batch_leaves_the_rest_standing(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        log = opened.log
        taken = registered(log.mint(), log.now(), "mixed")
        await log.append(taken)
        first = issued(log.mint(), log.now())
        await log.append(first)
        strange = mint_stream_id(Micros(0), 0, bytes(9))
        rows = [
            issued(log.mint(), log.now()),
            registered(log.mint(), log.now(), "mixed"),
            issued(strange, log.now()),
            first,
            revoked(revoked(first)),
            issued(log.mint(), log.now()),
        ]
        verdicts = await asyncio.gather(*(log.append(row) for row in rows))
        told = [v.reason if isinstance(v, Rejected) else type(v).__name__ for v in verdicts]
        assert told == ["Appended", "name_taken", "bad_id", "Appended", "Conflict", "Appended"]
        positions = [v.position for v in verdicts if isinstance(v, Appended) and not v.again]
        assert max(positions) - min(positions) == 1


async def test_nothing_acknowledged_is_lost_when_postgresql_is_killed(start_postgres: StartPostgres) -> None:
    server = start_postgres()
    async with open_postgres(server.url()) as opened:
        acknowledged: list[tuple[object, int]] = []
        refused = 0
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal refused
            while not stop.is_set():
                row = issued(opened.log.mint(), opened.log.now())
                try:
                    verdict = await opened.log.append(row)
                except UnavailableError:
                    refused += 1
                    await asyncio.sleep(0.02)
                    continue
                assert isinstance(verdict, Appended)
                acknowledged.append((row.stream, verdict.position))

        writers = [asyncio.create_task(write()) for _ in range(8)]
        await asyncio.sleep(0.3)
        server.kill()
        before = len(acknowledged)
        await asyncio.sleep(0.5)
        with pytest.raises(UnavailableError):
            await opened.log.head()
        await asyncio.to_thread(server.start)
        await asyncio.sleep(0.7)
        stop.set()
        await asyncio.gather(*writers)

        assert refused > 0
        assert before > 0
        assert len(acknowledged) > before, "it goes on without a restart"
        rows = await opened.tail.follow(0, 1_000_000)
        assert [row.position for row in rows] == list(range(1, len(rows) + 1))
        assert len({row.stream for row in rows}) == len(rows)
        assert set(acknowledged) <= {(row.stream, row.position) for row in rows}


async def test_a_server_that_hangs_is_unavailable_within_seconds(start_postgres: StartPostgres) -> None:
    server = start_postgres()
    async with open_postgres(server.url()) as opened:
        rows = [issued(opened.log.mint(), opened.log.now()) for _ in range(5)]
        stopped = await stop_backends(opened)
        try:
            async with asyncio.timeout(20):
                outcomes = await asyncio.gather(
                    *(opened.log.append(row) for row in rows), opened.log.load(rows[0].stream), return_exceptions=True
                )
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 6
        for row in rows:
            assert isinstance(await opened.log.append(row), Appended)


async def stop_backends(opened: Postgres) -> list[int]:
    """Stops the processes of all connections, and the postmaster, so that new ones hang as well."""
    rows = await opened.pool.fetch("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
    pids = [row["pid"] for row in rows]
    parent = parent_of(pids[0])
    for pid in [parent, *pids]:
        os.kill(pid, signal.SIGSTOP)
    return [parent, *pids]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_closing_waits_for_appends_under_way(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        log = opened.log
        appends = [asyncio.create_task(log.append(issued(log.mint(), log.now()))) for _ in range(600)]
        await asyncio.sleep(0)
    assert {type(verdict) for verdict in await asyncio.gather(*appends)} == {Appended}
    with pytest.raises(UnavailableError):
        await log.append(issued(log.mint(), log.now()))


async def test_a_full_queue_says_so_at_once(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url, queue=10) as opened:
        log = opened.log
        outcomes = await asyncio.gather(
            *(log.append(issued(log.mint(), log.now())) for _ in range(50)), return_exceptions=True
        )
        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 10
        assert sum(isinstance(outcome, UnavailableError) for outcome in outcomes) == 40


async def test_an_unreachable_server_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        async with open_postgres(f"postgresql://nobody@/nothing?host={tmp_path}"):
            pass


async def test_a_state_in_another_shape_is_folded_from_its_history(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        gone = revoked(row)
        await opened.log.append(row)
        await opened.log.append(gone)
        await execute(module_postgres_url, "UPDATE state SET codec = codec + 1 WHERE stream = $1", row.stream)
        assert (await opened.log.load(row.stream)).state == gone.state
        chunks = [chunk async for chunk in opened.tail.live_grants(Micros(0))]
        assert (row.stream, gone.state) in [each for chunk in chunks for each in chunk]


async def test_a_state_that_does_not_decode_is_folded_from_its_history(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        await opened.log.append(row)
        await execute(module_postgres_url, "UPDATE state SET blob = '{}' WHERE stream = $1", row.stream)
        assert (await opened.log.load(row.stream)).state == row.state


async def test_a_stream_with_an_unknown_event_gives_no_answer_and_harms_no_other(module_postgres_url: str) -> None:
    """A reader that meets an unknown event refuses to answer from that stream."""
    async with open_postgres(module_postgres_url) as opened:
        log = opened.log
        newer, other = issued(log.mint(), log.now()), issued(log.mint(), log.now())
        for row in (newer, other):
            await log.append(row)
        await execute(module_postgres_url, "UPDATE state SET codec = 0 WHERE stream = $1", newer.stream)
        await execute(
            module_postgres_url, "UPDATE event SET type = 'grant.from_tomorrow' WHERE stream = $1", newer.stream
        )
        outcomes = await asyncio.gather(log.load(newer.stream), log.load(other.stream), return_exceptions=True)
        assert isinstance(outcomes[0], UnknownEventError)
        assert not isinstance(outcomes[1], BaseException)
        assert outcomes[1].state == other.state
        with pytest.raises(UnknownEventError):
            await opened.tail.states([newer.stream])
        with pytest.raises(UnknownEventError):
            await log.history(newer.stream)


async def test_an_event_that_does_not_decode_is_an_error(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        await opened.log.append(row)
        await execute(module_postgres_url, "UPDATE event SET payload = '{}' WHERE stream = $1", row.stream)
        with pytest.raises(CodecError):
            await opened.log.event_at(row.stream, 1)
        await execute(module_postgres_url, "UPDATE event SET envelope = '[]' WHERE stream = $1", row.stream)
        with pytest.raises(CodecError):
            await opened.log.event_at(row.stream, 1)


async def test_an_event_that_was_removed_is_missed(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        verdict = await opened.log.append(row)
        assert isinstance(verdict, Appended)
        rows = await opened.tail.follow(verdict.position - 1, 1)
        await execute(module_postgres_url, "DELETE FROM event WHERE stream = $1", row.stream)
        with pytest.raises(LookupError, match=str(verdict.position)):
            await opened.tail.recorded(rows)


async def test_a_row_renumbered_by_hand_is_missed(module_postgres_url: str) -> None:
    async with open_postgres(module_postgres_url) as opened:
        row = issued(opened.log.mint(), opened.log.now())
        verdict = await opened.log.append(row)
        assert isinstance(verdict, Appended)
        (found,) = await opened.tail.follow(verdict.position - 1, 1)
        with pytest.raises(LookupError):
            await opened.tail.recorded([replace(found, position=found.position + 1)])
