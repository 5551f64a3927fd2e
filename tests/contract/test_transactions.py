"""The port Transactions: short-lived records, bounded for each owner, taken by exactly one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.projections import SERVERS, empty_store, opened, real_time

from grantlog.adapters.memory.transactions import MemoryTransactions
from grantlog.ports import Transactions


@pytest.fixture(params=["memory", *SERVERS])
async def transactions(request: pytest.FixtureRequest) -> AsyncIterator[Transactions]:
    if request.param == "memory":
        yield MemoryTransactions()
        return
    store = await empty_store(request, request.param)
    async with opened(store.url, real_time(), cluster=store.cluster) as redis:
        yield redis.transactions


async def test_a_record_is_read_as_often_as_one_likes(transactions: Transactions) -> None:
    assert await transactions.put("login", "k", b"\x00\xff value", 60)
    assert [await transactions.get("login", "k") for _ in range(2)] == [b"\x00\xff value"] * 2


async def test_kinds_and_keys_are_apart(transactions: Transactions) -> None:
    await transactions.put("login", "ab", b"1", 60)
    await transactions.put("logi", "nab", b"2", 60)
    assert await transactions.get("login", "ab") == b"1"
    assert await transactions.get("logi", "nab") == b"2"
    assert await transactions.get("consent", "ab") is None
    assert await transactions.get("login", "a") is None


async def test_a_record_is_replaced(transactions: Transactions) -> None:
    await transactions.put("login", "k", b"1", 60, owner="client", limit=1)
    assert await transactions.put("login", "k", b"2", 60, owner="client", limit=1)
    assert await transactions.get("login", "k") == b"2"


async def test_exactly_one_of_many_takes_a_record(transactions: Transactions) -> None:
    await transactions.put("login", "k", b"value", 60, owner="client", limit=5)
    taken = await asyncio.gather(*(transactions.take("login", "k") for _ in range(30)))
    assert sorted(taken, key=bool) == [None] * 29 + [b"value"]
    assert await transactions.get("login", "k") is None


async def test_an_empty_value_is_a_value(transactions: Transactions) -> None:
    await transactions.put("login", "k", b"", 60)
    assert await transactions.get("login", "k") == b""
    assert await transactions.take("login", "k") == b""
    assert await transactions.take("login", "k") is None


async def test_a_record_expires(transactions: Transactions) -> None:
    await transactions.put("login", "k", b"value", 1)
    await asyncio.sleep(1.1)
    assert await transactions.get("login", "k") is None
    assert await transactions.take("login", "k") is None


async def test_an_owner_has_no_more_than_the_limit(transactions: Transactions) -> None:
    outcomes = [await transactions.put("login", f"k{n}", b"v", 60, owner="client", limit=3) for n in range(5)]
    assert outcomes == [True, True, True, False, False]
    assert await transactions.get("login", "k3") is None
    assert await transactions.put("login", "x", b"v", 60, owner="other", limit=3), "another owner"
    assert await transactions.put("consent", "x", b"v", 60, owner="client", limit=3), "another kind"
    assert await transactions.put("login", "x", b"v", 60), "nobody's"


async def test_many_at_once_do_not_get_past_the_limit(transactions: Transactions) -> None:
    puts = (transactions.put("login", f"k{n}", b"v", 60, owner="client", limit=10) for n in range(50))
    assert sum(await asyncio.gather(*puts)) == 10


async def test_a_record_that_was_taken_makes_room(transactions: Transactions) -> None:
    await transactions.put("login", "k1", b"v", 60, owner="client", limit=1)
    assert not await transactions.put("login", "k2", b"v", 60, owner="client", limit=1)
    await transactions.take("login", "k1")
    assert await transactions.put("login", "k2", b"v", 60, owner="client", limit=1)


async def test_a_record_that_expired_makes_room(transactions: Transactions) -> None:
    await transactions.put("login", "long", b"v", 60, owner="client", limit=2)
    await transactions.put("login", "short", b"v", 1, owner="client", limit=2)
    assert not await transactions.put("login", "k", b"v", 60, owner="client", limit=2)
    await asyncio.sleep(2.1)
    assert await transactions.put("login", "k", b"v", 60, owner="client", limit=2)
    assert not await transactions.put("login", "k2", b"v", 60, owner="client", limit=2)


async def test_a_record_is_swapped_only_while_it_is_what_was_read(transactions: Transactions) -> None:
    await transactions.put("device", "k", b"\x00one", 60, owner="client", limit=1)
    assert not await transactions.swap("device", "k", b"other", b"two")
    assert not await transactions.swap("device", "other", b"\x00one", b"two")
    assert await transactions.get("device", "k") == b"\x00one"
    assert await transactions.swap("device", "k", b"\x00one", b"")
    assert await transactions.get("device", "k") == b""
    assert not await transactions.put("device", "k2", b"v", 60, owner="client", limit=1), "its owner stays"
    assert await transactions.take("device", "k") == b""
    assert await transactions.put("device", "k2", b"v", 60, owner="client", limit=1)


async def test_exactly_one_of_many_swaps_what_all_have_read(transactions: Transactions) -> None:
    await transactions.put("device", "k", b"0", 60)
    swapped = await asyncio.gather(*(transactions.swap("device", "k", b"0", b"%d" % n) for n in range(1, 30)))
    assert sum(swapped) == 1


async def test_a_swapped_record_ends_when_it_would_have(transactions: Transactions) -> None:
    await transactions.put("device", "k", b"1", 1)
    assert await transactions.swap("device", "k", b"1", b"2")
    await asyncio.sleep(1.1)
    assert await transactions.get("device", "k") is None
    assert not await transactions.swap("device", "k", b"2", b"3")
