"""The contracts of Leases and DeadLetters."""

import asyncio

import pytest
from tests.support.logs import Store

from grantlog.core.identifiers import Micros
from grantlog.ports import DeadLetter


async def test_one_of_many_gets_a_lease(store: Store) -> None:
    leases = await asyncio.gather(*(store.leases.acquire("tail", f"holder {n}", 60) for n in range(10)))
    assert sum(lease is not None for lease in leases) == 1


async def test_the_holder_prolongs_its_lease_under_the_same_fence(store: Store) -> None:
    first = await store.leases.acquire("tail", "one", 60)
    second = await store.leases.acquire("tail", "one", 60)
    assert first is not None
    assert second is not None
    assert second.fence == first.fence
    assert second.until >= first.until


async def test_a_lease_that_ran_out_goes_to_the_next_with_a_larger_fence(store: Store) -> None:
    first = await store.leases.acquire("tail", "one", 0)
    second = await store.leases.acquire("tail", "two", 60)
    assert first is not None
    assert second is not None
    assert second.fence > first.fence
    assert await store.leases.acquire("tail", "one", 60) is None


async def test_a_released_lease_is_free(store: Store) -> None:
    lease = await store.leases.acquire("tail", "one", 60)
    assert lease is not None
    await store.leases.release(lease)
    assert await store.leases.acquire("tail", "two", 60) is not None


async def test_who_lost_a_lease_cannot_release_it(store: Store) -> None:
    lost = await store.leases.acquire("tail", "one", 0)
    assert lost is not None
    await store.leases.acquire("tail", "two", 60)
    await store.leases.release(lost)
    assert await store.leases.acquire("tail", "three", 60) is None


async def test_leases_of_other_names_are_others(store: Store) -> None:
    assert await store.leases.acquire("tail", "one", 60) is not None
    assert await store.leases.acquire("dispatch", "two", 60) is not None


async def test_a_lease_needs_a_holder(store: Store) -> None:
    with pytest.raises(ValueError, match="holder"):
        await store.leases.acquire("tail", "", 60)


async def test_a_slot_is_claimed_once(store: Store) -> None:
    claims = await asyncio.gather(*(store.leases.claim_slot("expire", 7) for _ in range(10)))
    assert sum(claims) == 1
    assert await store.leases.claim_slot("expire", 8)
    assert await store.leases.claim_slot("audit", 7)


async def test_an_effect_is_claimed_once(store: Store) -> None:
    claims = await asyncio.gather(*(store.leases.claim_effect("notify", 7) for _ in range(10)))
    assert sum(claims) == 1
    assert await store.leases.claim_effect("notify", 8)
    assert await store.leases.claim_effect("detect", 7)


async def test_dead_letters_are_listed_newest_first(store: Store) -> None:
    letters = [DeadLetter("notify", f"notify:0:{n}", "gone", Micros(n)) for n in range(3)]
    for letter in letters:
        await store.dead_letters.add(letter)
    assert list(await store.dead_letters.list(2)) == [letters[2], letters[1]]


async def test_partitions_are_there_already_and_none_has_expired(store: Store) -> None:
    assert await store.partitions.ensure_ahead() == 0
    assert await store.partitions.drop_expired() == 0
