"""``rebuild``, ``audit`` and ``recover`` as an operator runs them; leases as their holders may rely on them."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.processes import Issuer, Role, Site, issuer, site, started
from tests.support.servers import StartValkey
from tests.support.tails import memory_system, until

from grantlog.adapters.memory.leases import MemoryLeases
from grantlog.core.grant.standing import family_of
from grantlog.flows.holding import Held, LeaseLostError
from grantlog.flows.rebuild import request, requested
from grantlog.ports import Append, Lease, UnavailableError


@pytest.fixture
def place(tmp_path: Path, postgres_url: str, start_valkey: StartValkey) -> Site:
    return site(tmp_path, postgres_url, start_valkey().url)


async def ran(role: Role) -> tuple[int | None, dict[str, Any]]:
    """Runs a command to its end: its status, and the JSON document it printed."""
    role.start()
    await until(lambda: role.status is not None)
    text = role.written()
    begin = text.find("{\n")
    return role.status, json.loads(text[begin : text.rfind("}") + 1]) if begin >= 0 else {}


async def trusted(writer: Issuer, row: Append) -> bool:
    return (await writer.service.ports.read_model.read(row.stream)).trusted


async def test_a_rebuild_where_no_tail_runs_is_done_by_the_command_itself(place: Site) -> None:
    async with issuer(place.settings) as writer:
        rows = [await writer.issue(projected=False) for _ in range(3)]
        status, told = await ran(place.role("rebuild", "--json"))
        assert status == 0, told
        head = await writer.service.ports.log.head()
        assert told["generation"] == head.projection.generation >= 2
        assert head.projection.named
        for row in rows:
            assert await writer.service.ports.keeper.stored(head.projection.generation, row.stream) is not None


async def test_the_audit_proves_equality_and_ends_with_one_where_it_had_to_repair(place: Site) -> None:
    async with issuer(place.settings) as writer:
        row = await writer.issue()
        with started(place.role("tail")):
            await until(lambda: trusted(writer, row))
            status, told = await ran(place.role("audit", "--json"))
            assert (status, told["families"], told["mismatches"]) == (0, 1, 0)
            head = await writer.service.ports.log.head()
            generation, keeper = head.projection.generation, writer.service.ports.keeper
            # Whoever can write the store could make a token active.
            stored = await keeper.stored(generation, row.stream)
            assert stored is not None
            lie = replace(family_of(row.state), version=9, subject="somebody else")
            assert await keeper.replace(generation, row.stream, stored[1], lie, row.state.last_expiry)
            status, told = await ran(place.role("audit", "--json", name="second"))
            assert (status, told["mismatches"], told["repaired"]) == (1, 1, 1)
            assert told["examples"] == [str(row.stream)]
            assert await keeper.stored(generation, row.stream) == stored


async def test_an_audit_without_a_trusted_projection_says_so(place: Site) -> None:
    status, _ = await ran(place.role("audit", "--json"))
    assert status == 75


async def test_a_recovered_log_is_believed_again_only_after_a_new_generation(place: Site) -> None:
    async with issuer(place.settings) as writer:
        row = await writer.issue()
        with started(place.role("tail")):
            await until(lambda: trusted(writer, row))
            before = await writer.service.ports.log.head()
            status, told = await ran(place.role("recover", "--yes", "--json"))
            assert status == 0
            after = await writer.service.ports.log.head()
            assert told["log_id"] == str(after.log_id) != str(before.log_id)
            await until(lambda: _later(writer, before.projection.generation))
            await until(lambda: trusted(writer, row))
            assert await writer.alive(row)


async def _later(writer: Issuer, generation: int) -> bool:
    projection = (await writer.service.ports.log.head()).projection
    return projection.named and projection.generation > generation


async def test_asking_twice_is_one_rebuild() -> None:
    system = memory_system()
    first, second = await request(system.ports), await request(system.ports)
    assert first == second == system.log.projection.generation + 1
    assert await requested(system.ports, system.log.projection) == first


async def test_a_lease_is_counted_from_before_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    system = memory_system()
    acquire = system.ports.leases.acquire

    async def slow(name: str, holder: str, seconds: float) -> Lease | None:
        lease = await acquire(name, holder, seconds)
        await asyncio.sleep(0.2)
        return lease

    monkeypatch.setattr(system.ports.leases, "acquire", slow)
    held = await Held.acquire(system.ports, "tail:0", "we", 0.25)
    assert held is not None
    assert held.remaining < 0.06
    assert not held.safe
    with pytest.raises(LeaseLostError):
        held.sure()


async def test_a_lease_is_kept_through_silence_that_is_shorter_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    system = memory_system()
    held = await Held.acquire(system.ports, "tail:0", "we", 0.6)
    assert held is not None

    async def silent(*_: object) -> Lease | None:
        raise UnavailableError("PostgreSQL is away")

    keeping = asyncio.create_task(held.keep())
    with monkeypatch.context() as patched:
        patched.setattr(system.ports.leases, "acquire", silent)
        await asyncio.sleep(0.25)
    await asyncio.sleep(0.3)
    assert not keeping.done()
    assert held.remaining > 0.2
    with monkeypatch.context() as patched:
        patched.setattr(system.ports.leases, "acquire", silent)
        with pytest.raises(LeaseLostError):
            await asyncio.wait_for(keeping, 5)


async def test_a_lease_that_somebody_else_has_held_in_between_is_lost() -> None:
    system = memory_system()
    leases = system.ports.leases
    assert isinstance(leases, MemoryLeases)
    held = await Held.acquire(system.ports, "tail:0", "we", 0.3)
    assert held is not None
    keeping = asyncio.create_task(held.keep())
    await leases.release(held.lease)
    other = await leases.acquire("tail:0", "they", 5)
    assert other is not None
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(keeping, 5)
    # What we no longer hold is not ours to give up.
    await held.release()
    assert await leases.acquire("tail:0", "we", 5) is None
