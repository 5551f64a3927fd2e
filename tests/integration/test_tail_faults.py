"""The tail, the projection and the broker are killed, flushed and stopped under real readers and writers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.processes import TRUST, Issuer, Site, issuer, site, started
from tests.support.servers import StartPostgres, StartValkey, flush
from tests.support.tails import until

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.flows.audit import audit
from grantlog.ports import Append

pytestmark = pytest.mark.faults


@pytest.fixture
def valkey(start_valkey: StartValkey) -> EmbeddedValkey:
    return start_valkey()


@pytest.fixture
def place(tmp_path: Path, postgres_url: str, valkey: EmbeddedValkey) -> Site:
    return site(tmp_path, postgres_url, valkey.url)


async def trusted(issuer: Issuer, row: Append) -> bool:
    return (await issuer.service.ports.read_model.read(row.stream)).trusted


@asynccontextmanager
async def prober(issuer: Issuer, revoked: list[Append]) -> AsyncIterator[list[Append]]:
    """Introspects all the time, in a process of its own kind, what has been revoked; yields the wrong answers."""
    wrong: list[Append] = []

    async def probe() -> None:
        while True:
            for row in revoked[-20:]:
                if await issuer.alive(row):
                    wrong.append(row)  # noqa: PERF401  # seen while it goes on
            await asyncio.sleep(0.002)

    task = asyncio.create_task(probe())
    try:
        yield wrong
    finally:
        task.cancel()
        outcome = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome[0], asyncio.CancelledError), outcome


async def revoke_on(issuer: Issuer, revoked: list[Append], live: list[Append]) -> None:
    """Issues and revokes without end; what was acknowledged as revoked goes into the list."""
    while True:
        row = await issuer.issue()
        live.append(row)
        if await issuer.revoke(row):
            revoked.append(row)
            live.remove(row)
        await asyncio.sleep(0.01)


async def test_a_tail_killed_half_way_is_continued_by_the_next_and_nothing_is_missed(place: Site) -> None:
    async with issuer(place.settings) as writer:
        first = await writer.issue(projected=False)
        with started(place.role("tail", name="killed")) as killed:
            await until(lambda: trusted(writer, first))
            rows = [await writer.issue(projected=False) for _ in range(100)]
            killed.kill()
            rows += [await writer.issue(projected=False) for _ in range(100)]
        with started(place.role("tail", name="next")) as tail:
            await until(lambda: _projected(writer, rows[-1]))
            head = await writer.service.ports.log.head()
            found = await audit(writer.service.ports, head.projection.generation)
            assert (found.families, found.missing, found.mismatches) == (201, 0, 0)
            # It went on with what stood there.
            assert head.projection.generation == 2
            assert tail.ready()


async def _projected(writer: Issuer, row: Append) -> bool:
    return (await writer.service.ports.read_model.read(row.stream)).version == 1


async def test_a_standby_tail_takes_over_before_readers_lose_trust(place: Site) -> None:
    async with issuer(place.settings) as writer:
        row = await writer.issue()
        with started(place.role("tail", name="first")) as first:
            await until(lambda: trusted(writer, row))
            with started(place.role("tail", name="second")) as second:
                await until(second.ready)
                first.kill()
                async with asyncio.timeout(TRUST * 3):
                    while second.metric('grantlog_projection_lag_events{log="0",worker="second"}') is None:
                        assert await trusted(writer, row)
                        await asyncio.sleep(0.02)
                await asyncio.sleep(TRUST)
                assert await trusted(writer, row)


@pytest.mark.parametrize("harm", ["flushed", "restarted", "stopped"])
async def test_whatever_happens_to_the_projection_nobody_reads_a_revoked_token_as_active(
    place: Site, valkey: EmbeddedValkey, harm: str
) -> None:
    revoked: list[Append] = []
    live: list[Append] = []
    async with issuer(place.settings) as writer, issuer(place.settings) as reader:
        kept = await writer.issue()
        with started(place.role("tail")):
            await until(lambda: trusted(reader, kept))
            generation = (await writer.service.ports.log.head()).projection.generation
            load = asyncio.create_task(revoke_on(writer, revoked, live))
            async with prober(reader, revoked) as wrong:
                await until(lambda: len(revoked) > 5)
                if harm == "flushed":
                    flush(valkey)
                elif harm == "restarted":
                    valkey.kill()
                    valkey.start()
                else:
                    valkey.send(signal.SIGSTOP)
                    await asyncio.sleep(TRUST)
                    valkey.send(signal.SIGCONT)
                await until(lambda: _switched(writer, generation))
                await until(lambda: trusted(reader, kept))
                # Without hands: revocations are acknowledged again.
                before = len(revoked)
                await until(lambda: len(revoked) > before + 5)
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            assert wrong == []
            assert await reader.alive(kept)
            head = await writer.service.ports.log.head()
            found = await audit(writer.service.ports, head.projection.generation)
            assert found.mismatches == 0


async def _switched(writer: Issuer, generation: int) -> bool:
    projection = (await writer.service.ports.log.head()).projection
    return projection.named and projection.generation > generation


async def test_a_cut_off_primary_dies_by_itself_within_the_lease(
    tmp_path: Path, postgres_url: str, start_valkey: StartValkey
) -> None:
    """Split brain: the tail and the writers see a new primary, while a reader is still connected to the old one."""
    old, new = start_valkey(), start_valkey()
    before, after = site(tmp_path, postgres_url, old.url), site(tmp_path, postgres_url, new.url)
    after = after.with_(ROOT_KEYS=before.environment["GRANTLOG_ROOT_KEYS"])
    async with issuer(before.settings) as stranded, issuer(after.settings) as writer:
        row = await writer.issue(projected=False)
        with started(before.role("tail", name="old")) as cut_off:
            await until(lambda: trusted(stranded, row))
            cut_off.kill()
        with started(after.role("tail", name="new")):
            revoked: list[Append] = []
            async with prober(stranded, revoked) as wrong:
                assert await stranded.alive(row)
                # Answered 503 until nobody can trust the old primary any more.
                await until(lambda: writer.revoke(row))
                revoked.append(row)
                await asyncio.sleep(TRUST)
            assert wrong == []
            assert not await trusted(stranded, row)
            await until(lambda: trusted(writer, row))


async def test_a_killed_postgresql_comes_back_to_the_same_projection(
    tmp_path: Path, start_postgres: StartPostgres, valkey: EmbeddedValkey
) -> None:
    postgres = start_postgres()
    place = site(tmp_path, postgres.url(), valkey.url)
    async with issuer(place.settings) as writer:
        row = await writer.issue()
        with started(place.role("tail")) as tail:
            await until(lambda: trusted(writer, row))
            generation = (await writer.service.ports.log.head()).projection.generation
            postgres.kill()
            # Introspection outlives PostgreSQL for as long as the last beat is trusted.
            assert await writer.alive(row)
            await until(lambda: _is_not(trusted(writer, row)))
            postgres.start()
            await until(lambda: trusted(writer, row))
            assert (await writer.service.ports.log.head()).projection.generation == generation
            await until(tail.ready)


async def _is_not(answer: Awaitable[bool]) -> bool:
    return not await answer


async def test_a_rebuild_under_load_shows_no_wrong_answer(place: Site) -> None:
    revoked: list[Append] = []
    live: list[Append] = []
    async with issuer(place.settings) as writer, issuer(place.settings) as reader:
        kept = [await writer.issue() for _ in range(50)]
        with started(place.role("tail")):
            await until(lambda: trusted(reader, kept[0]))
            generation = (await writer.service.ports.log.head()).projection.generation
            load = asyncio.create_task(revoke_on(writer, revoked, live))
            async with prober(reader, revoked) as wrong:
                await until(lambda: len(revoked) > 5)
                rebuild = place.role("rebuild", "--json")
                rebuild.start()
                while rebuild.status is None:
                    assert await reader.alive(kept[0])
                    await asyncio.sleep(0.005)
                assert rebuild.status == 0, rebuild.written()
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            assert wrong == []
            head = await writer.service.ports.log.head()
            assert head.projection.generation == generation + 1
            assert head.projection.next_generation is None
            found = await audit(writer.service.ports, head.projection.generation)
            assert (found.mismatches, found.missing) == (0, 0)
