"""The projection on a real server that is flushed, killed, frozen, cut off and filled with rubbish."""

import asyncio
import random
import signal
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.fake_redis import fake_redis
from tests.support.projections import HASH_KEY, LEASE, RULES, command, family, opened, real_time
from tests.support.servers import StartValkey

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.memory.clock import ManualClock
from grantlog.adapters.redis.client import open_redis
from grantlog.adapters.redis.layout import encode_family, family_key, ready_key, tag_of
from grantlog.core.identifiers import MICROS, Micros, StreamId, mint_stream_id
from grantlog.ports import Projection, UnavailableError


def a_stream(number: int = 0, bucket: int = 0) -> StreamId:
    return mint_stream_id(real_time().now(), bucket, number.to_bytes(8, "big") + b"\0")


def expiry(clock: ManualClock) -> int:
    return clock.now() // MICROS + 600


async def calls(url: str, name: str) -> int:
    """How often a command was executed since the statistics were reset."""
    stats = await command(url, "INFO", "commandstats")
    assert isinstance(stats, bytes)
    lines = [line for line in stats.decode().splitlines() if line.startswith(f"cmdstat_{name}:")]
    return int(lines[0].split("calls=")[1].split(",")[0]) if lines else 0


async def test_all_reads_of_a_turn_are_one_command_a_tag(valkey_url: str) -> None:
    clock = real_time()
    async with opened(valkey_url, clock, tags=2) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        await command(valkey_url, "CONFIG", "RESETSTAT")
        streams = [a_stream(number % 40, bucket=number % 8) for number in range(200)]
        snapshots = await asyncio.gather(*(redis.read_model.read(stream) for stream in streams))
        assert all(snapshot.trusted for snapshot in snapshots)
        assert await calls(valkey_url, "mget") == 2
        assert await calls(valkey_url, "get") == await calls(valkey_url, "evalsha") == 0


async def test_a_script_the_server_forgot_is_sent_again(valkey_url: str) -> None:
    clock, stream = real_time(), a_stream()
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        for version in (1, 2):
            await command(valkey_url, "SCRIPT", "FLUSH")
            assert await redis.read_model.put(projection, stream, family(version, at=clock.now()), expiry(clock))
        assert (await redis.read_model.read(stream)).version == 2
        await command(valkey_url, "CONFIG", "RESETSTAT")
        assert await redis.read_model.put(projection, stream, family(3, at=clock.now()), expiry(clock))
        assert (await calls(valkey_url, "evalsha"), await calls(valkey_url, "eval")) == (1, 0)


async def test_cancelled_readers_never_get_another_family(valkey_url: str) -> None:
    clock, dice = real_time(), random.Random(3)
    streams = [a_stream(number, bucket=number % 6) for number in range(100)]
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        for stream in streams:
            # The family says whose it is.
            its = replace(family(1, at=clock.now()), subject=str(stream))
            assert await redis.read_model.put(projection, stream, its, expiry(clock))

        async def ask(stream: StreamId) -> bool:
            snapshot = await redis.read_model.read(stream)
            assert snapshot.trusted
            assert snapshot.family is not None
            assert snapshot.family.subject == str(stream)
            return True

        tasks = []
        for number in range(4000):
            tasks.append(asyncio.create_task(ask(dice.choice(streams))))
            if number % 5 == 0:
                await asyncio.sleep(0)
            if dice.random() < 0.4:
                dice.choice(tasks[-40:]).cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {bool, asyncio.CancelledError}
        assert outcomes.count(True) > 1000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.booleans()), max_size=40),
    salt=st.integers(0, 2**60),
)
async def test_puts_and_repairs_in_any_order_end_with_the_newest(
    valkey_url: str, order: list[tuple[int, int, bool]], salt: int
) -> None:
    """Version 6 is the tombstone. Whatever comes late, doubled or by way of the tail: the greatest version stands."""
    clock = real_time()
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        streams = [a_stream(salt + number, bucket=number) for number in range(4)]
        greatest = dict.fromkeys(range(4), 0)
        for number, version, by_the_tail in order:
            its = family(version, at=clock.now(), tokens=0 if version == 6 else 1)
            if by_the_tail:
                await redis.keeper.repair(1, [(streams[number], its, expiry(clock))], 0)
            else:
                assert await redis.read_model.put(projection, streams[number], its, expiry(clock))
            greatest[number] = max(greatest[number], version)
            snapshot = await redis.read_model.read(streams[number])
            assert snapshot.version == greatest[number]
            assert snapshot.family is not None
            assert bool(snapshot.family.tokens) is (greatest[number] != 6)


