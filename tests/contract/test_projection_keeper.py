"""The port ProjectionKeeper: the beat, the cursor, repair and what an audit asks."""

import asyncio
from dataclasses import replace

import pytest
from tests.support.projections import TAGS, Stage

from grantlog.core.identifiers import StreamId
from grantlog.ports import UnavailableError


async def walked(stage: Stage, generation: int) -> set[StreamId]:
    return {stream async for chunk in stage.keeper.walk(generation) for stream in chunk}


async def test_every_tag_has_a_run(stage: Stage) -> None:
    runs = await stage.keeper.runs()
    assert sorted(runs) == [str(tag) for tag in range(TAGS)]
    assert all(len(run) == 40 for run in runs.values())


async def test_a_beat_needs_a_beginning(stage: Stage) -> None:
    assert not await stage.keeper.beat(await stage.named(), 1, 0, stage.clock.now())


async def test_a_beat_moves_the_cursor_forward_only(stage: Stage) -> None:
    projection = await stage.begin(position=5)
    for position, expected in ((8, 8), (6, 8), (9, 9)):
        assert await stage.keeper.beat(projection, position, 0, stage.clock.now())
        assert await stage.keeper.position(1) == expected


async def test_a_beat_for_somebody_else_is_refused(stage: Stage) -> None:
    projection = await stage.begin()
    await stage.keeper.prepare(2, 0)
    stage.clock.advance(1.5)
    others = [
        replace(projection, runs=dict.fromkeys(projection.runs, "f" * 40)),
        replace(projection, runs={}),
        replace(projection, generation=2),
    ]
    assert [await stage.keeper.beat(other, 9, 0, stage.clock.now()) for other in others] == [False] * 3
    assert (await stage.keeper.position(1), await stage.keeper.position(2)) == (0, 0)
    stage.clock.advance(1.5)
    assert not (await stage.read_model.read(stage.stream())).trusted, "a refused beat must not have renewed anything"


async def test_a_beat_after_a_flush_is_refused(stage: Stage) -> None:
    projection = await stage.begin(position=5)
    await stage.flush()
    assert not await stage.keeper.beat(projection, 6, 0, stage.clock.now())
    assert await stage.keeper.position(1) is None


async def test_beginning_names_exactly_the_servers_that_are_there(stage: Stage) -> None:
    projection = await stage.named()
    with pytest.raises(UnavailableError):
        await stage.keeper.begin(
            replace(projection, runs=dict.fromkeys(projection.runs, "f" * 40)), 0, 0, stage.clock.now()
        )
    assert not (await stage.read_model.read(stage.stream())).trusted


async def test_versions_tell_what_is_stored_and_what_is_not(stage: Stage) -> None:
    projection = await stage.begin()
    streams = [stage.stream(bucket) for bucket in range(4)]
    await stage.read_model.put(projection, streams[1], stage.family(3), stage.expiry)
    await stage.read_model.put(projection, streams[2], stage.family(70_000), stage.expiry)
    assert list(await stage.keeper.versions(1, streams)) == [0, 3, 70_000, 0]
    assert list(await stage.keeper.versions(1, ())) == []


async def test_repair_writes_what_is_behind_and_moves_the_cursor(stage: Stage) -> None:
    projection = await stage.begin(position=10)
    streams = [stage.stream(bucket) for bucket in range(4)]
    await stage.read_model.put(projection, streams[0], stage.family(2), stage.expiry)
    await stage.read_model.put(projection, streams[1], stage.family(9), stage.expiry)
    families = [(stream, stage.family(5), stage.expiry) for stream in streams]
    assert await stage.keeper.repair(1, families, 14) == 3
    assert await stage.keeper.position(1) == 14
    assert [(await stage.read_model.read(stream)).version for stream in streams] == [5, 9, 5, 5]
    assert await stage.keeper.repair(1, families, 14) == 0


async def test_repair_without_families_moves_the_cursor_of_every_tag(stage: Stage) -> None:
    await stage.begin(position=10)
    assert await stage.keeper.repair(1, (), 12) == 0
    assert await stage.keeper.position(1) == 12


async def test_repair_never_moves_a_cursor_back(stage: Stage) -> None:
    await stage.begin(position=10)
    await stage.keeper.repair(1, (), 7)
    assert await stage.keeper.position(1) == 10


async def test_repair_after_a_flush_leaves_the_cursor_missing(stage: Stage) -> None:
    await stage.begin(position=10)
    await stage.flush()
    assert await stage.keeper.repair(1, [(stage.stream(), stage.family(), stage.expiry)], 11) == 1
    assert await stage.keeper.position(1) is None


async def test_a_cursor_that_fell_back_is_not_moved_before_it_was_looked_at(stage: Stage) -> None:
    """As after a failover to a replica that lagged: moving the cursor would skip what was lost."""
    projection = await stage.begin(position=10)
    assert await stage.keeper.repair(1, (), 20) == 0
    await stage.other_keeper.prepare(1, 15)
    await stage.keeper.repair(1, (), 21)
    assert not await stage.keeper.beat(projection, 21, 0, stage.clock.now())
    assert await stage.keeper.position(1) == 15
    await stage.keeper.repair(1, (), 21)
    assert await stage.keeper.position(1) == 21


async def test_a_generation_that_was_prepared_has_a_cursor(stage: Stage) -> None:
    assert await stage.keeper.position(2) is None
    await stage.keeper.prepare(2, 40)
    assert await stage.keeper.position(2) == 40
    await stage.keeper.repair(2, [(stage.stream(), stage.family(), stage.expiry)], 41)
    assert await stage.keeper.position(2) == 41
    projection = await stage.named(2)
    await stage.keeper.begin(projection, 42, 0, stage.clock.now())
    assert await stage.keeper.position(2) == 42
    assert (await stage.read_model.read(stage.stream())).version == 1


