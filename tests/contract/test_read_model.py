"""The port ReadModel: what introspection may believe, and what a writer may take for acknowledged."""

import asyncio
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.support.projections import LEASE, TAGS, Stage

from grantlog.core.grant.standing import Active, Inactive, standing


async def test_nothing_is_believed_before_anybody_has_begun(stage: Stage) -> None:
    snapshot = await stage.read_model.read(stage.stream())
    assert (snapshot.trusted, snapshot.version, snapshot.family) == (False, 0, None)


async def test_an_absent_family_is_absent_and_the_projection_believed(stage: Stage) -> None:
    await stage.begin(gates=7)
    snapshot = await stage.read_model.read(stage.stream())
    assert (snapshot.trusted, snapshot.version, snapshot.family, snapshot.gate_sequence) == (True, 0, None, 7)
    assert snapshot.now == stage.clock.now()


async def test_what_was_put_is_read(stage: Stage) -> None:
    projection, family = await stage.begin(), stage.family(3, tokens=2)
    assert await stage.read_model.put(projection, stage.stream(), family, stage.expiry)
    snapshot = await stage.read_model.read(stage.stream())
    assert (snapshot.trusted, snapshot.version, snapshot.family) == (True, 3, family)


async def test_only_the_first_bytes_of_a_hash_are_kept_and_suffice(stage: Stage) -> None:
    projection = await stage.begin()
    family = stage.family()
    whole = replace(family, tokens=(replace(family.tokens[0], hash=bytes(range(32))),))
    await stage.read_model.put(projection, stage.stream(), whole, stage.expiry)
    snapshot = await stage.read_model.read(stage.stream())
    assert isinstance(standing(snapshot.family, bytes(range(32)), snapshot.now, {}), Active)
    assert isinstance(standing(snapshot.family, bytes(32), snapshot.now, {}), Inactive)