async def test_a_flush_a_restart_and_a_kill_leave_nobody_who_believes(start_valkey: StartValkey) -> None:
    server, clock, stream = start_valkey(), real_time(), a_stream()
    async with opened(server.url, clock) as redis:
        before = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(before, 0, 0, clock.now())
        await redis.read_model.put(before, stream, family(1, at=clock.now()), expiry(clock))
        assert (await redis.read_model.read(stream)).trusted

        server.kill()
        assert not (await redis.read_model.read(stream)).trusted
        assert not await redis.read_model.put(before, stream, family(2, at=clock.now()), expiry(clock))
        assert not await redis.read_model.raise_gates(before, 9)
        with pytest.raises(UnavailableError):
            await redis.keeper.runs()
        with pytest.raises(UnavailableError):
            await redis.keeper.beat(before, 1, 0, clock.now())

        server.start()
        await again(redis.keeper.runs)
        assert not (await redis.read_model.read(stream)).trusted
        # The server answers, but it is not the one that was named.
        assert not await redis.read_model.put(before, stream, family(2, at=clock.now()), expiry(clock))
        assert not await redis.read_model.raise_gates(before, 9)
        assert not await redis.keeper.beat(before, 1, 0, clock.now())

        after = Projection(2, await redis.keeper.runs(), clock.now())
        assert after.runs != before.runs
        await redis.keeper.begin(after, 0, 0, clock.now())
        assert await redis.read_model.put(after, stream, family(3, at=clock.now()), expiry(clock))
        assert (await redis.read_model.read(stream)).version == 3


