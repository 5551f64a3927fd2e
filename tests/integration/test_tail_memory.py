"""The role ``tail`` on memory ports: what it promises whatever the stores do."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from tests.support import appends
from tests.support.tails import TRUST, System, found, memory_system, running, until

from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import StreamId
from grantlog.flows.audit import audit
from grantlog.flows.beat import Standing
from grantlog.flows.holding import Held
from grantlog.flows.rebuild import fill_beside, flip, request
from grantlog.flows.tail import Tail
from grantlog.ports import LogRow, Projection


@pytest.fixture
def system() -> System:
    return memory_system()


async def trusted(system: System, stream: StreamId) -> bool:
    return (await system.read(stream)).trusted


async def _is(answer: Awaitable[object], expected: object) -> bool:
    return await answer == expected


async def version_of(system: System, stream: StreamId) -> int:
    snapshot = await system.read(stream)
    return snapshot.version if snapshot.trusted else -1


async def test_the_first_tail_names_a_projection_without_waiting_for_a_lease(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()) as tail:
        await until(lambda: trusted(system, row.stream), TRUST * 0.8)
        assert tail.ready
    snapshot = await system.read(row.stream)
    assert snapshot.family is not None
    assert system.log.projection.generation == 2
    assert system.log.projection.runs == {"0": system.projection.run}


async def test_what_a_dead_writer_left_unprojected_is_repaired(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        dead = appends.revoked(row)
        await system.append(dead)
        await until(lambda: _is(version_of(system, row.stream), 2))
        snapshot = await system.read(row.stream)
        assert snapshot.family is not None
        assert snapshot.family.tokens == ()


async def test_the_beat_raises_gates_that_a_dead_writer_had_closed(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        await system.append(appends.registered(system.log.mint(), system.log.now()))

        async def raised() -> bool:
            return (await system.read(row.stream)).gate_sequence == 1

        await until(raised)


async def test_only_one_of_two_tails_leads_and_the_other_takes_over(system: System) -> None:
    row = await system.issued()
    async with running(system.tail("first")) as first:
        await until(lambda: first.leading)
        await until(lambda: trusted(system, row.stream))
        second = asyncio.create_task(_stand_by(system, first))
        await asyncio.sleep(0.1)
        assert not second.done()
    generation = system.log.projection.generation
    await second
    # It goes on with what stands there: nobody had to wait for a switch.
    assert system.log.projection.generation == generation
    assert await trusted(system, row.stream)


async def _stand_by(system: System, first: Tail) -> None:
    """Runs a second tail until it beats."""
    async with running(system.tail("second")) as second:
        await until(lambda: second.ready)
        assert first.leading
        assert not second.leading
        await until(lambda: second.leading and second.ready)


async def test_a_tail_that_was_killed_is_continued_and_nothing_is_missed(system: System) -> None:
    rows = [await system.issued() for _ in range(3)]
    task = asyncio.create_task(system.tail("killed").run())
    await until(lambda: trusted(system, rows[0].stream))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rows.append(await system.issued())
    await system.append(appends.revoked(rows[0]))
    async with running(system.tail("next")):
        await until(lambda: _is(version_of(system, rows[0].stream), 2))
        await until(lambda: _is(version_of(system, rows[3].stream), 1))


async def test_a_flushed_projection_is_untrusted_at_once_and_replaced_after_the_lease(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        before = system.log.projection
        system.projection.flush()
        assert not await trusted(system, row.stream)
        await until(lambda: not system.log.projection.named)
        none = system.log.projection
        await until(lambda: system.log.projection.named)
        assert system.log.now() - none.since >= TRUST * 1_000_000
        await until(lambda: trusted(system, row.stream))
        assert system.log.projection.generation > before.generation
        assert (await system.read(row.stream)).family is not None


async def test_a_restarted_projection_gets_a_new_generation_with_states_only(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        await system.append(appends.revoked(row))
        system.projection.restart()
        await until(lambda: system.log.projection.runs == {"0": system.projection.run})
        await until(lambda: trusted(system, row.stream))
        snapshot = await system.read(row.stream)
        # The tombstone, never the version that it replaced.
        assert snapshot.version == 2
        assert snapshot.family is not None
        assert snapshot.family.tokens == ()


async def test_a_store_that_stays_silent_is_given_up_so_that_revocation_can_go_on(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        system.projection.down = True
        await until(lambda: not system.log.projection.named)
        system.projection.down = False
        await until(lambda: trusted(system, row.stream))


async def test_a_short_silence_of_the_store_changes_nothing(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        before = system.log.projection
        system.projection.down = True
        await asyncio.sleep(0.2)
        system.projection.down = False
        await until(lambda: trusted(system, row.stream))
        assert system.log.projection == before


async def test_a_tail_that_was_fenced_off_can_neither_name_nor_begin(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
    old = await system.ports.leases.acquire("tail:0", "old", 0.01)
    assert old is not None
    await asyncio.sleep(0.02)
    assert await system.ports.leases.acquire("tail:0", "new", 5) is not None
    before = system.log.projection
    assert await system.ports.tail.name_projection(Projection(9, {"0": "x"}, before.since), old) is None
    assert system.log.projection == before


async def test_a_gap_stops_the_projection_and_its_beat_for_good(system: System) -> None:
    row = await system.issued()
    tail = system.tail()
    async with running(tail):
        await until(lambda: trusted(system, row.stream))
        follow = system.ports.tail.follow

        async def with_a_hole(after: int, limit: int) -> list[LogRow]:
            rows = await follow(after, limit)
            return [replace(row, position=row.position + 1) for row in rows]

        system.ports.tail.follow = with_a_hole  # type: ignore[method-assign]  # a log that lost a row
        await system.issued()
        await until(lambda: _is(trusted(system, row.stream), expected=False))
        await asyncio.sleep(TRUST / 2)
        assert not await trusted(system, row.stream)
        assert not tail.ready


async def test_a_projection_that_somebody_else_unnamed_is_switched(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        generation = system.log.projection.generation
        await system.ports.tail.name_projection(Projection(generation + 1, {}, system.log.now()))
        await until(lambda: system.log.projection.generation > generation + 1)
        await until(lambda: trusted(system, row.stream))


async def test_a_rebuild_flips_while_readers_go_on_trusting(system: System) -> None:
    rows = [await system.issued(projected=True) for _ in range(20)]
    async with running(system.tail()):
        await until(lambda: trusted(system, rows[0].stream))
        wanted = await request(system.ports)
        seen: set[bool] = set()
        while system.log.projection.generation < wanted or system.log.projection.next_generation is not None:
            seen.add(await trusted(system, rows[0].stream))
            await system.issued(projected=True)
            await asyncio.sleep(0.002)
        assert seen == {True}
        assert await version_of(system, rows[5].stream) == 1
        audited = await audit(system.ports, wanted)
        assert (audited.mismatches, audited.missing) == (0, 0)
        assert audited.families >= 20


async def test_a_rebuild_that_was_cut_off_is_finished_by_the_next_tail(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
    half = replace(system.log.projection, next_generation=system.log.projection.generation + 1)
    await system.ports.tail.name_projection(half)
    async with running(system.tail("next")):
        await until(lambda: system.log.projection.generation == half.next_generation)
        await until(lambda: system.log.projection.next_generation is None)
        await until(lambda: trusted(system, row.stream))


async def test_events_are_dispatched_once_a_handler_and_the_broker_delays_only_that(system: System) -> None:
    system.outbox.gone = True
    incident = found(system.log.mint(), system.log.now())
    async with running(system.tail()):
        verdict = await system.append(incident)
        row = await system.issued()
        await until(lambda: _is(version_of(system, row.stream), 1))
        assert system.outbox.published == []
        system.outbox.gone = False
        await until(lambda: system.outbox.published)
    handler, key, arguments = system.outbox.published[0]
    assert (handler, key) == ("notify", f"notify:0:{verdict.position}")
    assert arguments == {"position": verdict.position, "stream": str(incident.stream), "version": 1}
    async with running(system.tail("next")):
        await asyncio.sleep(0.1)
    assert len(system.outbox.published) == 1


async def test_query_tables_follow_by_themselves(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):

        async def known() -> bool:
            families = await system.queries.families(client_id="machine")
            return [family.stream for family in families] == [row.stream]

        await until(known)


async def test_an_expired_family_is_not_written(system: System) -> None:
    row = appends.issued(system.log.mint(), system.log.now(), lifetime=-1)
    await system.append(row)
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
    assert isinstance(row.state, GrantState)
    assert await system.projection.stored(2, row.stream) is None


async def test_a_store_that_lost_only_its_readiness_is_switched(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
        generation = system.log.projection.generation
        system.projection._ready.clear()
        await until(lambda: system.log.projection.generation > generation)
        await until(lambda: trusted(system, row.stream))


async def test_what_a_writer_committed_while_a_generation_was_filled_is_there_before_it_is_read(system: System) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
    held = await Held.acquire(system.ports, "tail:0", "we", 30)
    assert held is not None
    head = await system.log.head()
    standing = Standing(head.projection, head.position, head.log_id)
    filled = await fill_beside(system.ports, held, standing, head.projection.generation + 1)
    # Its writer has died between commit and put.
    await system.append(appends.revoked(row))
    after = await flip(system.ports, held, standing, filled)
    assert (after.projection.generation, after.projection.next_generation) == (filled.generation, None)
    snapshot = await system.read(row.stream)
    assert (snapshot.trusted, snapshot.version) == (True, 2)


async def test_both_generations_are_written_until_the_new_one_is_the_only_one_read(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await system.issued()
    async with running(system.tail()):
        await until(lambda: trusted(system, row.stream))
    held = await Held.acquire(system.ports, "tail:0", "we", 30)
    assert held is not None
    head = await system.log.head()
    standing = Standing(head.projection, head.position, head.log_id)
    old, new = head.projection.generation, head.projection.generation + 1
    filled = await fill_beside(system.ports, held, standing, new)
    assert (system.log.projection.generation, system.log.projection.next_generation) == (old, new)
    begin, named = system.projection.begin, []

    async def watched(*words: Any) -> None:
        named.append((system.log.projection.generation, system.log.projection.next_generation))
        await begin(*words)
        named.append((system.log.projection.generation, system.log.projection.next_generation))

    monkeypatch.setattr(system.projection, "begin", watched)
    await flip(system.ports, held, standing, filled)
    assert named == [(new, old), (new, old)]
    assert system.log.projection.next_generation is None