async def test_a_generation_that_was_lost_while_it_was_filled_cannot_begin(stage: Stage) -> None:
    await stage.keeper.prepare(2, 40)
    await stage.flush()
    with pytest.raises(UnavailableError):
        await stage.keeper.begin(await stage.named(2), 42, 0, stage.clock.now())
    assert not (await stage.read_model.read(stage.stream())).trusted
    await stage.keeper.prepare(2, 40)
    await stage.keeper.begin(await stage.named(2), 42, 0, stage.clock.now())
    assert (await stage.read_model.read(stage.stream())).trusted


async def test_who_was_paused_while_a_newer_generation_began_cannot_bring_the_old_one_back(stage: Stage) -> None:
    old = await stage.begin(position=5)
    newer = replace(old, generation=2)
    await stage.keeper.prepare(2, 5)
    await stage.keeper.begin(newer, 5, 0, stage.clock.now())
    with pytest.raises(UnavailableError):
        await stage.keeper.begin(old, 5, 0, stage.clock.now())
    assert await stage.keeper.beat(newer, 6, 0, stage.clock.now())


async def test_what_is_stored_equals_what_is_encoded(stage: Stage) -> None:
    projection = await stage.begin()
    family = stage.family(7, tokens=3)
    assert await stage.keeper.stored(1, stage.stream()) is None
    await stage.read_model.put(projection, stage.stream(), family, stage.expiry)
    assert await stage.keeper.stored(1, stage.stream()) == (7, stage.keeper.encode(family))
    assert stage.keeper.encode(family) != stage.keeper.encode(replace(family, version=8))


async def test_a_family_is_replaced_only_while_it_is_what_was_seen(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    right, wrong, newer = stage.family(3), stage.family(3, client="wrong"), stage.family(4)
    await stage.read_model.put(projection, stream, wrong, stage.expiry)
    seen = stage.keeper.encode(wrong)
    assert not await stage.keeper.replace(1, stream, stage.keeper.encode(newer), right, stage.expiry)
    assert not await stage.keeper.replace(1, stream, None, right, stage.expiry)
    assert (await stage.read_model.read(stream)).family == wrong
    assert await stage.keeper.replace(1, stream, seen, right, stage.expiry)
    assert (await stage.read_model.read(stream)).family == right
    await stage.read_model.put(projection, stream, newer, stage.expiry)
    assert not await stage.keeper.replace(1, stream, stage.keeper.encode(right), wrong, stage.expiry)
    assert (await stage.read_model.read(stream)).family == newer


async def test_a_family_that_should_not_be_there_is_removed_and_a_missing_one_written(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    await stage.read_model.put(projection, stream, stage.family(), stage.expiry)
    assert await stage.keeper.replace(1, stream, stage.keeper.encode(stage.family()), None, 0)
    assert await stage.keeper.stored(1, stream) is None
    assert await stage.keeper.replace(1, stream, None, stage.family(6), stage.expiry)
    assert (await stage.read_model.read(stream)).version == 6


async def test_a_walk_meets_every_family_of_its_generation(stage: Stage) -> None:
    await stage.begin()
    streams = {stage.stream(bucket, number) for bucket in range(8) for number in range(200)}
    others = [(stage.stream(bucket, 1000), stage.family(), stage.expiry) for bucket in range(8)]
    await stage.keeper.repair(1, [(stream, stage.family(), stage.expiry) for stream in streams], 1)
    await stage.keeper.repair(11, others, 1)
    assert await walked(stage, 1) == streams
    assert await walked(stage, 11) == {stream for stream, _, _ in others}
    assert await walked(stage, 2) == set()


async def test_a_generation_is_dropped_alone(stage: Stage) -> None:
    await stage.begin()
    await stage.keeper.prepare(11, 0)
    families = [(stage.stream(bucket), stage.family(), stage.expiry) for bucket in range(8)]
    await stage.keeper.repair(1, families, 1)
    await stage.keeper.repair(11, families, 1)
    assert await stage.keeper.drop(11) == 8
    assert await walked(stage, 11) == set()
    assert await stage.keeper.position(11) is None
    assert await walked(stage, 1) == {stream for stream, _, _ in families}
    assert (await stage.read_model.read(stage.stream(3))).version == 1


async def test_a_family_is_kept_no_longer_than_its_last_access_token_could_live(stage: Stage) -> None:
    """A store's own clock counts here, so this one ends at once but for the grace of a few seconds."""
    projection, stream = await stage.begin(), stage.stream()
    await stage.read_model.put(projection, stream, stage.family(), stage.clock.now() // 1_000_000 - 3600)
    assert (await stage.read_model.read(stream)).version == 1, "a late put is kept for the grace, not refused"
    assert 0 < await stage.milliseconds_left(1, stream) <= 6_000
    await stage.read_model.put(projection, stream, stage.family(2), stage.expiry)
    assert 600_000 <= await stage.milliseconds_left(1, stream) <= 606_000


async def test_many_beats_and_repairs_at_once_leave_the_greatest_position(stage: Stage) -> None:
    projection = await stage.begin()
    await asyncio.gather(
        *(stage.keeper.repair(1, (), position) for position in range(30)),
        *(stage.keeper.beat(projection, position, position, stage.clock.now()) for position in range(30)),
    )
    assert await stage.keeper.position(1) == 29
    assert (await stage.read_model.read(stage.stream())).gate_sequence == 29
