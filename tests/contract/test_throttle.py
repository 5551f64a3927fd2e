"""The port Throttle: a token bucket for each rule and its subjects."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.projections import RULES, SERVERS, empty_store, opened, real_time

from grantlog.adapters.memory.throttle import MOST, Buckets, MemoryThrottle
from grantlog.adapters.redis.quota import Quota, parse_quota
from grantlog.ports import Throttle


@pytest.fixture(params=["memory", *SERVERS])
async def throttle(request: pytest.FixtureRequest) -> AsyncIterator[Throttle]:
    if request.param == "memory":
        yield MemoryThrottle(RULES)
        return
    store = await empty_store(request, request.param)
    async with opened(store.url, real_time(), cluster=store.cluster) as redis:
        yield redis.throttle


async def test_a_bucket_holds_what_its_rule_says(throttle: Throttle) -> None:
    waits = [await throttle.hit("narrow", "a", "b") for _ in range(5)]
    assert waits[:3] == [0, 0, 0]
    assert all(1 <= wait <= 20 for wait in waits[3:]), "one of three comes back every 20 s"


async def test_subjects_and_rules_are_apart(throttle: Throttle) -> None:
    assert await throttle.hit("single", "ab", "c") == 0
    assert await throttle.hit("single", "a", "bc") == 0
    assert await throttle.hit("single", "abc") == 0
    assert await throttle.hit("narrow", "ab", "c") == 0
    assert 3500 <= await throttle.hit("single", "ab", "c") <= 3600


async def test_peeking_counts_nothing(throttle: Throttle) -> None:
    assert [await throttle.peek("single", "a") for _ in range(5)] == [0] * 5
    assert await throttle.hit("single", "a") == 0


async def test_peeking_tells_what_the_next_would_be_told(throttle: Throttle) -> None:
    for _ in range(2):
        await throttle.hit("narrow", "a")
    assert await throttle.peek("narrow", "a") == 0
    assert await throttle.hit("narrow", "a") == 0, "the last that is admitted"
    assert 1 <= await throttle.peek("narrow", "a") <= 20
    assert await throttle.peek("narrow", "b") == 0


async def test_what_was_counted_can_be_forgotten(throttle: Throttle) -> None:
    for _ in range(4):
        await throttle.hit("narrow", "a")
    await throttle.clear("narrow", "a")
    assert await throttle.peek("narrow", "a") == 0
    assert [await throttle.hit("narrow", "a") for _ in range(3)] == [0, 0, 0]


async def test_a_bucket_fills_again(throttle: Throttle) -> None:
    waits = [await throttle.hit("quick", "a") for _ in range(3)]
    assert waits == [0, 0, 1]
    await asyncio.sleep(0.6)
    assert await throttle.peek("quick", "a") == 0
    assert await throttle.hit("quick", "a") == 0
    assert await throttle.hit("quick", "a") == 1


async def test_refused_attempts_do_not_postpone_the_next(throttle: Throttle) -> None:
    for _ in range(50):
        await throttle.hit("quick", "a")
    await asyncio.sleep(0.6)
    assert await throttle.hit("quick", "a") == 0


async def test_many_at_once_do_not_get_past_the_bucket(throttle: Throttle) -> None:
    waits = await asyncio.gather(*(throttle.hit("narrow", "a") for _ in range(40)))
    assert waits.count(0) == 3


async def test_any_text_is_a_subject(throttle: Throttle) -> None:
    for subject in ("", "ÿ😀", "\udc80", "a" * 10_000, "{}:*\r\n"):
        assert await throttle.hit("single", subject) == 0
        assert await throttle.hit("single", subject) > 0


async def test_a_rule_that_nobody_gave_is_a_mistake(throttle: Throttle) -> None:
    with pytest.raises(KeyError):
        await throttle.hit("unheard of", "a")


@pytest.mark.parametrize(
    ("text", "capacity", "interval"),
    [
        ("6000/minute", 6000, 10_000),
        ("1/day", 1, 86_400_000_000),
        ("3/second", 3, 333_333),
        ("10/hour", 10, 360_000_000),
    ],
)
def test_a_rate_is_read(text: str, capacity: int, interval: int) -> None:
    assert parse_quota(text) == Quota(capacity, interval)


@pytest.mark.parametrize(
    "text", ["", "5", "5/", "/minute", "0/minute", "-1/minute", "5/fortnight", "5.5/minute", "5/minute/2"]
)
def test_any_other_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate reads"):
        parse_quota(text)


def test_no_more_subjects_are_remembered_than_there_is_room_for() -> None:
    now = 0.0
    buckets, quota = Buckets(lambda: now, most=10), Quota(1, 1_000_000)
    for number in range(25):
        assert buckets.hit(b"%d" % number, quota)[0] == 0
    assert buckets.hit(b"24", quota)[0] > 0
    assert buckets.hit(b"0", quota)[0] == 0, "forgotten first"
    now = 5.0
    assert buckets.hit(b"24", quota)[0] == 0
    assert MOST >= 10_000