async def test_an_older_or_equal_version_never_replaces_a_newer(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    for version in (2, 1, 2):
        assert await stage.read_model.put(projection, stream, stage.family(version, client=f"c{version}"), stage.expiry)
    first = await stage.read_model.read(stream)
    await stage.read_model.put(projection, stream, stage.family(2, client="other"), stage.expiry)
    assert await stage.read_model.read(stream) == first
    assert first.family == stage.family(2, client="c2")


async def test_versions_are_compared_as_numbers(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    versions = [1, 9, 10, 255, 256, 0x7FFF, 0x8000, 0x10000, 2**31 - 1, 2**31, 2**32 - 1]
    for older, newer in pairwise(versions):
        await stage.read_model.put(projection, stream, stage.family(newer), stage.expiry)
        await stage.read_model.put(projection, stream, stage.family(older), stage.expiry)
        assert (await stage.read_model.read(stream)).version == newer


@pytest.mark.parametrize("seed", range(5))
async def test_shuffled_doubled_and_late_puts_never_bring_a_token_back(stage: Stage, seed: int) -> None:
    projection = await stage.begin()
    dice = random.Random(seed)
    streams = [stage.stream(bucket, seed) for bucket in range(12)]
    puts = [(stream, version) for stream in streams for version in (1, 2, 3)] * 2
    dice.shuffle(puts)
    dead = set()
    for stream, version in puts:
        family = stage.family(version, tokens=0 if version == 3 else 1)
        assert await stage.read_model.put(projection, stream, family, stage.expiry)
        dead |= {stream} if version == 3 else set()
        snapshots = await asyncio.gather(*(stage.read_model.read(stream) for stream in dead))
        assert all(snapshot.trusted and snapshot.family == stage.family(3, tokens=0) for snapshot in snapshots)
    assert dead == set(streams)


async def test_a_put_is_acknowledged_only_by_the_run_that_is_named(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    another = replace(projection, runs=dict.fromkeys(projection.runs, "f" * 40))
    assert not await stage.read_model.put(another, stream, stage.family(1), stage.expiry)
    assert not await stage.read_model.put(replace(projection, runs={}), stream, stage.family(2), stage.expiry)
    # Written it is all the same: the tail may be about to name this server.
    assert (await stage.read_model.read(stream)).version == 2


async def test_a_put_reaches_the_generation_that_is_being_filled_as_well(stage: Stage) -> None:
    await stage.begin()
    stream, both = stage.stream(), await stage.named(1, next_generation=2)
    assert await stage.read_model.put(both, stream, stage.family(4), stage.expiry)
    assert [(await stage.keeper.stored(generation, stream) or (0, b""))[0] for generation in (1, 2, 3)] == [4, 4, 0]


async def test_readers_follow_to_the_generation_that_ready_names(stage: Stage) -> None:
    streams = [stage.stream(bucket) for bucket in range(TAGS * 2)]
    for generation in (5, 6, 7):
        projection = await stage.begin(generation)
        for stream in streams:
            await stage.read_model.put(projection, stream, stage.family(generation), stage.expiry)
        snapshots = await asyncio.gather(*(stage.read_model.read(stream) for stream in streams))
        assert [(snapshot.trusted, snapshot.version) for snapshot in snapshots] == [(True, generation)] * len(streams)


async def test_a_beat_is_believed_for_the_lease_and_no_longer(stage: Stage) -> None:
    projection = await stage.begin()
    stage.clock.advance(LEASE - 0.001)
    assert (await stage.read_model.read(stage.stream())).trusted
    stage.clock.advance(0.001)
    assert not (await stage.read_model.read(stage.stream())).trusted
    assert await stage.keeper.beat(projection, 0, 0, stage.clock.now())
    assert (await stage.read_model.read(stage.stream())).trusted


async def test_a_beat_from_far_ahead_is_not_believed(stage: Stage) -> None:
    await stage.begin()
    stage.clock.advance(-60)
    assert not (await stage.read_model.read(stage.stream())).trusted


async def test_a_store_that_was_emptied_is_not_believed(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    await stage.read_model.put(projection, stream, stage.family(), stage.expiry)
    await stage.flush()
    assert not (await stage.read_model.read(stream)).trusted


async def test_a_raised_gate_is_seen_behind_every_tag(stage: Stage) -> None:
    projection = await stage.begin(gates=3)
    assert await stage.read_model.raise_gates(projection, 9)
    snapshots = [await stage.read_model.read(stage.stream(bucket)) for bucket in range(TAGS)]
    assert [(snapshot.trusted, snapshot.gate_sequence) for snapshot in snapshots] == [(True, 9)] * TAGS


async def test_the_gate_sequence_is_never_lowered(stage: Stage) -> None:
    projection = await stage.begin(gates=9)
    assert await stage.read_model.raise_gates(projection, 4)
    assert await stage.keeper.beat(projection, 1, 5, stage.clock.now())
    await stage.keeper.begin(projection, 1, 6, stage.clock.now())
    assert (await stage.read_model.read(stage.stream())).gate_sequence == 9


async def test_the_gate_sequence_survives_a_beat_that_read_the_log_before_it(stage: Stage) -> None:
    projection = await stage.begin(gates=1)
    assert await stage.read_model.raise_gates(projection, 2**40)
    assert await stage.keeper.beat(projection, 1, 1, stage.clock.now())
    assert (await stage.read_model.read(stage.stream())).gate_sequence == 2**40


async def test_a_raise_that_nobody_will_see_is_not_acknowledged(stage: Stage) -> None:
    named = await stage.named()
    assert not await stage.read_model.raise_gates(named, 1), "nobody has begun"
    projection = await stage.begin()
    strangers = dict.fromkeys(projection.runs, "f" * 40)
    refused = [
        replace(projection, runs=strangers),
        replace(projection, runs={**projection.runs, "0": "f" * 40}),
        replace(projection, runs={}),
        replace(projection, generation=2),
    ]
    assert [await stage.read_model.raise_gates(other, 5) for other in refused] == [False] * len(refused)
    await stage.flush()
    assert not await stage.read_model.raise_gates(projection, 5)


async def test_many_reads_at_once_get_each_its_own(stage: Stage) -> None:
    projection = await stage.begin()
    streams = [stage.stream(bucket, number) for bucket in range(TAGS) for number in range(20)]
    for number, stream in enumerate(streams):
        await stage.read_model.put(projection, stream, stage.family(number + 1, client=f"c{number}"), stage.expiry)
    asked = [*streams, *reversed(streams)]
    snapshots = await asyncio.gather(*(stage.read_model.read(stream) for stream in asked))
    assert [snapshot.version - 1 for snapshot in snapshots] == [streams.index(stream) for stream in asked]
    assert {snapshot.family.client_id for snapshot in snapshots if snapshot.family} == {f"c{n}" for n in range(60)}


async def test_a_reader_that_goes_away_takes_nobody_with_it(stage: Stage) -> None:
    projection, stream = await stage.begin(), stage.stream()
    await stage.read_model.put(projection, stream, stage.family(), stage.expiry)
    tasks = [asyncio.create_task(stage.read_model.read(stream)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    assert all([(await task).version == 1 for task in tasks[1::2]])
