"""Signing keys follow each other, in one process and in several at once; on memory ports."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.memory_service import MemoryProcess, memory_process, memory_stores

from grantlog.core.identifiers import Micros, after
from grantlog.core.keyring import decide
from grantlog.core.keyring.state import KeyringState, SigningKey, evolve, signing_key
from grantlog.core.protocol.metadata import SIGNING_ALGS
from grantlog.flows.handle import handle, plain
from grantlog.flows.operators import CommandRefusedError, operator_origin
from grantlog.flows.rotate_keys import (
    PROPAGATION,
    compromise,
    ensure_keys,
    keyring,
    rotate_due,
    rotate_now,
)
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

MAX_AGE, LIFETIME, TOKEN = 300, 30 * 86_400, 600


@pytest.fixture
async def process() -> AsyncIterator[MemoryProcess]:
    async with memory_process(jwks_max_age=MAX_AGE, signing_key_lifetime=LIFETIME) as one:
        yield one


async def keys_of(service: Service, alg: str) -> list[SigningKey]:
    state = await keyring(service)
    return [key for key in (state.keys if state else ()) if key.alg == alg]


async def signs(service: Service, alg: str) -> str:
    return (await service.ports.signer.sign(alg, {}, "JWT"))[1]


def published(service: Service, alg: str) -> list[str]:
    return [key.kid for key in service.ports.signer.public_keys() if key.alg == alg]


async def test_a_first_boot_publishes_one_key_for_every_algorithm_and_signs_at_once(process: MemoryProcess) -> None:
    assert await ensure_keys(process.service) == len(SIGNING_ALGS)
    for alg in SIGNING_ALGS:
        assert published(process.service, alg) == [await signs(process.service, alg)]
    assert await ensure_keys(process.service) == 0


async def test_processes_that_boot_at_once_agree_on_one_key_for_every_algorithm() -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two, memory_process(stores) as three:
        services = [process.service for process in (one, two, three)]
        made = await asyncio.gather(*(ensure_keys(service) for service in services))
        state = await keyring(services[0])
        assert state is not None
        assert sorted(key.alg for key in state.keys) == sorted(SIGNING_ALGS)
        assert sum(made) == len(SIGNING_ALGS)
        for alg in SIGNING_ALGS:
            assert len({await signs(service, alg) for service in services}) == 1
        kept = {key.kid for key in await stores.wrapped_keys.page("", 99)}
        assert kept == {key.kid for key in state.keys}, "the losers left nothing behind"


async def test_the_next_key_is_published_one_max_age_before_it_signs_and_the_old_stays_for_its_last_token(
    process: MemoryProcess,
) -> None:
    service, clock = process.service, process.clock
    await ensure_keys(service)
    old = await signs(service, "ES256")
    lead = MAX_AGE + PROPAGATION
    clock.advance(LIFETIME - lead - 60)
    assert await rotate_due(service, operator_origin(service, "worker:rotate_keys")) == 0
    clock.advance(60)
    assert await rotate_due(service, operator_origin(service, "worker:rotate_keys")) == 2 * len(SIGNING_ALGS)
    assert await rotate_due(service, operator_origin(service, "worker:rotate_keys")) == 0
    assert len(published(service, "ES256")) == 2
    assert await signs(service, "ES256") == old
    clock.advance(lead - 1)
    assert await signs(service, "ES256") == old
    clock.advance(1)
    new = await signs(service, "ES256")
    assert new != old
    clock.advance(TOKEN - 1)
    assert published(service, "ES256") == [old, new]
    clock.advance(1)
    assert published(service, "ES256") == [new]


async def test_workers_that_rotate_at_once_publish_one_key() -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two:
        await ensure_keys(one.service)
        stores.clock.advance(LIFETIME)
        origins = [operator_origin(one.service, "worker:rotate_keys") for _ in range(2)]
        await asyncio.gather(rotate_due(one.service, origins[0]), rotate_due(two.service, origins[1]))
        for alg in SIGNING_ALGS:
            assert len(await keys_of(one.service, alg)) == 2


async def test_a_private_key_is_destroyed_when_its_last_token_has_expired(process: MemoryProcess) -> None:
    service = process.service
    await ensure_keys(service)
    old = await signs(service, "ES256")
    await rotate_now(service, "ES256", operator_origin(service, "operator:test"))
    process.clock.advance(MAX_AGE + PROPAGATION + TOKEN - 1)
    await rotate_due(service, operator_origin(service, "worker:rotate_keys"))
    assert old in await process.wrapped_keys.get([old])
    process.clock.advance(1)
    await rotate_due(service, operator_origin(service, "worker:rotate_keys"))
    assert await process.wrapped_keys.get([old]) == {}


async def test_an_operator_may_rotate_before_its_time_and_twice(process: MemoryProcess) -> None:
    service = process.service
    await ensure_keys(service)
    old = await signs(service, "EdDSA")
    first = await rotate_now(service, "EdDSA", operator_origin(service, "operator:test"))
    second = await rotate_now(service, "EdDSA", operator_origin(service, "operator:test"))
    assert published(service, "EdDSA") == [old, first.kid, second.kid]
    assert await signs(service, "EdDSA") == old
    process.clock.advance(MAX_AGE + PROPAGATION + 1)
    assert await signs(service, "EdDSA") == second.kid


async def test_a_stolen_key_is_gone_at_once_and_its_successor_signs(process: MemoryProcess) -> None:
    service = process.service
    await ensure_keys(service)
    stolen = await signs(service, "ES256")
    process.clock.advance(5)
    successor = await compromise(service, stolen, operator_origin(service, "operator:test"))
    assert successor is not None
    assert await signs(service, "ES256") == successor.kid
    assert published(service, "ES256") == [successor.kid]
    assert await process.wrapped_keys.get([stolen]) == {}
    assert ("key", stolen) in service.gates.map
    assert service.gates.map["key", stolen].epoch == 1
    again = await compromise(service, stolen, operator_origin(service, "operator:test"))
    assert again is None
    assert published(service, "ES256") == [successor.kid]


async def test_a_stolen_next_key_leaves_the_current_one_signing_and_gets_a_successor_in_time(
    process: MemoryProcess,
) -> None:
    service = process.service
    await ensure_keys(service)
    current = await signs(service, "ES256")
    stolen = await rotate_now(service, "ES256", operator_origin(service, "operator:test"))
    assert await compromise(service, stolen.kid, operator_origin(service, "operator:test")) is None
    assert await signs(service, "ES256") == current
    process.clock.advance(MAX_AGE + PROPAGATION + TOKEN)
    assert await signs(service, "ES256") not in {stolen.kid, current}


async def test_a_stolen_old_key_leaves_the_current_one_signing(process: MemoryProcess) -> None:
    service = process.service
    await ensure_keys(service)
    stolen = await signs(service, "ES256")
    current = await rotate_now(service, "ES256", operator_origin(service, "operator:test"))
    process.clock.advance(MAX_AGE + PROPAGATION)
    assert await compromise(service, stolen, operator_origin(service, "operator:test")) is None
    assert await signs(service, "ES256") == current.kid
    assert published(service, "ES256") == [current.kid]


async def test_an_unknown_key_is_refused(process: MemoryProcess) -> None:
    for _ in range(2):
        with pytest.raises(CommandRefusedError, match="not known"):
            await compromise(process.service, "unknown", operator_origin(process.service, "operator:test"))
        await ensure_keys(process.service)


async def test_a_theft_that_readers_may_not_know_of_is_unavailable_but_the_key_is_gone_already(
    process: MemoryProcess,
) -> None:
    service = process.service
    await ensure_keys(service)
    stolen = await signs(service, "ES256")
    process.clock.advance(5)
    process.projection.down = True
    with pytest.raises(UnavailableError):
        await compromise(service, stolen, operator_origin(service, "operator:test"))
    assert await signs(service, "ES256") != stolen
    assert await process.wrapped_keys.get([stolen]) == {}
    process.projection.down = False
    assert await compromise(service, stolen, operator_origin(service, "operator:test")) is None


async def test_another_process_stops_signing_by_a_stolen_key_when_it_sees_the_gate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two:
        await ensure_keys(one.service)
        await two.signer.refresh()
        stolen = await signs(two.service, "ES256")
        stores.clock.advance(5)
        await compromise(one.service, stolen, operator_origin(one.service, "operator:test"))
        assert await signs(two.service, "ES256") == stolen
        read = asyncio.Event()
        refresh = two.signer.refresh

        async def refreshed() -> None:
            await refresh()
            read.set()

        monkeypatch.setattr(two.signer, "refresh", refreshed)
        await two.service.gates.catch_up((await stores.log.head()).gate_sequence)
        async with asyncio.timeout(10):
            await read.wait()
        assert await signs(two.service, "ES256") != stolen


async def test_an_interrupted_theft_report_is_finished_by_the_next_rotation(process: MemoryProcess) -> None:
    """The process that recorded the theft died before it published a successor."""
    service = process.service
    await ensure_keys(service)
    stolen = await signs(service, "ES256")
    process.clock.advance(5)
    await _record_theft_only(service, stolen)
    with pytest.raises(UnavailableError):
        await signs(service, "ES256")
    await rotate_due(service, operator_origin(service, "worker:rotate_keys"))
    assert await signs(service, "ES256") != stolen
    assert await process.wrapped_keys.get([stolen]) == {}


async def test_the_envelope_says_who_rotated(process: MemoryProcess) -> None:
    await ensure_keys(process.service)
    await rotate_now(process.service, "ES256", operator_origin(process.service, "operator:alice"))
    stream = next(iter(process.log.streams))
    actors = [recorded.envelope.actor for recorded in await process.log.history(stream)]
    assert actors == ["server"] * len(SIGNING_ALGS) + ["operator:alice"] * 2


async def test_everything_published_has_a_public_key_only(process: MemoryProcess) -> None:
    await ensure_keys(process.service)
    for key in process.service.ports.signer.public_keys():
        assert {"kid", "alg", "use", "kty"} <= set(key.jwk)
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key.jwk)


async def test_without_keys_there_is_nothing_to_list(process: MemoryProcess) -> None:
    assert await keyring(process.service) is None
    await ensure_keys(process.service)
    state = await keyring(process.service)
    assert isinstance(state, KeyringState)
    assert signing_key(state, "ES256", after(process.clock.now(), 1)) is not None
    assert signing_key(state, "ES256", Micros(0)) is None


async def _record_theft_only(service: Service, kid: str) -> None:

    stream = await service.ports.log.bearer(decide.KEYRING_NAME)
    assert stream is not None
    rule = plain(lambda state: decide.compromise(state, kid))
    await handle(service, stream, evolve, rule, operator_origin(service, "operator:test"))
    await service.ports.signer.refresh()
