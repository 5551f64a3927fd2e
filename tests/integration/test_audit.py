"""The audit finds and repairs whatever differs from the log, and never what a writer has just put."""

import asyncio
from dataclasses import replace

import pytest
from tests.support import appends
from tests.support.tails import System, memory_system, running, until

from grantlog import metrics
from grantlog.core.grant.standing import family_of
from grantlog.core.identifiers import StreamId
from grantlog.flows.audit import Audited, audit, audit_on_schedule, audit_slice
from grantlog.ports import Append, Projection

GENERATION = 2


@pytest.fixture
async def system() -> System:
    """A projection that was filled by a tail, which has gone since."""
    made = memory_system()
    for _ in range(5):
        await made.issued()
    async with running(made.tail()):
        await until(lambda: made.log.projection.named)
        await until(lambda: _whole(made))
    return made


async def _whole(system: System) -> bool:
    return (await system.projection.position(GENERATION)) == 5


def streams(system: System) -> list[StreamId]:
    return list(system.log.streams)


def mismatches() -> float:
    value = metrics.REGISTRY.get_sample_value("grantlog_projection_mismatches_total")
    assert value is not None
    return value


async def stored(system: System, stream: StreamId) -> bytes | None:
    found = await system.projection.stored(GENERATION, stream)
    return None if found is None else found[1]


async def expected(system: System, stream: StreamId) -> bytes:
    return system.projection.encode(family_of((await system.log.load(stream)).state))


async def replace_in_store(system: System, row: StreamId, **changes: object) -> None:
    """Somebody wrote the store behind our backs."""
    state = (await system.log.load(row)).state
    seen = await stored(system, row)
    family = replace(family_of(state), **changes)  # type: ignore[arg-type]  # members of Family
    assert await system.projection.replace(GENERATION, row, seen, family, state.last_expiry)


async def test_equal_is_equal(system: System) -> None:
    assert await audit(system.ports, GENERATION) == Audited(GENERATION, families=5)


async def test_a_family_that_is_behind_is_found_and_repaired(system: System) -> None:
    row = await _row(system, streams(system)[0])
    await system.append(appends.revoked(row))
    before = mismatches()
    found = await audit(system.ports, GENERATION)
    assert (found.families, found.mismatches, found.repaired, found.examples) == (4, 1, 1, [row.stream])
    assert mismatches() == before + 1
    assert await stored(system, row.stream) == await expected(system, row.stream)
    assert (await audit(system.ports, GENERATION)).mismatches == 0


async def test_a_token_that_the_log_never_issued_is_taken_out(system: System) -> None:
    stranger = appends.issued(system.log.mint(), system.log.now())
    family, expiry = family_of(stranger.state), stranger.state.last_expiry
    await system.ports.read_model.put(Projection(GENERATION, {}, system.log.now()), stranger.stream, family, expiry)
    assert await stored(system, stranger.stream) is not None
    found = await audit(system.ports, GENERATION)
    assert (found.mismatches, found.repaired) == (1, 1)
    assert await stored(system, stranger.stream) is None


async def test_other_bytes_of_the_same_version_are_found(system: System) -> None:
    stream = streams(system)[1]
    await replace_in_store(system, stream, subject="somebody-else")
    found = await audit(system.ports, GENERATION)
    assert (found.mismatches, found.repaired) == (1, 1)
    assert await stored(system, stream) == await expected(system, stream)


async def test_a_version_ahead_of_the_log_is_put_back(system: System) -> None:
    stream = streams(system)[2]
    await replace_in_store(system, stream, version=7)
    assert (await audit(system.ports, GENERATION)).repaired == 1
    assert await stored(system, stream) == await expected(system, stream)


async def test_a_live_grant_that_is_absent_is_missing_and_put_there(system: System) -> None:
    stream = streams(system)[3]
    assert await system.projection.replace(GENERATION, stream, await stored(system, stream), None, 0)
    found = await audit(system.ports, GENERATION)
    assert (found.families, found.missing, found.mismatches, found.repaired) == (4, 1, 0, 1)
    assert await stored(system, stream) == await expected(system, stream)


async def test_a_writer_between_commit_and_put_is_no_mismatch(system: System) -> None:
    row = await _row(system, streams(system)[0])
    dead = appends.revoked(row)
    verdict = await system.append(dead)

    async def put_late() -> None:
        await asyncio.sleep(0.15)
        await system.ports.read_model.put(
            verdict.head.projection, row.stream, family_of(dead.state), dead.state.last_expiry
        )

    late = asyncio.create_task(put_late())
    found = await audit(system.ports, GENERATION)
    await late
    assert (found.families, found.mismatches, found.repaired) == (5, 0, 0)


async def test_slices_together_see_every_family(system: System) -> None:
    slices = [await audit_slice(system.ports, GENERATION, part, 4, 5) for part in range(4)]
    assert sum(found.families for found in slices if found is not None) == 5


async def test_a_slice_that_takes_too_long_says_so(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(_streams: object) -> object:
        await asyncio.sleep(5)
        raise AssertionError

    monkeypatch.setattr(system.ports.tail, "states", slow)
    assert await audit_slice(system.ports, GENERATION, 0, 1, 0.05) is None


async def test_on_schedule_nothing_is_audited_while_nothing_is_trusted(system: System) -> None:
    assert await audit_on_schedule(system.ports, 60, 1, 5) == 0
    await system.ports.tail.name_projection(Projection(GENERATION, {}, system.log.now()))
    row = await _row(system, streams(system)[0])
    await system.append(appends.revoked(row))
    before = mismatches()
    assert await audit_on_schedule(system.ports, 60, 1, 5) == 0
    assert mismatches() == before


async def _row(system: System, stream: StreamId) -> Append:
    """The row that a stream began with."""
    recorded = (await system.log.history(stream))[0]
    state = (await system.log.load(stream)).state
    return Append(stream=stream, version=1, event=recorded.event, state=state, envelope=recorded.envelope)