async def again(question: object, seconds: float = 10) -> None:
    """Asks until it is answered."""
    assert callable(question)
    async with asyncio.timeout(seconds):
        while True:
            try:
                await question()
            except UnavailableError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_data_and_ready_that_survive_a_restart_are_not_believed(start_valkey: StartValkey) -> None:
    """As after a failover: all is there, perhaps not the last of it, and it is another server."""
    server, clock, stream = start_valkey(durable=True, options={"appendfsync": "always"}), real_time(), a_stream()
    async with opened(server.url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        await redis.read_model.put(projection, stream, family(1, at=clock.now()), expiry(clock))
        server.kill()
        server.start()
        await again(redis.keeper.runs)
        assert await redis.keeper.stored(1, stream) is not None
        assert not (await redis.read_model.read(stream)).trusted
        assert not await redis.read_model.raise_gates(projection, 1)
        assert not await redis.keeper.beat(projection, 1, 0, clock.now())


async def test_a_frozen_server_is_not_waited_for(start_valkey: StartValkey) -> None:
    server, clock, stream = start_valkey(), real_time(), a_stream()
    loop = asyncio.get_running_loop()
    async with opened(server.url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        server.send(signal.SIGSTOP)
        began = loop.time()
        snapshots = await asyncio.gather(*(redis.read_model.read(stream) for _ in range(50)))
        assert not any(snapshot.trusted for snapshot in snapshots)
        assert not await redis.read_model.put(projection, stream, family(1, at=clock.now()), expiry(clock))
        assert await redis.throttle.hit("single", "a") == 0, "counted in the process"
        assert await redis.throttle.hit("single", "a") > 0
        with pytest.raises(UnavailableError):
            await redis.transactions.get("login", "k")
        assert loop.time() - began < LEASE
        server.send(signal.SIGCONT)
        await again(redis.keeper.runs)
        # It is the same one, and nothing was lost: the beat is all that counts.
        assert (await redis.read_model.read(stream)).trusted
        clock.advance(LEASE)
        assert not (await redis.read_model.read(stream)).trusted
        assert await redis.keeper.beat(projection, 1, 0, clock.now())


async def test_a_primary_that_was_cut_off_is_believed_for_the_lease_and_no_longer(start_valkey: StartValkey) -> None:
    """Its readers still reach it, the tail does not: they must not miss what the new primary is told."""
    old, new, clock, stream = start_valkey(), start_valkey(), real_time(), a_stream()
    async with opened(old.url, clock) as reader, opened(new.url, clock) as tail:
        before = Projection(1, await reader.keeper.runs(), clock.now())
        await reader.keeper.begin(before, 0, 0, clock.now())
        await reader.read_model.put(before, stream, family(1, at=clock.now()), expiry(clock))

        # A revocation that the named primary has not acknowledged is refused, until the lease has run out.
        assert not await tail.read_model.put(before, stream, family(2, at=clock.now(), tokens=0), expiry(clock))
        clock.advance(LEASE - 0.01)
        assert (await reader.read_model.read(stream)).trusted
        clock.advance(0.01)
        assert not (await reader.read_model.read(stream)).trusted

        after = Projection(2, await tail.keeper.runs(), clock.now())
        await tail.keeper.begin(after, 0, 0, clock.now())
        assert await tail.read_model.put(after, stream, family(2, at=clock.now(), tokens=0), expiry(clock))
        assert not (await reader.read_model.read(stream)).trusted


async def test_a_reader_that_never_heard_of_postgresql_believes_no_beat(valkey_url: str) -> None:
    """Started beside a cut-off primary, it would otherwise take the last beat for the present."""
    writer_clock, stream = real_time(), a_stream()
    clock = PostgresClock()
    async with (
        opened(valkey_url, writer_clock) as writer,
        open_redis(
            valkey_url, cluster=False, tags=3, lease=LEASE, clock=clock, rules=RULES, hash_key=HASH_KEY
        ) as reader,
    ):
        projection = Projection(1, await writer.keeper.runs(), writer_clock.now())
        await writer.keeper.begin(projection, 0, 0, writer_clock.now())
        snapshot = await reader.read_model.read(stream)
        assert (snapshot.trusted, snapshot.now) == (False, 0)
        assert not await reader.read_model.put(
            projection, stream, family(1, at=writer_clock.now()), expiry(writer_clock)
        )
        clock.learn(writer_clock.now())
        assert (await reader.read_model.read(stream)).trusted


async def test_a_beat_teaches_the_time_to_who_knows_it_roughly(valkey_url: str) -> None:
    writer_clock, clock = real_time(), PostgresClock()
    clock.learn(Micros(writer_clock.now() - MICROS // 2))
    async with (
        opened(valkey_url, writer_clock) as writer,
        open_redis(
            valkey_url, cluster=False, tags=3, lease=LEASE, clock=clock, rules=RULES, hash_key=HASH_KEY
        ) as reader,
    ):
        projection = Projection(1, await writer.keeper.runs(), writer_clock.now())
        await writer.keeper.begin(projection, 0, 0, writer_clock.now())
        snapshot = await reader.read_model.read(a_stream())
        assert snapshot.trusted
        assert snapshot.now >= writer_clock.now()
        assert clock.now() >= writer_clock.now()


RUBBISH = [
    b"",
    b"\x00\x00\x00\x01",
    b"\x00\x00\x00\x01\x01",
    b"\x00\x00\x00\x01\xff" + encode_family(family(1, at=real_time().now()))[5:],
    b"\x00\x00\x00\x02" + encode_family(family(1, at=real_time().now()))[4:],
    encode_family(family(1, at=real_time().now()))[:-3],
    encode_family(family(1, at=real_time().now())) + b"x",
    b"\x00\x00\x00\x01\x01\xc0",
    b"x" * 300,
]


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_rubbish_in_the_place_of_a_family_is_not_believed_and_harms_no_other(
    valkey_url: str, rubbish: bytes
) -> None:
    clock, stream, other = real_time(), a_stream(1), a_stream(2)
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        await redis.read_model.put(projection, other, family(1, at=clock.now()), expiry(clock))
        await command(valkey_url, "SET", family_key(tag_of(stream, 3), 1, stream), rubbish)
        wrong, right = await asyncio.gather(redis.read_model.read(stream), redis.read_model.read(other))
        assert (wrong.trusted, wrong.family) == (False, None)
        assert (right.trusted, right.version) == (True, 1)


@pytest.mark.parametrize("rubbish", [b"", b"x", b"\x00" * 20, b"\x00" * 60, b"\xff" * 60, b"\x00" * 19 + b"a"])
async def test_rubbish_in_the_place_of_ready_is_not_believed(valkey_url: str, rubbish: bytes) -> None:
    clock, stream = real_time(), a_stream()
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        for tag in range(3):
            await command(valkey_url, "SET", ready_key(tag), rubbish)
        assert not (await redis.read_model.read(stream)).trusted
        assert not await redis.read_model.raise_gates(projection, 1)
        assert not await redis.keeper.beat(projection, 1, 0, clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        assert (await redis.read_model.read(stream)).trusted


async def test_a_ready_of_another_kind_is_not_believed(valkey_url: str) -> None:
    clock = real_time()
    async with opened(valkey_url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        for tag in range(3):
            await command(valkey_url, "RPUSH", ready_key(tag), "x")
        assert not (await redis.read_model.read(a_stream())).trusted
        assert not await redis.read_model.raise_gates(projection, 1)
        assert not await redis.keeper.beat(projection, 1, 0, clock.now())
        with pytest.raises(UnavailableError):
            await redis.keeper.begin(projection, 1, 0, clock.now())


async def test_a_full_server_refuses_and_is_not_taken_for_having_acknowledged(start_valkey: StartValkey) -> None:
    server, clock = start_valkey(), real_time()
    async with opened(server.url, clock) as redis:
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        await command(server.url, "CONFIG", "SET", "maxmemory", "1")
        assert not await redis.read_model.put(projection, a_stream(), family(1, at=clock.now()), expiry(clock))
        assert not await redis.read_model.raise_gates(projection, 5)
        assert await redis.throttle.hit("single", "a") == 0
        with pytest.raises(UnavailableError):
            await redis.transactions.put("login", "k", b"v", 60)
        assert (await redis.read_model.read(a_stream())).trusted


async def test_a_process_starts_without_its_redis_and_finds_it_later(start_valkey: StartValkey) -> None:
    server, clock, stream = start_valkey(), real_time(), a_stream()
    server.stop()
    async with opened(server.url, clock) as redis:
        assert not (await redis.read_model.read(stream)).trusted
        server.start()
        await again(redis.keeper.runs)
        projection = Projection(1, await redis.keeper.runs(), clock.now())
        await redis.keeper.begin(projection, 0, 0, clock.now())
        assert (await redis.read_model.read(stream)).trusted


async def test_a_family_with_one_access_token_takes_at_most_300_bytes(start_valkey: StartValkey) -> None:
    server, clock = start_valkey(), real_time()

    async def used() -> int:
        info = await command(server.url, "INFO", "memory")
        assert isinstance(info, bytes)
        return int(info.split(b"used_memory:")[1].split(b"\r\n")[0])

    async with opened(server.url, clock) as redis:
        await redis.keeper.prepare(1, 0)
        before = await used()
        families = [(a_stream(number), family(1, at=clock.now()), expiry(clock)) for number in range(10_000)]
        for start in range(0, len(families), 500):
            await redis.keeper.repair(1, families[start : start + 500], start)
        # The table of keys doubles at 16,384: half of it is empty here, which is counted.
        assert (await used() - before) / 10_000 <= 300


async def test_no_address_or_user_name_is_readable(valkey_url: str) -> None:
    async with opened(valkey_url, real_time()) as redis:
        await redis.throttle.hit("narrow", "203.0.113.9", "alice@example.com")
        await redis.transactions.put("login", "handle-of-a-browser", b"", 60, owner="web-shop", limit=3)
        keys = await command(valkey_url, "KEYS", "*")
        assert isinstance(keys, list)
        assert len(keys) == 3
        text = b" ".join(keys)
        assert not [word for word in (b"203.0.113.9", b"alice", b"handle", b"web-shop", b"login") if word in text]


async def test_a_server_that_refuses_to_count_is_left_alone_for_a_while() -> None:
    async with fake_redis(lambda _: b"-OOM no room\r\n") as fake, opened(fake.url, real_time()) as redis:
        assert [await redis.throttle.hit("narrow", "a") for _ in range(3)] == [0, 0, 0]
        assert await redis.throttle.hit("narrow", "a") > 0
        assert len(fake.commands) == 1
